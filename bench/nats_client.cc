// NATS JetStream, by libnats: one file-backed stream with a subject per room.
#include <nats/nats.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/client.h"

ABSL_FLAG(bool, stored, true,
          "deliver what is stored; else whatever passes through the server");

namespace roomlog::bench {
namespace {

constexpr char kStream[] = "rooms";
constexpr absl::string_view kSubjectPrefix = "rooms.";
constexpr char kAllSubjects[] = "rooms.*";
constexpr char kAnswers[] = "answers";
constexpr int64_t kWaitMs = 10'000;

// From where the subscriber gets its events.
enum class Delivery {
  kStored,   // From the stream, by an ordered consumer: what came is stored.
  kPassing,  // As they pass through the server, stored or not. What is missed
             // is gone, so no backplane could use it alone; the fastest there
             // is.
};

template <typename T, void (*destroy)(T*)>
struct Destroy {
  void operator()(T* object) const { destroy(object); }
};
template <typename T, void (*destroy)(T*)>
using Owned = std::unique_ptr<T, Destroy<T, destroy>>;
using Message = Owned<natsMsg, natsMsg_Destroy>;
using Subscription = Owned<natsSubscription, natsSubscription_Destroy>;

absl::Status ToStatus(natsStatus status, absl::string_view doing) {
  if (status == NATS_OK) return absl::OkStatus();
  const char* reason = nats_GetLastError(nullptr);
  return absl::UnavailableError(absl::StrCat("nats: ", doing, ": ",
                                             natsStatus_GetText(status), " ",
                                             reason == nullptr ? "" : reason));
}

class NatsClient final : public Client {
 public:
  NatsClient(const ServerAddress& server, Delivery delivery)
      : url_(absl::StrCat("nats://", server.host, ":", server.port)),
        delivery_(delivery) {}

  // Every publish names the same subject for its answer. The library's own
  // js_PublishAsync() names a new one each time, which the server has to look
  // up anew: it was a fifth slower.
  absl::Status Publish(const std::vector<std::string>& rooms,
                       PublishRun* run) override {
    std::vector<std::string> subjects;
    for (const std::string& room : rooms) {
      subjects.push_back(absl::StrCat(kSubjectPrefix, room));
    }
    // The library gathers what is sent and leaves it to a thread of its own to
    // write, which is best for many at a time and worst for one.
    absl::Status status = Connect(/*send_at_once=*/run->room_in_window() == 1);
    if (!status.ok()) return status;
    natsSubscription* raw = nullptr;
    status = ToStatus(
        natsConnection_SubscribeSync(&raw, connection_.get(), kAnswers),
        "subscribe to answers");
    if (!status.ok()) return status;
    const Subscription answers(raw);
    natsSubscription_SetPendingLimits(raw, -1, -1);

    EventBytes event;
    while (status.ok() && !run->finished()) {
      while (status.ok() && !run->made_all() && run->room_in_window() > 0) {
        const uint32_t room = run->MakeNext(&event);
        status = ToStatus(natsConnection_PublishRequest(
                              connection_.get(), subjects[room].c_str(),
                              kAnswers, event.data(), event.size()),
                          "publish");
      }
      if (status.ok()) status = TakeAnswers(raw, run);
    }
    return status;
  }

  absl::Status Subscribe(const std::vector<std::string>&, DeliveryCheck* check,
                         absl::FunctionRef<void()> ready) override {
    absl::Status status = Connect(/*send_at_once=*/true);
    if (status.ok()) status = AddStream();
    if (!status.ok()) return status;

    natsSubscription* raw = nullptr;
    if (delivery_ == Delivery::kStored) {
      jsSubOptions options;
      jsSubOptions_Init(&options);
      options.Stream = kStream;
      options.Ordered = true;  // In order, without gaps, no acknowledgements.
      status = ToStatus(js_SubscribeSync(&raw, context_.get(), kAllSubjects,
                                         nullptr, &options, nullptr),
                        "subscribe");
    } else {
      status = ToStatus(
          natsConnection_SubscribeSync(&raw, connection_.get(), kAllSubjects),
          "subscribe");
    }
    if (!status.ok()) return status;
    const Subscription subscription(raw);
    natsSubscription_SetPendingLimits(raw, -1, -1);
    status = ToStatus(natsConnection_Flush(connection_.get()), "flush");
    if (!status.ok()) return status;
    ready();
    while (status.ok() && !check->complete()) {
      status = TakeEvent(raw, check);
    }
    return status;
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

  absl::Status AddStream() {
    jsCtx* context = nullptr;
    absl::Status status =
        ToStatus(natsConnection_JetStream(&context, connection_.get(), nullptr),
                 "JetStream");
    if (!status.ok()) return status;
    context_.reset(context);
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

  // Waits for an event for a while.
  static absl::Status TakeEvent(natsSubscription* events,
                                DeliveryCheck* check) {
    natsMsg* raw = nullptr;
    const natsStatus got = natsSubscription_NextMsg(&raw, events, kWaitMs);
    if (got == NATS_TIMEOUT) return absl::OkStatus();
    if (got != NATS_OK) return ToStatus(got, "event");
    const Message message(raw);
    absl::string_view subject = natsMsg_GetSubject(raw);
    subject.remove_prefix(kSubjectPrefix.size());
    return check->Take(
        subject,
        {natsMsg_GetData(raw), static_cast<size_t>(natsMsg_GetDataLength(raw))},
        NowNanos());
  }

  // Waits for an answer and takes all that came.
  static absl::Status TakeAnswers(natsSubscription* answers, PublishRun* run) {
    int64_t wait_ms = kWaitMs;
    for (uint64_t count = 0;; ++count, wait_ms = 0) {
      natsMsg* raw = nullptr;
      const natsStatus got = natsSubscription_NextMsg(&raw, answers, wait_ms);
      if (got == NATS_TIMEOUT && count > 0) {
        run->Acknowledge(count);
        return absl::OkStatus();
      }
      if (got != NATS_OK) return ToStatus(got, "answer");
      const Message message(raw);
      const absl::string_view answer(
          natsMsg_GetData(raw),
          static_cast<size_t>(natsMsg_GetDataLength(raw)));
      if (!absl::StrContains(answer, "\"seq\"")) {
        return absl::UnavailableError(absl::StrCat("nats: refused: ", answer));
      }
    }
  }

  const std::string url_;
  const Delivery delivery_;
  Owned<natsConnection, natsConnection_Destroy> connection_;
  Owned<jsCtx, jsCtx_Destroy> context_;
};

}  // namespace
}  // namespace roomlog::bench

int main(int argc, char** argv) {
  using roomlog::bench::Delivery;
  using roomlog::bench::NatsClient;
  return roomlog::bench::RunClient(
      argc, argv, [](const roomlog::bench::ServerAddress& server) {
        return std::make_unique<NatsClient>(server, absl::GetFlag(FLAGS_stored)
                                                        ? Delivery::kStored
                                                        : Delivery::kPassing);
      });
}
