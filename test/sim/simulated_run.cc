#include "test/sim/simulated_run.h"

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "test/sim/seeded_entropy.h"

namespace roomlog {
namespace {

constexpr int kRooms = 4;
// Keeps little: clients that were away long are told of gaps.
constexpr char kBriefRoom[] = "brief-0";
// Keeps nothing for long.
constexpr char kShortRoom[] = "short-0";
// So short that a broker may be away longer.
constexpr absl::Duration kImpatience = absl::Seconds(3);
constexpr absl::Duration kStartAgain = absl::Seconds(1);
// Longer than anything waits for: a publish for its answer, a node for its
// lease, a client to be missed.
constexpr absl::Duration kHealing = absl::Seconds(70);
constexpr absl::Duration kRest = absl::Seconds(30);

std::string RoomName(int i) {
  if (i == kRooms - 2) return kBriefRoom;
  if (i == kRooms - 1) return kShortRoom;
  return absl::StrCat("room-", i);
}

RetentionRules Rules() {
  return RetentionRules::Parse(
             {"*:brief-*=events:40", "*:short-*=age:20s,events:5000"})
      .value();
}

// Publish ids are free again when retention has taken their event, so rooms
// that keep little do not have any.
bool MayHaveId(const std::string& room) {
  return room != kBriefRoom && room != kShortRoom;
}

}  // namespace

Oracle::Options SimulatedRun::OracleOptionsOf(uint64_t seed) {
  Oracle::Options options;
  options.synced = seed % 5 != 0;
  options.rooms_with_retention = {kBriefRoom, kShortRoom};
  return options;
}

SimulatedRun::SimulatedRun(SimulationOptions options)
    : options_(std::move(options)),
      random_(options_.seed * 2654435761u + 1),
      is_synced_(OracleOptionsOf(options_.seed).synced),
      events_(clock_),
      history_(clock_),
      oracle_(OracleOptionsOf(options_.seed)),
      network_(options_.seed, clock_, events_),
      plan_(random_(), options_.faults) {
  SeedEntropy(options_.seed);
  disk_.set_observer(this);
  network_.set_observer([this](absl::string_view from, absl::string_view to,
                               const OutgoingMessage& message) {
    history_.Mix(from);
    history_.Mix(to);
    history_.Mix(message.header);
    history_.Mix(message.payload);
  });
  StartBroker();
  nodes_.resize(options_.node_count);
  for (size_t i = 0; i < nodes_.size(); ++i) StartNode(i);
  for (int i = 0; i < options_.client_count; ++i) {
    clients_.push_back(std::make_unique<SimulatedClient>(
        random_(), absl::StrCat("client-", i), [this] { return AnyEdge(); },
        clock_, events_, oracle_, history_));
    for (int room = 0; room < kRooms; ++room) {
      if (Draw(3) > 0) clients_.back()->Join(RoomName(room), Draw(2) * 5);
    }
  }
  events_.Run(absl::Seconds(2));
}

SimulatedRun::~SimulatedRun() {
  clients_.clear();
  nodes_.clear();
  broker_.reset();
  disk_.set_observer(nullptr);
}

std::string SimulatedRun::Description() const {
  uint64_t recoveries = 0;
  for (const auto& client : clients_) recoveries += client->recoveries();
  return absl::StrFormat(
      "seed %d%s: %d faults, %d events written and %d times heard, %d "
      "acknowledged, %d gaps told, %d recoveries, %d lives of the broker, hash "
      "%016x",
      options_.seed, is_synced_ ? "" : " (without sync)", faults_,
      oracle_.events_written(), oracle_.events_heard(), oracle_.acknowledged(),
      oracle_.gaps_told(), recoveries, broker_lives_, history_.hash());
}

void SimulatedRun::Run() {
  for (int step = 0; step < options_.steps; ++step) {
    Step();
    if (!oracle_.findings().empty()) return;
  }
  Heal();
  if (oracle_.findings().empty()) oracle_.CheckAtRest();
}

void SimulatedRun::Step() {
  if (const std::optional<PlannedFault> fault = plan_.Next()) {
    ++faults_;
    history_.Note(absl::StrCat("FAULT ", Describe(*fault)));
    Begin(*fault);
  }
  Work();
  events_.Run(absl::Milliseconds(Draw(10) == 0 ? Draw(8000) : Draw(60)));
  CheckSizes();
}

void SimulatedRun::Work() {
  for (int n = Draw(8); n > 0; --n) {
    SimulatedClient& client = *clients_[Draw(options_.client_count)];
    const std::string room = RoomName(Draw(kRooms));
    switch (Draw(16)) {
      case 0:
        client.Leave(room);
        break;
      case 1:
      case 2:
        client.Join(room, Draw(2) * 10);
        break;
      case 3:
        client.ReadHistory(room);
        break;
      default:
        client.Publish(room, absl::StrCat("text-", ++texts_),
                       MayHaveId(room) && Draw(3) > 0);
    }
  }
}

void SimulatedRun::After(absl::Duration lasts, std::function<void()> what) {
  events_.After(lasts, std::move(what));
}

void SimulatedRun::Begin(const PlannedFault& fault) {
  const size_t index = fault.target % nodes_.size();
  const std::string node = absl::StrCat("node-", index);
  NetworkFaults& network = network_.faults();
  SimulatedClient& client = *clients_[fault.target % clients_.size()];
  // Either end may notice at once, or find out by itself long after.
  const auto notices = [&](uint64_t detail) {
    return detail % 3 == 0 ? fault.lasts * 4 : fault.lasts / 20;
  };
  switch (fault.fault) {
    case Fault::kDelay:
      network.delay_max = fault.size;
      After(fault.lasts,
            [&network] { network.delay_max = NetworkFaults().delay_max; });
      break;
    case Fault::kLoss:
      network.loss = fault.rate;
      After(fault.lasts, [&network] { network.loss = 0; });
      break;
    case Fault::kDuplication:
      network.duplication = fault.rate;
      After(fault.lasts, [&network] { network.duplication = 0; });
      break;
    case Fault::kReordering:
      network.reorders = true;
      After(fault.lasts, [&network] { network.reorders = false; });
      break;
    case Fault::kCut:
      network_.Cut(node);
      After(fault.lasts, [this, node] { network_.Heal(node); });
      break;
    case Fault::kCutTo:
      network_.CutTo(node);
      After(fault.lasts, [this, node] { network_.Heal(node); });
      break;
    case Fault::kCutFrom:
      network_.CutFrom(node);
      After(fault.lasts, [this, node] { network_.Heal(node); });
      break;
    case Fault::kPauseNode:
      if (nodes_[index].edge == nullptr) break;
      nodes_[index].edge->Pause();
      After(fault.lasts, [this, index] {
        if (nodes_[index].edge != nullptr) nodes_[index].edge->Resume();
      });
      break;
    case Fault::kPauseBroker:
      if (broker_ == nullptr) break;
      broker_->Pause();
      After(fault.lasts, [this] {
        if (broker_ != nullptr) broker_->Resume();
      });
      break;
    case Fault::kKillNode:
      if (nodes_[index].edge == nullptr) break;
      KillNode(index);
      After(fault.lasts, [this, index] { StartNode(index); });
      break;
    case Fault::kKillBroker:
      KillBroker(/*power_loss=*/false, 0, fault.lasts);
      break;
    case Fault::kPowerLoss:
      KillBroker(/*power_loss=*/true, 0, fault.lasts);
      break;
    case Fault::kTornTail:
      if (fault.detail % 2 == 0) {
        KillBroker(/*power_loss=*/true, fault.detail / 2 % 8, fault.lasts);
      } else if (broker_ != nullptr) {
        disk_.DieAtNextWrite(/*is_written=*/fault.detail / 2 % 2 == 0);
      }
      break;
    case Fault::kFlippedBit:
      if (Offset damaged; disk_.FlipBit(fault.detail, &damaged)) {
        history_.Note(absl::StrCat("damaged is ", damaged.value()));
        oracle_.OnDamaged(damaged);
      }
      break;
    case Fault::kFullDisk:
      disk_.SetFull(true);
      After(fault.lasts, [this] { disk_.SetFull(false); });
      break;
    case Fault::kFailingSync:
      disk_.SetSyncFails(true);
      After(fault.lasts, [this] { disk_.SetSyncFails(false); });
      break;
    case Fault::kSlowDisk:
      if (broker_ == nullptr) break;
      broker_->set_slowness(fault.size);
      After(fault.lasts, [this] {
        if (broker_ != nullptr) broker_->set_slowness(absl::ZeroDuration());
      });
      break;
    case Fault::kClockJump:
      clock_.Jump(fault.size);
      break;
    case Fault::kClientCut:
      client.CutConnection(notices(fault.detail), notices(fault.detail / 3));
      break;
    case Fault::kMassReconnect:
      if (nodes_[index].edge != nullptr) {
        nodes_[index].edge->CutAll(fault.lasts);
      }
      break;
    case Fault::kSlowClient: {
      client.StopReading();
      SimulatedClient* const slow = &client;
      After(fault.lasts, [slow] { slow->Read(); });
      break;
    }
  }
}

void SimulatedRun::Heal() {
  history_.Note("HEALING");
  is_healing_ = true;
  events_.Run(kHealing);
  network_.faults() = {};
  disk_.SetFull(false);
  disk_.SetSyncFails(false);
  if (broker_ == nullptr) StartBroker();
  for (size_t i = 0; i < nodes_.size(); ++i) {
    network_.Heal(absl::StrCat("node-", i));
    if (nodes_[i].edge == nullptr) StartNode(i);
  }
  events_.Run(kHealing);
  // One last event for each room, which everybody there must hear.
  for (int room = 0; room < kRooms; ++room) {
    clients_[0]->Publish(RoomName(room), absl::StrCat("last-", room),
                         MayHaveId(RoomName(room)));
  }
  events_.Run(kRest);
  CheckSizes();
  for (const auto& client : clients_) {
    if (!client->is_connected()) {
      oracle_.Report("liveness",
                     absl::StrCat(client->name(), " is not connected"));
    }
    if (client->unanswered_publishes() > 0) {
      oracle_.Report("liveness",
                     absl::StrCat(client->name(), " waits for ",
                                  client->unanswered_publishes(), " answers"));
    }
  }
}

void SimulatedRun::CheckSizes() {
  if (broker_ != nullptr) {
    broker_->CheckSizes(oracle_);
    broker_->CheckMembers(oracle_);
  }
  for (const NodePlace& node : nodes_) {
    if (node.edge != nullptr) node.edge->CheckSizes(oracle_);
  }
}

SimulatedEdge* SimulatedRun::AnyEdge() {
  const size_t first = random_() % nodes_.size();
  for (size_t i = 0; i < nodes_.size(); ++i) {
    SimulatedEdge* const edge = nodes_[(first + i) % nodes_.size()].edge.get();
    if (edge != nullptr && !edge->is_paused()) return edge;
  }
  return nullptr;
}

void SimulatedRun::StartNode(size_t index) {
  NodePlace& place = nodes_[index];
  if (place.edge != nullptr) return;
  SimulatedEdge::Options options;
  options.name = absl::StrCat("node-", index);
  options.life = ++place.lives;
  options.seed = random_();
  options.recovers = options_.recovers;
  options.defect = MakeBackplaneDefect(options_.defect);
  options.is_queue_ignored = options_.defect == Defect::kUnboundedQueue;
  if (options_.seed % 2 == 0) options.link.publish_timeout = kImpatience;
  // So little memory that a node which lags must read from the log.
  if (options_.seed % 3 == 0) options.link.held_bytes_max = 1000;
  place.edge = std::make_unique<SimulatedEdge>(
      std::move(options), clock_, events_, network_, oracle_, history_);
}

void SimulatedRun::KillNode(size_t index) { nodes_[index].edge.reset(); }

void SimulatedRun::KillBroker(bool power_loss, size_t unsynced_kept,
                              absl::Duration lasts) {
  if (broker_ == nullptr) return;
  disk_.Crash(power_loss, unsynced_kept);
  broker_.reset();
  After(lasts, [this] { StartBroker(); });
}

void SimulatedRun::StartBroker() {
  if (broker_ != nullptr) return;
  SimulatedBrokerOptions options;
  options.seed = random_();
  options.durability = is_synced_ ? Durability::kSynced : Durability::kWritten;
  options.retention = Rules();
  if (options_.seed % 3 == 0) options.limits.recent_commit_bytes_max = 2000;
  if (options_.seed % 4 == 0) options.journal_entries_max = 2;
  options.wrap_log = [this](std::unique_ptr<RoomLog> log, MemoryDisk& disk) {
    return WrapLog(options_.defect, std::move(log), disk);
  };
  options.on_death = [this] {
    KillBroker(/*power_loss=*/false, 0, kStartAgain);
  };
  options.log = [this](absl::string_view line) {
    history_.Note(absl::StrCat("broker: ", line));
  };
  auto started = SimulatedBroker::Start(std::move(options), disk_, clock_,
                                        events_, network_);
  if (!started.ok()) {
    history_.Note(absl::StrCat("the broker does not start: ",
                               started.status().ToString()));
    After(kStartAgain, [this] { StartBroker(); });
    return;
  }
  broker_ = *std::move(started);
  ++broker_lives_;
  history_.Note(absl::StrCat("the broker starts, epoch ",
                             broker_->log().epoch().value()));
}

void SimulatedRun::OnWritten(const MemoryDisk::Record& record) {
  if (const auto* commit = std::get_if<MemoryDisk::Commit>(&record)) {
    for (const MemoryDisk::Commit::Event& event : commit->events) {
      oracle_.OnWritten(
          std::string(event.room.room()), event.offset,
          TextOfEvent(event.room.room(), event.offset, event.packet),
          !event.id.empty());
    }
  } else if (const auto* trimmed = std::get_if<MemoryDisk::Trimmed>(&record)) {
    oracle_.OnTrimmed(std::string(trimmed->room.room()), trimmed->through);
  }
}

void SimulatedRun::OnLost(const MemoryDisk::Record& record) {
  if (const auto* commit = std::get_if<MemoryDisk::Commit>(&record)) {
    for (const MemoryDisk::Commit::Event& event : commit->events) {
      oracle_.OnLost(event.offset);
    }
  }
}

}  // namespace roomlog
