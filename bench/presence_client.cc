// Asks: how many changes of membership a second does the broker take, and how
// long does a node wait to be told who is in a room of many? Opens sessions of
// sockets that are in one room; then, with --changes, joins and leaves a second
// room in turn, and, with --questions, asks one question after the other. With
// --hold it stays and says nothing more, to be paused.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/room_key.h"
#include "bench/event.h"
#include "bench/latency_histogram.h"
#include "bench/roomlog_node.h"
#include "bench/server_address.h"
#include "proto/events.pb.h"
#include "proto/sessions.pb.h"

ABSL_FLAG(std::string, server, "", "where the broker listens: host:port");
ABSL_FLAG(std::string, name, "a", "tells this node's sockets from others'");
ABSL_FLAG(uint32_t, sockets, 50000, "how many sockets to open");
ABSL_FLAG(uint32_t, changes, 0, "how many joins and leaves");
ABSL_FLAG(uint32_t, questions, 0, "how many of each kind to ask");
ABSL_FLAG(uint32_t, members, 0, "how many the room must have");
ABSL_FLAG(bool, hold, false, "stay until killed");

namespace roomlog::bench {
namespace {

// Operations on their way: enough to keep the broker busy.
constexpr uint32_t kInFlight = 8192;
constexpr size_t kPage = 100;

std::string IdOf(uint32_t socket) {
  std::string id = absl::StrCat("bench-", absl::GetFlag(FLAGS_name), "-",
                                10'000'000 + socket);
  id.resize(20, '_');
  return id;
}

proto::SessionOperation OperationOf(uint32_t socket) {
  proto::SessionOperation operation;
  operation.set_name_space("/");
  operation.set_private_id(IdOf(socket));
  operation.set_claim(socket + 1);
  return operation;
}

// Carries out `count` operations, kInFlight of them at a time. Returns how long
// it took in nanoseconds.
absl::StatusOr<int64_t> CarryOut(
    RoomlogNode& node, uint32_t count,
    const std::function<proto::SessionOperation(uint32_t)>& operation_of) {
  const RoomKey room = *RoomKey::Make("/", "");
  absl::Status status;
  uint32_t said = 0;
  uint32_t answered = 0;
  const int64_t began_ns = NowNanos();
  while (answered < count && status.ok()) {
    for (; said < count && said - answered < kInFlight; ++said) {
      node.backplane().Publish(
          {.room = room,
           .flags = proto::EVENT_FLAG_SESSION,
           .id = "",
           .packet = operation_of(said).SerializeAsString()},
          [&](const absl::StatusOr<PublishAnswer>& answer) {
            ++answered;
            if (!answer.ok()) status = answer.status();
          });
    }
    node.TakeTurn();
  }
  if (!status.ok()) return status;
  return NowNanos() - began_ns;
}

absl::StatusOr<int64_t> OpenAll(RoomlogNode& node, uint32_t sockets) {
  return CarryOut(node, sockets, [](uint32_t socket) {
    proto::SessionOperation operation = OperationOf(socket);
    proto::OpenSession& open = *operation.mutable_open();
    open.set_socket_id(IdOf(socket));
    open.add_rooms("");
    open.add_rooms("lobby");
    open.set_window_ms(120'000);
    open.set_notice_room("bench");
    open.set_user(absl::StrCat("user-", socket / 2));
    open.set_user_unproven(true);
    return operation;
  });
}

// Each socket joins "hall" and leaves it again.
absl::StatusOr<int64_t> ChangeAll(RoomlogNode& node, uint32_t sockets,
                                  uint32_t changes) {
  return CarryOut(node, changes, [sockets](uint32_t change) {
    proto::SessionOperation operation = OperationOf(change % sockets);
    if (change / sockets % 2 == 0) {
      operation.mutable_change()->add_joins()->set_name("hall");
    } else {
      operation.mutable_change()->add_leaves("hall");
    }
    return operation;
  });
}

absl::Status Ask(RoomlogNode& node, MembersRequest::What what, uint32_t count,
                 LatencyHistogram* times) {
  const uint32_t members = absl::GetFlag(FLAGS_members);
  const uint32_t sockets = absl::GetFlag(FLAGS_sockets);
  for (uint32_t i = 0; i < count; ++i) {
    MembersRequest request;
    request.room = *RoomKey::Make("/", "lobby");
    request.what = what;
    request.limit = kPage;
    // Anywhere but on the last page.
    request.after = IdOf(i * 7919 % (sockets - 2 * kPage));
    std::optional<absl::Status> answer;
    const int64_t began_ns = NowNanos();
    node.backplane().ReadMembers(
        std::move(request), [&](const absl::StatusOr<MembersPage>& page) {
          answer = page.status();
          if (!page.ok()) return;
          const bool is_page = what == MembersRequest::What::kSockets;
          if (page->socket_count != members ||
              page->sockets.size() != (is_page ? kPage : 0)) {
            answer = absl::DataLossError(
                absl::StrCat(page->socket_count, " members, and ",
                             page->sockets.size(), " on the page"));
          }
        });
    while (!answer.has_value()) node.TakeTurn();
    if (!answer->ok()) return *answer;
    times->Add(NowNanos() - began_ns);
  }
  return absl::OkStatus();
}

std::string InJson(absl::string_view name, const LatencyHistogram& times) {
  return absl::StrFormat("\"%s\": {\"p50_us\": %.1f, \"p99_us\": %.1f}", name,
                         times.Percentile(50) / 1e3,
                         times.Percentile(99) / 1e3);
}

absl::Status Run() {
  absl::StatusOr<ServerAddress> broker =
      ParseServerAddress(absl::GetFlag(FLAGS_server));
  if (!broker.ok()) return broker.status();
  NoFollower follower;
  absl::StatusOr<std::unique_ptr<RoomlogNode>> node = RoomlogNode::Connect(
      *broker, absl::StrCat("bench-", absl::GetFlag(FLAGS_name)), follower);
  if (!node.ok()) return node.status();
  absl::Status status = (*node)->WaitForBroker();
  if (!status.ok()) return status;
  const uint32_t sockets = absl::GetFlag(FLAGS_sockets);
  const absl::StatusOr<int64_t> opened_ns = OpenAll(**node, sockets);
  if (!opened_ns.ok()) return opened_ns.status();
  std::string json = absl::StrFormat("{\"opens_per_second\": %.0f",
                                     sockets * 1e9 / *opened_ns);
  if (const uint32_t changes = absl::GetFlag(FLAGS_changes); changes > 0) {
    const absl::StatusOr<int64_t> ns = ChangeAll(**node, sockets, changes);
    if (!ns.ok()) return ns.status();
    absl::StrAppendFormat(&json, ", \"changes_per_second\": %.0f",
                          changes * 1e9 / *ns);
  }
  if (const uint32_t questions = absl::GetFlag(FLAGS_questions);
      questions > 0) {
    LatencyHistogram counts;
    status = Ask(**node, MembersRequest::What::kCounts, questions, &counts);
    LatencyHistogram pages;
    if (status.ok()) {
      status = Ask(**node, MembersRequest::What::kSockets, questions, &pages);
    }
    if (!status.ok()) return status;
    absl::StrAppend(&json, ", ", InJson("count", counts), ", ",
                    InJson("page", pages));
  }
  absl::PrintF("%s}\n", json);
  std::fflush(stdout);
  while (absl::GetFlag(FLAGS_hold)) (*node)->TakeTurn();
  return absl::OkStatus();
}

}  // namespace
}  // namespace roomlog::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = roomlog::bench::Run();
  if (status.ok()) return 0;
  absl::FPrintF(stderr, "%s\n", status.ToString());
  return 1;
}
