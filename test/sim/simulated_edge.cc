#include "test/sim/simulated_edge.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/limits.h"

namespace roomlog {
namespace {

// Between the loop's thread and the link's.
constexpr absl::Duration kCarryDelayMax = absl::Microseconds(500);
// Shorter than some are away.
constexpr absl::Duration kRecoveryWindow = absl::Seconds(30);
constexpr absl::Duration kTickInterval = absl::Milliseconds(200);

}  // namespace

SimulatedEdge::SimulatedEdge(Options options, FakeClock& clock,
                             EventQueue& events, FakeNetwork& network,
                             Oracle& oracle, History& history)
    : name_(std::move(options.name)),
      life_name_(absl::StrCat(name_, ".", options.life)),
      random_(options.seed),
      clock_(clock),
      events_(events),
      network_(network),
      history_(history),
      held_bytes_max_(options.link.held_bytes_max),
      is_queue_ignored_(options.is_queue_ignored),
      mailbox_([this](LinkMailbox::Way way, std::function<void()> work) {
        Carry(way, std::move(work));
      }),
      defect_(std::move(options.defect)),
      listener_(life_name_, oracle),
      application_(name_) {
  transport_ = network_.Attach(
      name_, [this](absl::string_view, IncomingMessage message) {
        link_->OnMessage(std::move(message));
        link_->EndTurn();
      });
  LinkOptions link = std::move(options.link);
  link.node_name = name_;
  link.producer = ProducerId(random_() | 1);
  link.first_session = random_() >> 1 | 1;
  link_ = std::make_unique<LinkCore>(
      std::move(link), clock, *transport_, mailbox_,
      [this](absl::string_view line) {
        history_.Note(absl::StrCat(life_name_, ": ", line));
      });
  mailbox_.set_link(link_.get());
  BackplaneWrapper* below = &mailbox_;
  if (defect_ != nullptr) {
    defect_->set_below(below);
    below->set_above(defect_.get());
    below = defect_.get();
  }
  listener_.set_below(below);
  below->set_above(&listener_);

  auto core = std::make_shared<ServerCore>();
  core->server_id = random_() | 1;
  if (options.recovers) core->recovery = RecoveryOptions{kRecoveryWindow};
  const auto rules = std::make_shared<NamespaceRules>();
  core->namespaces["/"] = rules;
  application_.Serve(Namespace(core, rules, "/"));
  const auto port = std::make_shared<LoopPort>(
      [](LoopPort::Task task) { std::move(task)(); });
  loop_ = std::make_unique<ServerLoop>(
      core, 0, absl::StrCat(life_name_, "-loop"), listener_, clock, port);
  core->loops.push_back({port, loop_.get()});
  listener_.set_above(&loop_->follower());
  Tick();
}

SimulatedEdge::~SimulatedEdge() {
  *alive_ = false;
  network_.Detach(name_);
  for (const auto& [serial, connection] : connections_) connection->LoseEdge();
}

std::shared_ptr<SimulatedConnection> SimulatedEdge::Connect(
    std::string auth, SimulatedConnection::Client& client) {
  // 20 characters, as every socket's id.
  std::string id = absl::StrFormat("%-8s", life_name_.substr(5));
  for (char& c : id) c = c == ' ' || c == '.' ? '_' : c;
  absl::StrAppendFormat(&id, "%012d", ++connections_begun_);
  auto connection = std::make_shared<SimulatedConnection>(
      connections_begun_, random_(), std::move(id), std::move(auth), client,
      static_cast<SimulatedConnection::Edge&>(*this), clock_, events_,
      is_queue_ignored_);
  connections_[connection->serial()] = connection;
  Turn([this, connection] { loop_->OnConnect(*connection); });
  return connection;
}

void SimulatedEdge::OnPacket(SimulatedConnection& connection,
                             const ClientPacket& packet) {
  Turn([this, packet, connection = connection.shared_from_this()] {
    if (connections_.count(connection->serial()) == 0) return;
    IncomingEvent event;
    event.name = packet.name;
    event.arguments = packet.arguments;
    event.ack_id = packet.ack_id;
    loop_->OnEvent(*connection, event);
  });
}

void SimulatedEdge::OnCut(SimulatedConnection& connection,
                          absl::string_view reason) {
  Turn([this, reason = std::string(reason),
        connection = connection.shared_from_this()] {
    connection->Detach();
    if (connections_.erase(connection->serial()) > 0) {
      loop_->OnDisconnect(*connection, reason);
    }
  });
}

void SimulatedEdge::OnDrained(SimulatedConnection& connection) {
  Turn([this, connection = connection.shared_from_this()] {
    if (connections_.count(connection->serial()) > 0) {
      loop_->OnDrained(*connection);
    }
  });
}

void SimulatedEdge::OnAllHeard(SimulatedConnection& connection) {
  Turn([this, connection = connection.shared_from_this()] {
    if (connections_.count(connection->serial()) > 0) {
      loop_->OnAllHeard(*connection);
    }
  });
}

void SimulatedEdge::Turn(std::function<void()> work) {
  if (is_paused_) {
    waiting_.push_back(std::move(work));
    return;
  }
  work();
  link_->EndTurn();
}

void SimulatedEdge::Carry(LinkMailbox::Way way, std::function<void()> work) {
  absl::Duration& last = last_carried_[static_cast<int>(way)];
  last = std::max(
      last, clock_.Steady() +
                kCarryDelayMax * std::uniform_real_distribution<>()(random_));
  events_.At(last, [this, alive = alive_, work = std::move(work)] {
    if (*alive) Turn(work);
  });
}

void SimulatedEdge::Tick() {
  if (!is_paused_) {
    loop_->timers().Run(clock_.Steady());
    loop_->OnTick();
    link_->OnTick();
    link_->EndTurn();
  }
  events_.After(kTickInterval, [this, alive = alive_] {
    if (*alive) Tick();
  });
}

void SimulatedEdge::Pause() {
  is_paused_ = true;
  network_.Pause(name_);
}

void SimulatedEdge::Resume() {
  if (!is_paused_) return;
  is_paused_ = false;
  for (const auto& work : std::exchange(waiting_, {})) Turn(work);
  network_.Resume(name_);
}

void SimulatedEdge::CutAll(absl::Duration notices_max) {
  const auto notices = [&] {
    return notices_max * std::uniform_real_distribution<>()(random_);
  };
  for (const auto& [serial, connection] : connections_) {
    const absl::Duration edge_notices = notices();
    connection->Cut(edge_notices, notices());
  }
}

void SimulatedEdge::CheckSizes(Oracle& oracle) const {
  oracle.OnSize(absl::StrCat(name_, "'s publishes that wait"),
                link_->queued_publishes(), kQueuedPublishesMax);
  // What is read is held too, beyond the bound: a page of each room.
  oracle.OnSize(absl::StrCat(name_, "'s events that wait"), link_->held_bytes(),
                held_bytes_max_ + (size_t{64} << 10));
  for (const auto& [serial, connection] : connections_) {
    oracle.OnSize(absl::StrCat("the queue of ", connection->id()),
                  connection->waiting_bytes(),
                  kClientBufferBytesHardMax + (size_t{1} << 20));
  }
}

}  // namespace roomlog
