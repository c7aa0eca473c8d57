#include "node/socketio/client_connection.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gmock/gmock.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A connection whose client is the test. The application writes down what it
// hears, and does what the test has told it to do.
class ClientConnectionTest : public ::testing::Test {
 protected:
  struct Transport final : EngineTransport {
    void Send(SharedFramePtr frame) override {
      sent.emplace_back(frame->payload());
    }
    void Close() override { sent.emplace_back("(closed)"); }
    size_t queued_bytes() const override { return 77; }
    void WantTurn() override {}

    std::vector<std::string> sent;
  };

  struct Application final : SocketWireHandler {
    void OnConnect(SocketWire& socket) override {
      if (on_asked) return on_asked(socket);
      socket.Accept();
      sockets[socket.name_space()] = &socket;
      Note(socket, "connect", socket.auth());
      if (on_connect) on_connect(socket);
    }
    void OnEvent(SocketWire& socket, const IncomingEvent& event) override {
      Note(socket, event.name, event.arguments,
           event.ack_id.has_value() ? absl::StrCat("#", *event.ack_id) : "");
      if (on_event) on_event(socket, event);
    }
    void OnAck(SocketWire& socket, const IncomingAck& ack) override {
      Note(socket, absl::StrCat("ack#", ack.id), ack.arguments,
           ack.attachments.empty() ? absl::string_view()
                                   : ack.attachments[0].view());
    }
    void OnDisconnect(SocketWire& socket, absl::string_view reason) override {
      sockets.erase(socket.name_space());
      Note(socket, "disconnect", reason);
      if (on_disconnect) on_disconnect(socket);
    }
    void OnDrained(SocketWire& socket) override {
      Note(socket, "drained");
      if (on_drained) on_drained(socket);
    }
    template <typename... Words>
    void Note(SocketWire& socket, const Words&... words) {
      std::string line = socket.name_space();
      for (absl::string_view word : {absl::string_view(words)...}) {
        if (!word.empty()) absl::StrAppend(&line, " ", word);
      }
      heard.push_back(line);
    }

    std::map<std::string, SocketWire*> sockets;
    std::vector<std::string> heard;
    std::function<void(SocketWire&)> on_asked, on_connect, on_disconnect,
        on_drained;
    std::function<void(SocketWire&, const IncomingEvent&)> on_event;
  };

  ClientConnectionTest() {
    session_.Open(connection_);
    transport_.sent.clear();
  }

  void ClientSays(absl::string_view packet) {
    session_.OnText(absl::StrCat("4", packet), now_);
  }
  // What was sent since the last look, with ids of sockets as "ID".
  std::vector<std::string> TakeSent() {
    for (std::string& packet : transport_.sent) {
      const size_t sid = packet.find(R"({"sid":")");
      if (sid != packet.npos) packet.replace(sid + 8, 20, "ID");
    }
    return std::exchange(transport_.sent, {});
  }
  std::vector<std::string> TakeHeard() {
    return std::exchange(application_.heard, {});
  }

  absl::Duration now_ = absl::Hours(3);
  Transport transport_;
  Application application_;
  ClientRules rules_ = {.is_namespace =
                            [](absl::string_view name) {
                              return name == "/" ||
                                     absl::StartsWith(name, "/custom");
                            },
                        .connect_timeout = absl::Seconds(45)};
  IdGenerator ids_;
  EngineSession session_{
      "engine-id",
      {.ping_interval = absl::Hours(1), .ping_timeout = absl::Hours(1)},
      1000,
      transport_,
      now_};
  ClientConnection connection_{session_, application_, rules_, ids_, now_};
};

TEST_F(ClientConnectionTest, ConnectsToNamespaces) {
  ClientSays("0");
  ClientSays(R"(0/custom,{"token":"t"})");
  EXPECT_THAT(TakeSent(),
              ElementsAre(R"(40{"sid":"ID"})", R"(40/custom,{"sid":"ID"})"));
  EXPECT_THAT(TakeHeard(),
              ElementsAre("/ connect {}", R"(/custom connect {"token":"t"})"));
  const std::string& id = application_.sockets["/"]->id();
  EXPECT_EQ(id.size(), 20);
  EXPECT_NE(id, application_.sockets["/custom"]->id());
  EXPECT_EQ(application_.sockets["/"]->queued_bytes(), 77);
}

TEST_F(ClientConnectionTest, GoesOnWithTheIdOfASession) {
  application_.on_asked = [&](SocketWire& socket) {
    socket.TakeId("id-of-before-1234567");
    socket.Send(MakeFrame(R"(2["missed"])"));
    socket.Accept("private-id-123456789");
    EXPECT_EQ(socket.id(), "id-of-before-1234567");
    EXPECT_TRUE(socket.is_breakable());
    socket.CutOff();
    socket.Send(MakeFrame("2[\"too late\"]"));
  };
  ClientSays("0");
  EXPECT_THAT(
      std::exchange(transport_.sent, {}),
      ElementsAre(
          R"(42["missed"])",
          R"(40{"sid":"id-of-before-1234567","pid":"private-id-123456789"})",
          "(closed)"));
  session_.OnTurn();
  EXPECT_THAT(TakeHeard(), ElementsAre("/ disconnect forced close"));
}

TEST_F(ClientConnectionTest, RefusesAndStaysOpen) {
  ClientSays("0/nope,");
  ClientSays("0/__proto__,");
  ClientSays(absl::StrCat(R"(0/custom,{"token":")",
                          std::string(kAuthBytesMax, 't'), R"("})"));
  EXPECT_THAT(TakeSent(),
              ElementsAre(R"(44/nope,{"message":"Invalid namespace"})",
                          R"(44/__proto__,{"message":"Invalid namespace"})",
                          R"(44/custom,{"message":"Auth payload too large"})"));
  EXPECT_THAT(TakeHeard(), IsEmpty());
  ClientSays("0/custom,");
  EXPECT_THAT(TakeSent(), ElementsAre(R"(40/custom,{"sid":"ID"})"));
}

TEST_F(ClientConnectionTest, BoundsTheNamespacesOfOneClient) {
  for (size_t i = 0; i < kNamespacesPerClientMax; ++i) {
    ClientSays(absl::StrCat("0/custom", i));
  }
  EXPECT_EQ(TakeSent().size(), kNamespacesPerClientMax);
  ClientSays("0/custom-one-more");
  EXPECT_THAT(
      TakeSent(),
      ElementsAre(R"(44/custom-one-more,{"message":"Too many namespaces"})"));
}

TEST_F(ClientConnectionTest, CarriesEventsAndAcknowledgements) {
  ClientSays("0/custom");
  TakeSent();
  application_.on_event = [](SocketWire& socket, const IncomingEvent& event) {
    if (event.ack_id) socket.Acknowledge(*event.ack_id, "[1,\"x\"]");
    socket.Send(MakeFrame(R"(2/custom,["back"])"));
  };
  ClientSays(R"(2/custom,["one",{"a":1}])");
  ClientSays(R"(2/custom,7["two"])");
  ClientSays("3/custom,5[1]");
  ClientSays("3/custom,[]");  // Acknowledges nothing.
  EXPECT_THAT(
      TakeHeard(),
      ElementsAre("/custom connect {}", R"(/custom one ["one",{"a":1}])",
                  R"(/custom two ["two"] #7)", "/custom ack#5 [1]"));
  EXPECT_THAT(TakeSent(),
              ElementsAre(R"(42/custom,["back"])", R"(43/custom,7[1,"x"])",
                          R"(42/custom,["back"])"));
}

TEST_F(ClientConnectionTest, ClosesOnWhatDoesNotBelong) {
  struct Case {
    bool is_connected;
    std::string packet;
  };
  const std::vector<Case> cases = {
      {false, R"(2["x"])"},   {false, "3[]"}, {false, "1"},
      {false, "abc"},         {false, "0[]"}, {false, "0\"s\""},
      {false, "0null"},       {false, ""},    {true, "0"},
      {true, "4{}"},          {true, "9"},    {true, R"(2/b,["x"])"},
      {true, "1/b,"},         {true, "2{}"},  {true, R"(2["connect"])"},
      {true, R"(50-["x",1])"}};
  for (const Case& one : cases) {
    Transport transport;
    Application application;
    EngineSession session("id", {}, 1000, transport, now_);
    ClientConnection connection(session, application, rules_, ids_, now_);
    session.Open(connection);
    if (one.is_connected) session.OnText("40", now_);
    transport.sent.clear();
    application.heard.clear();
    session.OnText("4" + one.packet, now_);
    session.OnTurn();
    EXPECT_THAT(transport.sent, ElementsAre("(closed)")) << one.packet;
    if (one.is_connected) {
      EXPECT_THAT(application.heard, ElementsAre("/ disconnect forced close"))
          << one.packet;
    } else {
      EXPECT_THAT(application.heard, IsEmpty()) << one.packet;
    }
  }
}

TEST_F(ClientConnectionTest, PutsAttachmentsToTheirPacket) {
  ClientSays("0");
  std::vector<std::string> attachments;
  application_.on_event = [&](SocketWire&, const IncomingEvent& event) {
    for (const SharedBytes& bytes : event.attachments) {
      attachments.push_back(std::string(bytes.view()));
    }
  };
  ClientSays(
      R"(52-["x",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]])");
  session_.OnBinary("one");
  EXPECT_THAT(attachments, IsEmpty());
  session_.OnBinary("two");
  EXPECT_THAT(attachments, ElementsAre("one", "two"));
  ClientSays(R"(61-9[{"_placeholder":true,"num":0}])");
  session_.OnBinary("three");
  EXPECT_EQ(TakeHeard().back(),
            R"(/ ack#9 [{"_placeholder":true,"num":0}] three)");
  ClientSays(R"(2["plain",{"_placeholder":true,"num":5}])");
  EXPECT_TRUE(session_.is_open());
}

TEST_F(ClientConnectionTest, ClosesOnWhatComesInPlaceOfAnAttachment) {
  const std::vector<std::vector<std::string>> cases = {
      {R"(51-["x",{"_placeholder":true,"num":0}])", "2[\"y\"]"},
      {R"(51-["x",{"_placeholder":true,"num":0}])", "0/custom"},
      {R"(51-["x",{"_placeholder":true,"num":1}])", "(bytes)"},
      {R"(51-["x",{"_placeholder":true,"num":-1}])", "(bytes)"},
      {R"(51-["x",{"_placeholder":true,"num":0.5}])", "(bytes)"},
      {R"(51-["x",{"_placeholder":true,"num":"0"}])", "(bytes)"},
      {R"(51-["x",{"_placeholder":true}])", "(bytes)"},
      {R"(51-["x",{"_placeholder":true,"num":0}])", "(bytes)", "(bytes)"}};
  for (const std::vector<std::string>& messages : cases) {
    Transport transport;
    Application application;
    EngineSession session("id", {}, 1000, transport, now_);
    ClientConnection connection(session, application, rules_, ids_, now_);
    session.Open(connection);
    session.OnText("40", now_);
    transport.sent.clear();
    for (const std::string& message : messages) {
      if (message == "(bytes)") {
        session.OnBinary("bytes");
      } else {
        session.OnText("4" + message, now_);
      }
    }
    EXPECT_THAT(transport.sent, ElementsAre("(closed)")) << messages[0];
  }
}

TEST_F(ClientConnectionTest, LetsTheHandlerTakeItsTimeToAccept) {
  application_.on_asked = [&](SocketWire& socket) {
    application_.sockets[socket.name_space()] = &socket;
  };
  ClientSays("0");
  ClientSays("0/custom");
  EXPECT_THAT(TakeSent(), IsEmpty());
  EXPECT_EQ(session_.deadline(), now_ + absl::Seconds(45));
  application_.sockets["/custom"]->Refuse("not you", R"({"code":7})");
  application_.sockets["/"]->Disconnect();  // Nothing to disconnect yet.
  application_.sockets["/"]->Accept();
  application_.sockets["/"]->Accept();
  application_.sockets["/"]->Refuse("too late", "");
  EXPECT_THAT(
      TakeSent(),
      ElementsAre(R"(44/custom,{"message":"not you","data":{"code":7}})",
                  R"(40{"sid":"ID"})"));
  EXPECT_GT(session_.deadline(), now_ + absl::Seconds(45));
  session_.OnTurn();
  EXPECT_THAT(TakeHeard(), IsEmpty());
  ClientSays("0/custom");  // It may try again.
  EXPECT_TRUE(session_.is_open());
  session_.OnTransportClosed("transport close");
  session_.OnTurn();
  EXPECT_THAT(TakeHeard(), ElementsAre("/ disconnect transport close",
                                       "/custom disconnect transport close"));
}

TEST_F(ClientConnectionTest, ClosesWhoSpeaksBeforeItIsAccepted) {
  application_.on_asked = [](SocketWire&) {};
  ClientSays("0");
  ClientSays(R"(2["x"])");
  EXPECT_FALSE(session_.is_open());
}

TEST_F(ClientConnectionTest, DisconnectsTheWholeClient) {
  ClientSays("0");
  ClientSays("0/custom");
  TakeSent();
  TakeHeard();
  application_.sockets["/custom"]->DisconnectClient();
  EXPECT_THAT(TakeSent(), ElementsAre("41", "41/custom,", "(closed)"));
  session_.OnTurn();
  EXPECT_THAT(TakeHeard(),
              ElementsAre("/ disconnect server namespace disconnect",
                          "/custom disconnect server namespace disconnect"));
}

TEST_F(ClientConnectionTest, ClosesOnBytesThatBelongToNoPacket) {
  ClientSays("0");
  session_.OnBinary("bytes");
  session_.OnTurn();
  EXPECT_THAT(TakeHeard(),
              ElementsAre("/ connect {}", "/ disconnect forced close"));
}

TEST_F(ClientConnectionTest, LetsAClientLeaveOneNamespace) {
  ClientSays("0");
  ClientSays("0/custom");
  TakeSent();
  TakeHeard();
  ClientSays("1");
  session_.OnTurn();
  EXPECT_THAT(TakeHeard(),
              ElementsAre("/ disconnect client namespace disconnect"));
  ClientSays(R"(2/custom,["still here"])");
  EXPECT_THAT(TakeHeard(), ElementsAre(R"(/custom still here ["still here"])"));
  EXPECT_THAT(TakeSent(), IsEmpty());
  ClientSays("0");
  EXPECT_THAT(TakeSent(), ElementsAre(R"(40{"sid":"ID"})"));
}

TEST_F(ClientConnectionTest, DisconnectIsToldLaterNotFromWithin) {
  application_.on_event = [&](SocketWire& socket, const IncomingEvent&) {
    socket.Disconnect();
    socket.Disconnect();
    socket.Send(MakeFrame(R"(2["late"])"));
    socket.Acknowledge(1, "[]");
    application_.Note(socket, "still here");
  };
  ClientSays("0");
  TakeSent();
  ClientSays(R"(2["kick me"])");
  EXPECT_THAT(TakeSent(), ElementsAre("41"));
  EXPECT_THAT(
      TakeHeard(),
      ElementsAre("/ connect {}", R"(/ kick me ["kick me"])", "/ still here"));
  session_.OnTurn();
  session_.OnTurn();
  EXPECT_THAT(TakeHeard(),
              ElementsAre("/ disconnect server namespace disconnect"));
}

TEST_F(ClientConnectionTest, ComesBackInTheTurnInWhichItWasDisconnected) {
  ClientSays("0");
  application_.sockets["/"]->Disconnect();
  TakeSent();
  TakeHeard();
  ClientSays("0");
  EXPECT_THAT(
      TakeHeard(),
      ElementsAre("/ disconnect server namespace disconnect", "/ connect {}"));
  EXPECT_THAT(TakeSent(), ElementsAre(R"(40{"sid":"ID"})"));
}

TEST_F(ClientConnectionTest, MayDisconnectFromWithinEveryCall) {
  application_.on_connect = [&](SocketWire& socket) {
    if (socket.name_space() == "/custom3") socket.Disconnect();
  };
  for (absl::string_view name : {"0/custom1", "0/custom2", "0/custom3"}) {
    ClientSays(name);
  }
  session_.OnTurn();
  application_.on_drained = [](SocketWire& socket) { socket.Disconnect(); };
  application_.on_disconnect = [&](SocketWire&) {
    for (const auto& [name, socket] : application_.sockets) {
      socket->Disconnect();
    }
  };
  ClientSays("0/custom4");
  TakeHeard();
  session_.OnDrained();
  EXPECT_THAT(TakeHeard(), ElementsAre("/custom1 drained", "/custom2 drained",
                                       "/custom4 drained"));
  session_.OnTurn();
  EXPECT_EQ(TakeHeard().size(), 3);
  EXPECT_THAT(application_.sockets, IsEmpty());
  EXPECT_TRUE(session_.is_open());
}

TEST_F(ClientConnectionTest, TellsEverySocketWhyTheConnectionEnded) {
  ClientSays("0");
  ClientSays("0/custom");
  TakeHeard();
  session_.OnTransportClosed("transport close");
  session_.OnTurn();
  EXPECT_THAT(TakeHeard(), ElementsAre("/ disconnect transport close",
                                       "/custom disconnect transport close"));
}

TEST_F(ClientConnectionTest, TellsOfEachSocketOnceThoughMuchEndsAtOnce) {
  ClientSays("0");
  ClientSays("0/custom");
  TakeHeard();
  application_.sockets["/"]->Disconnect();
  application_.on_disconnect = [&](SocketWire&) {
    for (const auto& [name, socket] : application_.sockets) {
      socket->Disconnect();
      socket->Send(MakeFrame("2[\"late\"]"));
    }
  };
  session_.OnTransportClosed("transport close");
  TakeSent();
  session_.OnTurn();
  EXPECT_THAT(TakeHeard(),
              ElementsAre("/ disconnect server namespace disconnect",
                          "/custom disconnect server namespace disconnect"));
  EXPECT_THAT(TakeSent(), IsEmpty());
}

TEST_F(ClientConnectionTest, ClosesWhoJoinsNoNamespaceInTime) {
  EXPECT_EQ(session_.deadline(), now_ + absl::Seconds(45));
  session_.OnTick(now_ + absl::Seconds(44));
  EXPECT_TRUE(session_.is_open());
  ClientSays("0/nope,");
  TakeSent();
  session_.OnTick(now_ + absl::Seconds(45));
  EXPECT_THAT(TakeSent(), ElementsAre("(closed)"));
}

TEST_F(ClientConnectionTest, KeepsWhoHasJoinedOne) {
  ClientSays("0");
  ClientSays("1");
  session_.OnTick(now_ + absl::Minutes(10));
  EXPECT_TRUE(session_.is_open());
}

}  // namespace
}  // namespace roomlog
