// One TCP connection for as long as it speaks HTTP.
#ifndef ROOMLOG_NODE_ENGINEIO_HTTP_CONNECTION_H_
#define ROOMLOG_NODE_ENGINEIO_HTTP_CONNECTION_H_

#include <boost/beast/core/file.hpp>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "node/engineio/client_socket.h"
#include "node/engineio/engine_loop.h"
#include "node/engineio/http_exchange.h"
#include "node/engineio/http_message.h"
#include "node/engineio/http_reader.h"
#include "node/engineio/trusted_proxies.h"

namespace roomlog {

class HttpConnection;

// Who answers. Called on the loop's thread.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // A request's head came. It must be answered, kept with an owner until it is,
  // or the connection taken from HTTP by Detach() or HandOver().
  virtual void OnRequest(std::shared_ptr<HttpConnection> connection) = 0;
  // The last word about a connection.
  virtual void OnHttpGone(HttpConnection& connection) = 0;
};

// Every wait has a deadline but that of a kept exchange, which is its owner's;
// heads and bodies have bounds. A body that nobody asked for is not read, so
// the answer is the last one.
class HttpConnection final
    : public HttpExchange,
      public std::enable_shared_from_this<HttpConnection> {
 public:
  // What moves to another loop with a request.
  struct HandedOver {
    ClientSocket::Released socket;
    std::unique_ptr<HttpReader> reader;
    std::string input;
  };
  // What is left when the connection stops speaking HTTP.
  struct Detached {
    ClientSocket socket;
    std::string early;  // Bytes that came behind the request.
  };

  struct Options {
    // The head of the first request must come within this.
    absl::Duration header_time;
    // Who may say where a request came from. Outlives the connection.
    const TrustedProxies* trusted_proxies;
  };

  // Borrows `handler` until Abandon(), or OnHttpGone().
  HttpConnection(std::shared_ptr<EngineLoop> loop, ClientSocket socket,
                 HttpHandler& handler, const Options& options);
  // Goes on with the request that another loop handed over; see Resume().
  HttpConnection(std::shared_ptr<EngineLoop> loop, HandedOver from,
                 HttpHandler& handler, const Options& options);
  ~HttpConnection() override;

  void Start();
  // Tells the handler of the request that was handed over.
  void Resume();

  // Cuts the connection. Nobody is told any more.
  void Abandon();

  Detached Detach();
  HandedOver HandOver();

  // HttpExchange
  const HttpRequest& request() const override { return request_; }
  void SetOwner(ExchangeOwner* owner) override { owner_ = owner; }
  void ReadBody(size_t bytes_max) override;
  void Answer(HttpAnswer answer) override;

 private:
  enum class State {
    kReading,   // A head, or the body that was asked for.
    kExchange,  // Somebody is to answer.
    kWriting,
    kLingering,  // Our side is closed; theirs is awaited.
    kOver,
  };

  void Expect(absl::Duration time);  // Moves the deadline.
  void ArmTimer();
  void WaitForInput();
  void OnReadable();
  void ReadAhead();  // Waits for input, unless there is enough.
  // Takes what is in `input_` apart, as far as the state allows.
  void Consume();
  void ConsumeSoon();
  void OnHead();
  void Refuse(int status, absl::string_view text);
  void Write();
  bool FillFromFile();
  void OnWritten();
  void Linger();
  void OnClientGone();
  void Finish();

  const std::shared_ptr<EngineLoop> loop_;
  ClientSocket socket_;
  HttpHandler* handler_;
  const Options options_;
  LoopTimer timer_;
  absl::Duration deadline_ = absl::InfiniteDuration();
  absl::Duration timer_at_ = absl::InfiniteDuration();

  State state_ = State::kReading;
  std::unique_ptr<HttpReader> reader_;
  std::string input_;
  HttpRequest request_;
  std::string remote_address_;  // Of the connection,
  std::string client_address_;  // and of its last request.
  ExchangeOwner* owner_ = nullptr;
  bool reads_body_ = false;
  bool waits_for_input_ = false;
  bool waits_for_output_ = false;

  std::string output_;
  size_t written_ = 0;  // Of `output_`.
  boost::beast::file file_;
  uint64_t file_bytes_left_ = 0;  // Of what its answer's head has said.
  bool keeps_alive_ = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_HTTP_CONNECTION_H_
