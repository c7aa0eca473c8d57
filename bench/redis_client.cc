// Redis Streams, by hiredis. All rooms go through one stream with the room as a
// field, as Socket.IO's streams adapter does it, and as is fastest for Redis.
#include <hiredis/hiredis.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/client.h"

namespace roomlog::bench {
namespace {

constexpr absl::string_view kStream = "rooms";
// Commands gathered before they are written: enough for few system calls, few
// enough that the server never idles while they are made.
constexpr size_t kWriteBytes = size_t{64} << 10;
constexpr size_t kReadBytes = size_t{256} << 10;
constexpr int kEventsPerRead = 10000;

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
using Connection = std::unique_ptr<redisContext, FreeContext>;

absl::Status ErrorOf(const redisContext& context) {
  return absl::UnavailableError(absl::StrCat("redis: ", context.errstr));
}

std::string BulkString(absl::string_view text) {
  return absl::StrCat("$", text.size(), "\r\n", text, "\r\n");
}

absl::Status WriteAll(redisContext* context, absl::string_view commands) {
  if (redisAppendFormattedCommand(context, commands.data(), commands.size()) !=
      REDIS_OK) {
    return ErrorOf(*context);
  }
  for (int done = 0; !done;) {
    if (redisBufferWrite(context, &done) != REDIS_OK) return ErrorOf(*context);
  }
  return absl::OkStatus();
}

// Takes the events out of an answer to XREAD as hiredis parses it, so that no
// reply object is ever made. The answer is
//   [[stream, [[id, ["r", room, "d", event]], ...]]]
class StreamReader {
 public:
  StreamReader(DeliveryCheck* check, redisReader* reader)
      : check_(*check), reader_(*reader) {
    static redisReplyObjectFunctions functions = {
        &StreamReader::OnString,
        [](const redisReadTask* task, int) { return Anything(task); },
        [](const redisReadTask* task, long long) { return Anything(task); },
        &Anything, [](void*) {}};
    reader_.fn = &functions;
    reader_.privdata = this;
    reader_.maxbuf = 0;  // Keep the buffer however large it is.
  }
  ~StreamReader() { reader_.fn = nullptr; }

  const std::string& last_id() const { return last_id_; }

  // True if the answer is whole. `bytes` came now.
  absl::StatusOr<bool> Feed(absl::string_view bytes) {
    now_ns_ = NowNanos();
    void* answer = nullptr;
    if (redisReaderFeed(&reader_, bytes.data(), bytes.size()) != REDIS_OK ||
        redisReaderGetReply(&reader_, &answer) != REDIS_OK) {
      return absl::DataLossError(absl::StrCat("redis: ", reader_.errstr));
    }
    if (!status_.ok()) return status_;
    return answer != nullptr;
  }

 private:
  // hiredis takes null for "out of memory" and looks at nothing else.
  static void* Anything(const redisReadTask* task) { return task->privdata; }

  static void* OnString(const redisReadTask* task, char* text, size_t size) {
    static_cast<StreamReader*>(task->privdata)->Take(*task, {text, size});
    return Anything(task);
  }

  void Take(const redisReadTask& task, absl::string_view text) {
    if (task.type == REDIS_REPLY_ERROR) {
      status_.Update(absl::UnavailableError(text));
      return;
    }
    int depth = 0;
    for (auto* above = task.parent; above != nullptr; above = above->parent) {
      ++depth;
    }
    if (depth == 4 && task.idx == 0) last_id_.assign(text.data(), text.size());
    if (depth == 5 && task.idx == 1) room_.assign(text.data(), text.size());
    if (depth == 5 && task.idx == 3) {
      status_.Update(check_.Take(room_, text, now_ns_));
    }
  }

  DeliveryCheck& check_;
  redisReader& reader_;
  int64_t now_ns_ = 0;
  std::string last_id_ = "0-0";
  std::string room_;
  absl::Status status_;
};

class RedisClient final : public Client {
 public:
  explicit RedisClient(const ServerAddress& server)
      : context_(redisConnect(server.host.c_str(), server.port)) {}

  absl::Status Publish(const std::vector<std::string>& rooms,
                       PublishRun* run) override {
    if (context_->err) return ErrorOf(*context_);
    std::vector<std::string> command_of;  // All but the event, by room.
    for (const std::string& room : rooms) {
      command_of.push_back(
          absl::StrCat("*7\r\n", BulkString("XADD"), BulkString(kStream),
                       BulkString("*"), BulkString("r"), BulkString(room),
                       BulkString("d"), "$", kEventBytes, "\r\n"));
    }
    // Without functions hiredis makes no objects: an answer is its type.
    context_->reader->fn = nullptr;
    std::string commands;
    EventBytes event;
    while (!run->finished()) {
      while (!run->made_all() && run->room_in_window() > 0 &&
             commands.size() < kWriteBytes) {
        const uint32_t room = run->MakeNext(&event);
        commands += command_of[room];
        commands.append(event.data(), event.size());
        commands += "\r\n";
      }
      if (!commands.empty()) {
        absl::Status status = WriteAll(context_.get(), commands);
        if (!status.ok()) return status;
        commands.clear();
        if (!run->made_all() && run->room_in_window() > 0) continue;
      }
      absl::Status status = ReadAnswers(run);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Subscribe(const std::vector<std::string>&, DeliveryCheck* check,
                         absl::FunctionRef<void()> ready) override {
    if (context_->err) return ErrorOf(*context_);
    StreamReader reader(check, context_->reader);
    std::vector<char> buffer(kReadBytes);
    ready();  // It reads from the stream's beginning.
    while (!check->complete()) {
      absl::Status status = WriteAll(
          context_.get(),
          absl::StrCat("*8\r\n", BulkString("XREAD"), BulkString("COUNT"),
                       BulkString(absl::StrCat(kEventsPerRead)),
                       BulkString("BLOCK"), BulkString("0"),
                       BulkString("STREAMS"), BulkString(kStream),
                       BulkString(reader.last_id())));
      if (!status.ok()) return status;
      for (bool whole = false; !whole;) {
        const ssize_t size = read(context_->fd, buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return absl::UnavailableError("redis: closed");
        absl::StatusOr<bool> fed =
            reader.Feed({buffer.data(), static_cast<size_t>(size)});
        if (!fed.ok()) return fed.status();
        whole = *fed;
      }
    }
    return absl::OkStatus();
  }

 private:
  // Waits for answers and takes all that came.
  absl::Status ReadAnswers(PublishRun* run) {
    if (redisBufferRead(context_.get()) != REDIS_OK) return ErrorOf(*context_);
    uint64_t count = 0;
    for (;;) {
      void* answer = nullptr;
      if (redisGetReplyFromReader(context_.get(), &answer) != REDIS_OK) {
        return ErrorOf(*context_);
      }
      if (answer == nullptr) break;
      if (reinterpret_cast<intptr_t>(answer) != REDIS_REPLY_STRING) {
        return absl::UnavailableError("redis: XADD was refused");
      }
      ++count;
    }
    if (count > 0) run->Acknowledge(count);
    return absl::OkStatus();
  }

  const Connection context_;
};

}  // namespace
}  // namespace roomlog::bench

int main(int argc, char** argv) {
  using roomlog::bench::RedisClient;
  return roomlog::bench::RunClient(
      argc, argv, [](const roomlog::bench::ServerAddress& server) {
        return std::make_unique<RedisClient>(server);
      });
}
