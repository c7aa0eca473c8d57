// Requests that came to the wrong node, for balancers that are not sticky.
#ifndef ROOMLOG_NODE_RELAY_REQUEST_RELAY_H_
#define ROOMLOG_NODE_RELAY_REQUEST_RELAY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/ids.h"
#include "node/engineio/http_exchange.h"
#include "node/relay/relayed_exchange.h"
#include "proto/node_messages.pb.h"

namespace roomlog {

// The room, in the nodes' own namespace, in which a loop hears other nodes.
std::string RelayRoomOf(NodeTag node, size_t loop_index);

// One loop's: hands requests to the loops whose sessions they name, wherever
// those are, and their answers to the clients; and takes what other nodes hand
// to this loop. What it says may be lost, so it asks from time to time whether
// its requests are still known where they were handed to, and gives up those
// that are not: as an unknown session, upon which clients connect anew. Pure;
// one thread.
class RequestRelay {
 public:
  // Says `bytes` in a room; tells how many loops heard it, none if there is no
  // such loop any more. Called back later.
  using Said = absl::AnyInvocable<void(absl::StatusOr<size_t> heard) &&>;
  using Say =
      std::function<void(std::string room, std::string bytes, Said said)>;
  // Serves a request that is for a session of this loop.
  using Serve = std::function<void(std::shared_ptr<HttpExchange>)>;

  struct Options {
    NodeTag node;
    size_t loop_index = 0;
    size_t body_bytes_max = 0;
  };

  // Borrows `clock`.
  RequestRelay(Options options, const Clock& clock, Say say, Serve serve);
  ~RequestRelay();

  // The room in which this loop is to be heard.
  const std::string& room() const { return room_; }

  // Hands a request on to the loop whose session it names, and answers it by
  // what comes back.
  void HandOn(NodeTag node, size_t loop_index,
              std::shared_ptr<HttpExchange> exchange);

  // Something was said in room().
  void OnHeard(absl::string_view bytes);
  // To be called about once a second.
  void OnTick();

  // Requests that other nodes are to answer, and that this loop is.
  size_t handed_on() const { return asked_.size(); }
  size_t taken() const { return taken_.size(); }

 private:
  // Counts a body that is put together, while it lives.
  class InParts {
   public:
    explicit InParts(size_t& count) : count_(count) { ++count_; }
    ~InParts() { --count_; }
    InParts(const InParts&) = delete;
    InParts& operator=(const InParts&) = delete;

   private:
    size_t& count_;
  };
  class Asked;
  struct Taken {
    absl::Duration came_at;
    std::unique_ptr<InParts> in_parts;
    std::shared_ptr<RelayedExchange> exchange;  // Null: its body is not whole.
    proto::RelayedRequest request;
    std::string body;
  };
  using TakenKey = std::pair<std::string, uint64_t>;

  proto::Relay MessageOf(uint64_t exchange) const;
  void Tell(const std::string& room, const proto::Relay& relay,
            Said said = nullptr);
  // Says `relay`, with as much of `body` as fits, and then the rest of it.
  void TellWithBody(const std::string& room, proto::Relay relay,
                    absl::string_view body, Said said = nullptr);
  void SendRequest(Asked& asked, absl::string_view body);
  void GiveUp(uint64_t exchange);

  void OnRequest(const proto::Relay& relay);
  void OnAnswer(const proto::Relay& relay);
  void AnswerWhole(uint64_t exchange);
  void OnAnswerPart(const proto::Relay& relay);
  void OnRequestPart(const proto::Relay& relay);
  void OnAborted(const proto::Relay& relay);
  void OnCheck(const proto::Relay& relay);
  void Begin(const TakenKey& key);
  void Refuse(const proto::Relay& relay);

  const Options options_;
  const Clock& clock_;
  const Say say_;
  const Serve serve_;
  const std::string room_;
  uint64_t last_exchange_;
  absl::Duration checked_at_;
  size_t in_parts_ = 0;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Asked>> asked_;
  absl::flat_hash_map<TakenKey, Taken> taken_;
  // What is told later must not find this gone.
  const std::shared_ptr<bool> is_here_ = std::make_shared<bool>(true);
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_RELAY_REQUEST_RELAY_H_
