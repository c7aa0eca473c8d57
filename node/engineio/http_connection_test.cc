#include "node/engineio/http_connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr absl::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

// A connection whose client and whose handler are the test, over loopback, with
// small buffers of the system between them. It moves when the test says so.
class HttpConnectionTest : public ::testing::Test, public HttpHandler {
 protected:
  struct Owner final : ExchangeOwner {
    void OnBody(HttpExchange&, absl::string_view) override {}
    void OnBodyTooLarge(HttpExchange&) override {}
    void OnAborted(HttpExchange&) override {}
  };

  HttpConnectionTest() {
    tcp::acceptor acceptor(
        io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    client_.open(tcp::v4());
    client_.set_option(tcp::socket::receive_buffer_size(kReadBufferBytes));
    client_.connect(acceptor.local_endpoint());
    client_.non_blocking(true);
    TcpSocket socket(io_);
    acceptor.accept(socket);
    socket.set_option(tcp::socket::send_buffer_size(kReadBufferBytes));
    std::make_shared<HttpConnection>(
        loop_, ClientSocket(std::move(socket), {}), *this,
        HttpConnection::Options{absl::Seconds(60), &proxies_})
        ->Start();
  }
  ~HttpConnectionTest() override {
    client_.close();
    io_.restart();
    io_.run_for(std::chrono::seconds(1));
    EXPECT_TRUE(is_gone_);
  }

  // HttpHandler
  void OnRequest(std::shared_ptr<HttpConnection> connection) override {
    ++requests_;
    on_request_(std::move(connection));
  }
  void OnHttpGone(HttpConnection&) override { is_gone_ = true; }

  // As much of it as the system takes; the rest stays.
  void SendSome(std::string* bytes) {
    error_code error;
    while (!bytes->empty() && !error) {
      bytes->erase(0, client_.write_some(boost::asio::buffer(*bytes), error));
    }
  }
  void Send(absl::string_view bytes) {
    std::string rest(bytes);
    SendSome(&rest);
    EXPECT_EQ(rest, "");
  }
  void Receive() {
    char buffer[1 << 14];
    while (!is_closed_) {
      error_code error;
      const size_t bytes =
          client_.read_some(boost::asio::buffer(buffer), error);
      received_.append(buffer, bytes);
      if (error == boost::asio::error::would_block) return;
      is_closed_ = error.failed();
    }
  }
  bool RunUntil(const std::function<bool()>& is_done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
    while (!is_done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(1));
      Receive();
    }
    return true;
  }

  boost::asio::io_context io_;
  const std::shared_ptr<EngineLoop> loop_ = std::make_shared<EngineLoop>(io_);
  tcp::socket client_{io_};
  std::string received_;
  bool is_closed_ = false;
  const TrustedProxies proxies_;
  bool is_gone_ = false;
  int requests_ = 0;
  std::function<void(std::shared_ptr<HttpConnection>)> on_request_ =
      [](std::shared_ptr<HttpConnection> connection) {
        connection->Answer(TextAnswer(200, "ok"));
      };
};

TEST_F(HttpConnectionTest, ReadsAheadOnlySoMuchHoweverManyRequestsCome) {
  std::string unsent;
  const auto answers = std::exchange(on_request_, nullptr);
  std::optional<size_t> read_ahead;
  on_request_ = [&](std::shared_ptr<HttpConnection> connection) {
    if (requests_ < 200) return answers(std::move(connection));
    read_ahead = connection->Detach().early.size();
    is_gone_ = true;
  };
  ASSERT_TRUE(RunUntil([&] {
    while (unsent.size() < kReadBufferBytes) absl::StrAppend(&unsent, kGet);
    SendSome(&unsent);
    return read_ahead.has_value();
  }));
  EXPECT_LT(*read_ahead, kReadBufferBytes + kHttpHeaderBytesMax);
}

TEST_F(HttpConnectionTest, AnswersAllThatWasReadAhead) {
  std::string many;
  int sent = 0;
  for (; many.size() < 3 * kReadBufferBytes; ++sent) {
    absl::StrAppend(&many, kGet);
  }
  EXPECT_TRUE(RunUntil([&] {
    SendSome(&many);
    return requests_ == sent;
  }));
}

TEST_F(HttpConnectionTest, IsNotStuckOnAHeadAsLargeAsWhatIsReadAhead) {
  on_request_ = [this](std::shared_ptr<HttpConnection> connection) {
    connection->Answer(TextAnswer(200, absl::StrCat("answer ", requests_)));
  };
  int heads = 0;
  for (size_t bytes = kHttpHeaderBytesMax - 8; bytes < kHttpHeaderBytesMax - 4;
       ++bytes) {
    std::string head = "GET / HTTP/1.1\r\nA: ";
    head.resize(bytes, 'x');
    Send(head);
    RunUntil([n = 20]() mutable { return --n == 0; });
    Send("\r\n\r\n");
    const std::string answer = absl::StrCat("answer ", ++heads);
    ASSERT_TRUE(RunUntil([&] { return absl::StrContains(received_, answer); }))
        << bytes;
  }
  // As much as is read ahead, behind the first line, which is taken at once,
  // and no end of the head in it.
  std::string head = "GET / HTTP/1.1\r\n";
  head.resize(head.size() + kHttpHeaderBytesMax, 'x');
  Send(head);
  EXPECT_TRUE(RunUntil([&] { return absl::StrContains(received_, " 431 "); }));
}

TEST_F(HttpConnectionTest, ClosesOnABodyThatNobodyWaitsForAnyMore) {
  Owner owner;
  std::shared_ptr<HttpConnection> post;
  on_request_ = [&](std::shared_ptr<HttpConnection> connection) {
    post = std::move(connection);
    post->SetOwner(&owner);
    post->ReadBody(100);
  };
  Send("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell");
  ASSERT_TRUE(RunUntil([&] { return post != nullptr; }));
  post->SetOwner(nullptr);
  post.reset();
  Send("o");
  EXPECT_TRUE(RunUntil([&] { return is_closed_; }));
}

class HttpConnectionFileTest : public HttpConnectionTest {
 protected:
  static constexpr size_t kFileBytes = size_t{4} << 20;

  HttpConnectionFileTest() {
    std::ofstream(path_) << std::string(kFileBytes, 'x');
    on_request_ = [this](std::shared_ptr<HttpConnection> connection) {
      if (requests_ > 1) return connection->Answer(TextAnswer(404, "next"));
      HttpAnswer answer;
      error_code error;
      answer.file.open(path_.c_str(), boost::beast::file_mode::read, error);
      ASSERT_FALSE(error);
      connection->Answer(std::move(answer));
    };
    Send(kGet);
    // The answer has begun, and the system takes no more of it.
    EXPECT_TRUE(RunUntil([&] { return requests_ == 1; }));
    EXPECT_LT(received_.size(), kFileBytes / 2);
  }
  ~HttpConnectionFileTest() override { std::filesystem::remove(path_); }

  size_t BodyBytes(size_t end) const {
    return end - (received_.find("\r\n\r\n") + 4);
  }

  const std::string path_ = ::testing::TempDir() + "/served";
};

TEST_F(HttpConnectionFileTest, SendsNoMoreThanItSaidOfAFileThatGrows) {
  std::ofstream(path_, std::ios::app) << std::string(1000, 'y');
  Send(kGet);
  ASSERT_TRUE(RunUntil([&] { return absl::EndsWith(received_, "next"); }));
  EXPECT_EQ(BodyBytes(received_.find("HTTP/1.1 404")), kFileBytes);
}

TEST_F(HttpConnectionFileTest, ClosesWhenAFileEndsEarly) {
  std::filesystem::resize_file(path_, kFileBytes / 2);
  EXPECT_TRUE(RunUntil([&] { return is_closed_; }));
  EXPECT_EQ(BodyBytes(received_.size()), kFileBytes / 2);
}

}  // namespace
}  // namespace roomlog
