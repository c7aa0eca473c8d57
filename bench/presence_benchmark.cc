// What presence costs the broker, without its disk and its network.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/requests/member_reads.h"
#include "proto/backplane.pb.h"
#include "sessions/session_table.h"

namespace roomlog {
namespace {

const absl::string_view kRoom("/\0lobby", 7);

std::string Id(absl::string_view kind, int64_t number) {
  std::string id = absl::StrCat(kind, 10'000'000 + number);
  id.resize(20, '_');
  return id;
}

// A room of so many sockets on 10 nodes, two of each user.
std::unique_ptr<MemberReads> RoomOf(int64_t sockets) {
  auto reads = std::make_unique<MemberReads>(PresenceRules());
  MembersChanged all;
  for (int64_t i = 0; i < sockets; ++i) {
    MemberChange member;
    member.name_space = "/";
    member.socket_id = Id("socket", i);
    member.user = absl::StrCat("user", 10'000'000 + i / 2);
    member.owner = ProducerId(1 + i % 10);
    member.joined = {"", "lobby"};
    all.changes.push_back(std::move(member));
  }
  reads->OnMembersChanged(all);
  return reads;
}

// Asks: what does a question cost the I/O thread, from the message that came to
// the one that leaves, as the room grows? One of ten nodes is paused.
// Expect: the same for every size. If it climbs, the index searches too much.
void BM_Question(benchmark::State& state, proto::ReadMembers::What what) {
  const int64_t sockets = state.range(0);
  const std::unique_ptr<MemberReads> reads = RoomOf(sockets);
  proto::ReadMembers question;
  question.set_room(std::string(kRoom));
  question.set_what(what);
  question.set_limit(100);
  const std::string asked = question.SerializeAsString();
  int64_t next = 0;
  bool is_right = true;
  for (auto _ : state) {
    proto::ReadMembers heard;
    heard.ParseFromString(asked);
    next = (next + 7919) % (sockets - 200);
    heard.set_after(what == proto::ReadMembers::WHAT_SOCKETS
                        ? Id("socket", next)
                        : absl::StrCat("user", 10'000'000 + next / 2));
    const proto::Members answer = reads->Answer(
        heard, [](ProducerId owner) { return owner == ProducerId(1); });
    std::string out;
    answer.SerializeToString(&out);
    benchmark::DoNotOptimize(out);
    is_right &= answer.socket_count() == static_cast<uint64_t>(sockets) &&
                (what == proto::ReadMembers::WHAT_COUNTS ||
                 answer.sockets_size() + answer.users_size() == 100);
  }
  if (!is_right) state.SkipWithError("a wrong answer");
}
BENCHMARK_CAPTURE(BM_Question, counts, proto::ReadMembers::WHAT_COUNTS)
    ->Arg(1'000)
    ->Arg(100'000);
BENCHMARK_CAPTURE(BM_Question, page_of_100_sockets,
                  proto::ReadMembers::WHAT_SOCKETS)
    ->Arg(1'000)
    ->Arg(100'000);
BENCHMARK_CAPTURE(BM_Question, page_of_100_users,
                  proto::ReadMembers::WHAT_USERS)
    ->Arg(1'000)
    ->Arg(100'000);

// Asks: how many joins and leaves a second do the session table and the index
// take, with 100,000 sockets in four rooms each?
// Expect: far more than 100,000; on the way are also the node, the wire and one
// write-ahead log for many.
void BM_MembershipChanges(benchmark::State& state) {
  constexpr int64_t kSockets = 100'000;
  SessionTable table(kSockets);
  MemberReads reads{PresenceRules()};
  SessionTable::Effects effects;
  uint64_t offset = 0;
  bool is_ok = true;
  const auto apply = [&](const proto::SessionOperation& operation) {
    is_ok &= table
                 .Apply(ProducerId(1), operation.SerializeAsString(),
                        Offset(++offset), 1, &effects)
                 .ok();
  };
  const auto commit = [&] {
    table.Written();
    MembersChanged changed;
    changed.changes = std::move(effects.members);
    changed.through = Offset(offset);
    reads.OnMembersChanged(changed);
    effects = {};
  };
  const auto operation_on = [](int64_t socket) {
    proto::SessionOperation operation;
    operation.set_name_space("/");
    operation.set_private_id(Id("private", socket));
    operation.set_claim(1);
    return operation;
  };
  for (int64_t i = 0; i < kSockets; ++i) {
    proto::SessionOperation operation = operation_on(i);
    proto::OpenSession& open = *operation.mutable_open();
    open.set_socket_id(Id("socket", i));
    open.set_user(absl::StrCat("user", i / 2));
    open.set_window_ms(120'000);
    open.set_notice_room("notices");
    for (const char* const room : {"a", "b", "lobby"}) open.add_rooms(room);
    apply(operation);
    commit();
  }
  int64_t socket = 0;
  bool joins = true;
  constexpr int kPerCommit = 256;
  for (auto _ : state) {
    for (int i = 0; i < kPerCommit; ++i) {
      proto::SessionOperation operation = operation_on(socket);
      if (joins) {
        operation.mutable_change()->add_joins()->set_name("hall");
      } else {
        operation.mutable_change()->add_leaves("hall");
      }
      apply(operation);
      if (++socket == kSockets) {
        socket = 0;
        joins = !joins;
      }
    }
    commit();
  }
  state.SetItemsProcessed(state.iterations() * kPerCommit);
  if (!is_ok) state.SkipWithError("an operation was refused");
}
BENCHMARK(BM_MembershipChanges);

}  // namespace
}  // namespace roomlog

BENCHMARK_MAIN();
