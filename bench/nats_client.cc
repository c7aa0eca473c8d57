// NATS JetStream, by libnats: one file-backed stream with a subject per room.
#include <nats/nats.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/client.h"

namespace roomlog::bench {
namespace {

constexpr char kStream[] = "rooms";
constexpr absl::string_view kSubjectPrefix = "rooms.";
constexpr char kAllSubjects[] = "rooms.*";

template <typename T, void (*destroy)(T*)>
struct Destroy {
  void operator()(T* object) const { destroy(object); }
};
template <typename T, void (*destroy)(T*)>
using Owned = std::unique_ptr<T, Destroy<T, destroy>>;
using Message = Owned<natsMsg, natsMsg_Destroy>;

absl::Status ToStatus(natsStatus status, absl::string_view doing) {
  if (status == NATS_OK) return absl::OkStatus();
  const char* reason = nats_GetLastError(nullptr);
  return absl::UnavailableError(absl::StrCat("nats: ", doing, ": ",
                                             natsStatus_GetText(status), " ",
                                             reason == nullptr ? "" : reason));
}

// Tells one thread that waits of what others found out.
class Outcome {
 public:
  // The first one said stays.
  void Set(absl::Status status) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (set_) return;
    set_ = true;
    status_ = std::move(status);
    changed_.notify_all();
  }
  absl::Status Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return set_; });
    return status_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
  absl::Status status_;
};

// Waits for the answers to publishes, which come on a thread of the library.
// The library's own limit on them wakes the publisher for every single answer;
// this one lets a part of the window come free first.
class Answers {
 public:
  Answers(uint64_t window, PublishRun* run)
      : window_(window), refill_(window < 4 ? 1 : window / 4), run_(*run) {}

  // Waits until there is room, if there is none. Not OK: a publish failed.
  absl::Status WaitForWindow() {
    if (run_.room_in_window() > 0) return absl::OkStatus();
    return WaitFor(run_.made() - window_ + refill_);
  }
  absl::Status WaitForAll() { return WaitFor(run_.made()); }

  // Takes one. Owns `message`.
  static void OnAnswer(jsCtx*, natsMsg* message, jsPubAck*, jsPubAckErr* error,
                       void* self) {
    const Message destroyed(message);
    static_cast<Answers*>(self)->Take(error);
  }

 private:
  absl::Status WaitFor(uint64_t acknowledged) {
    std::unique_lock<std::mutex> lock(mutex_);
    wake_at_ = acknowledged;
    changed_.wait(lock, [&] {
      return !status_.ok() || run_.acknowledged() >= acknowledged;
    });
    return status_;
  }

  void Take(const jsPubAckErr* error) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (error == nullptr) {
      run_.Acknowledge(1);
    } else {
      status_.Update(ToStatus(error->Err, "publish"));
    }
    if (error != nullptr || run_.acknowledged() == wake_at_) {
      changed_.notify_one();
    }
  }

  const uint64_t window_;
  const uint64_t refill_;
  PublishRun& run_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t wake_at_ = 0;
  absl::Status status_;
};

class NatsClient final : public Client {
 public:
  explicit NatsClient(const ServerAddress& server)
      : url_(absl::StrCat("nats://", server.host, ":", server.port)) {}

  absl::Status Publish(const std::vector<std::string>& rooms,
                       PublishRun* run) override {
    std::vector<std::string> subjects;
    for (const std::string& room : rooms) {
      subjects.push_back(absl::StrCat(kSubjectPrefix, room));
    }
    const uint64_t window = run->room_in_window();
    absl::Status status = Connect(/*send_at_once=*/window == 1);
    if (!status.ok()) return status;
    return window == 1 ? PublishOneByOne(subjects, run)
                       : PublishMany(subjects, window, run);
  }

  absl::Status Subscribe(const std::vector<std::string>&, DeliveryCheck* check,
                         absl::FunctionRef<void()> ready) override {
    absl::Status status = Connect(/*send_at_once=*/true);
    if (status.ok()) status = AddStream();
    if (!status.ok()) return status;

    struct Receiver {
      DeliveryCheck& check;
      Outcome outcome;
    } receiver{*check, {}};
    const natsMsgHandler on_message = [](natsConnection*, natsSubscription*,
                                         natsMsg* message, void* closure) {
      const Message destroyed(message);
      Receiver& receiver = *static_cast<Receiver*>(closure);
      absl::string_view subject = natsMsg_GetSubject(message);
      subject.remove_prefix(kSubjectPrefix.size());
      absl::Status taken = receiver.check.Take(
          subject,
          {natsMsg_GetData(message),
           static_cast<size_t>(natsMsg_GetDataLength(message))},
          NowNanos());
      if (!taken.ok() || receiver.check.complete()) {
        receiver.outcome.Set(std::move(taken));
      }
    };
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Stream = kStream;
    options.Ordered = true;  // In order, without gaps, no acknowledgements.
    natsSubscription* raw = nullptr;
    status =
        ToStatus(js_Subscribe(&raw, context_.get(), kAllSubjects, on_message,
                              &receiver, nullptr, &options, nullptr),
                 "subscribe");
    if (!status.ok()) return status;
    const Owned<natsSubscription, natsSubscription_Destroy> subscription(raw);
    natsSubscription_SetPendingLimits(raw, -1, -1);
    status = ToStatus(natsConnection_Flush(connection_.get()), "flush");
    if (!status.ok()) return status;
    ready();
    return receiver.outcome.Wait();
  }

 private:
  absl::Status Connect(bool send_at_once) {
    natsOptions* raw_options = nullptr;
    natsOptions_Create(&raw_options);
    const Owned<natsOptions, natsOptions_Destroy> options(raw_options);
    natsOptions_SetURL(raw_options, url_.c_str());
    natsOptions_SetSendAsap(raw_options, send_at_once);
    natsConnection* connection = nullptr;
    absl::Status status =
        ToStatus(natsConnection_Connect(&connection, raw_options), "connect");
    if (!status.ok()) return status;
    connection_.reset(connection);
    return absl::OkStatus();
  }

  absl::Status MakeContext(jsOptions* options) {
    jsCtx* context = nullptr;
    absl::Status status =
        ToStatus(natsConnection_JetStream(&context, connection_.get(), options),
                 "JetStream");
    if (status.ok()) context_.reset(context);
    return status;
  }

  absl::Status AddStream() {
    absl::Status status = MakeContext(nullptr);
    if (!status.ok()) return status;
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    const char* subjects[] = {kAllSubjects};
    config.Name = kStream;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    return ToStatus(
        js_AddStream(nullptr, context_.get(), &config, nullptr, nullptr),
        "add stream");
  }

  // At a depth of one the plain call has one thread hop less.
  absl::Status PublishOneByOne(const std::vector<std::string>& subjects,
                               PublishRun* run) {
    absl::Status status = MakeContext(nullptr);
    EventBytes event;
    while (status.ok() && !run->made_all()) {
      const uint32_t room = run->MakeNext(&event);
      status =
          ToStatus(js_Publish(nullptr, context_.get(), subjects[room].c_str(),
                              event.data(), event.size(), nullptr, nullptr),
                   "publish");
      if (status.ok()) run->Acknowledge(1);
    }
    return status;
  }

  absl::Status PublishMany(const std::vector<std::string>& subjects,
                           uint64_t window, PublishRun* run) {
    Answers answers(window, run);
    jsOptions options;
    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = static_cast<int64_t>(window) * 2;
    options.PublishAsync.AckHandler = &Answers::OnAnswer;
    options.PublishAsync.AckHandlerClosure = &answers;
    absl::Status status = MakeContext(&options);
    EventBytes event;
    while (status.ok() && !run->made_all()) {
      status = answers.WaitForWindow();
      if (!status.ok()) break;
      const uint32_t room = run->MakeNext(&event);
      status = ToStatus(js_PublishAsync(context_.get(), subjects[room].c_str(),
                                        event.data(), event.size(), nullptr),
                        "publish");
    }
    if (status.ok()) status = answers.WaitForAll();
    context_.reset();  // No answer comes after this.
    return status;
  }

  const std::string url_;
  Owned<natsConnection, natsConnection_Destroy> connection_;
  Owned<jsCtx, jsCtx_Destroy> context_;
};

}  // namespace
}  // namespace roomlog::bench

int main(int argc, char** argv) {
  using roomlog::bench::NatsClient;
  return roomlog::bench::RunClient(
      argc, argv, [](const roomlog::bench::ServerAddress& server) {
        return std::make_unique<NatsClient>(server);
      });
}
