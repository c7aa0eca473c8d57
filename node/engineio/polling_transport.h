// A session's HTTP long-polling: requests in, packets and answers out. Free of
// sockets and clocks.
#ifndef ROOMLOG_NODE_ENGINEIO_POLLING_TRANSPORT_H_
#define ROOMLOG_NODE_ENGINEIO_POLLING_TRANSPORT_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "node/engineio/http_exchange.h"
#include "node/engineio/shared_frame.h"

namespace roomlog {

// Who is told what comes in.
class PollingOwner {
 public:
  virtual ~PollingOwner() = default;

  virtual void OnPolledText(absl::string_view packet) = 0;
  virtual void OnPolledBinary(absl::string_view message) = 0;
  // The client has left, or broke the rules. The transport is over.
  virtual void OnPollingClosed(absl::string_view reason) = 0;
  // What was queued has been handed over.
  virtual void OnPollingDrained() = 0;
  // Asks for a Flush() at the end of the turn.
  virtual void OnPollingWantsTurn() = 0;
};

// What an answer to a poll or a post is made from, beside its packets.
struct PollingRules {
  size_t message_bytes_max = 0;
  bool compresses = true;
  // The headers that go with every answer to this request.
  std::function<HttpHeaders(const HttpRequest&)> headers_of;
};

// At most one poll and one post are under way; one more ends the session, as
// does a client that leaves a request unfinished, or the same poll once more: a
// balancer asks again that lost the answer, and what was in it is gone.
class PollingTransport final : public ExchangeOwner {
 public:
  // Borrows both. `first_headers` go with the first answer only.
  PollingTransport(const PollingRules& rules, PollingOwner& owner,
                   HttpHeaders first_headers = {});
  ~PollingTransport() override;

  // ---- Requests of the client ----

  void OnPoll(std::shared_ptr<HttpExchange> exchange);
  void OnPost(std::shared_ptr<HttpExchange> exchange);

  // ---- What the session says ----

  // False: more than kClientBufferBytesHardMax would wait, and the frame was
  // not taken.
  bool Send(SharedFramePtr frame);
  // Says what is queued, and goodbye, to this poll or the next. Who does not
  // poll by kPollingCloseTime from `now` is forgotten.
  void Close(absl::Duration now);
  // It is over at once. A pending poll is told goodbye.
  void Fail();
  // Answers the pending poll if there is something to say.
  void Flush();
  // Answers the pending poll in any case, so that the client may leave off.
  void FlushNoop();
  void OnTick(absl::Duration now);

  absl::Duration deadline() const { return close_deadline_; }
  bool is_over() const { return state_ == State::kOver; }
  size_t queued_bytes() const { return queued_bytes_; }
  // Ends polling without a goodbye, and gives back what was not yet said.
  std::vector<SharedFramePtr> Release();
  // Forgets what is queued.
  void DropQueue();

  // ExchangeOwner
  void OnBody(HttpExchange& exchange, absl::string_view body) override;
  void OnBodyTooLarge(HttpExchange& exchange) override;
  void OnAborted(HttpExchange& exchange) override;

 private:
  enum class State { kOpen, kClosing, kOver };

  // Whether it is the last poll again. Clients stamp each with another `t`.
  bool IsRepeated(const HttpRequest& request);
  void TakePayload(absl::string_view payload);
  void AnswerPoll(std::string payload);
  void AnswerPost(HttpAnswer answer);
  void RefusePost();  // If one is under way.
  // The client is at fault, or has left; `goodbye` is for its pending poll.
  void End(absl::string_view reason, absl::string_view goodbye);
  void Finish(absl::string_view goodbye);

  const PollingRules& rules_;
  PollingOwner& owner_;
  HttpHeaders first_headers_;
  State state_ = State::kOpen;
  std::shared_ptr<HttpExchange> poll_;
  std::shared_ptr<HttpExchange> post_;
  std::vector<SharedFramePtr> queue_;
  size_t queued_bytes_ = 0;  // With the overhead of each frame.
  absl::Duration close_deadline_ = absl::InfiniteDuration();
  size_t last_stamp_ = 0;       // Of the last poll, hashed; 0: it had none.
  bool closes_a_poll_ = false;  // One was pending when Close() came.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_POLLING_TRANSPORT_H_
