// How a handler acknowledges an event.
#ifndef ROOMLOG_NODE_SERVER_ACK_H_
#define ROOMLOG_NODE_SERVER_ACK_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/string_view.h"
#include "node/socketio/args.h"

namespace roomlog {

// May be copied, kept, and called later, from any thread; all copies are one
// answer, of which the first counts. Does nothing if nobody asked for one, or
// whoever did is gone.
class Ack {
 public:
  struct Json {
    std::string array;
  };
  using Send = std::function<void(std::variant<Values, Json>)>;

  Ack() = default;
  // `send` is called at most once, on whatever thread calls this.
  explicit Ack(Send send);

  template <typename... Arguments>
  void operator()(Arguments&&... arguments) const {
    Values values;
    values.reserve(sizeof...(arguments));
    (values.push_back(Value(std::forward<Arguments>(arguments))), ...);
    SendValues(std::move(values));
  }
  void SendValues(Values values) const;
  // The arguments as a JSON array that is already written, which must be right.
  void SendJson(std::string array) const;

  // Whether somebody asked for it, and was not answered yet.
  bool is_wanted() const;

 private:
  struct State;

  std::shared_ptr<State> state_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_ACK_H_
