#include "node/server/server_core.h"

#include <exception>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace roomlog {

std::shared_ptr<const NamespaceRules> ServerCore::Find(
    absl::string_view name) const {
  // What nodes say to each other is nobody else's affair.
  if (absl::StartsWith(name, "/$")) return nullptr;
  const auto found = namespaces.find(std::string(name));
  if (found != namespaces.end()) return found->second;
  for (const auto& [pattern, rules] : patterns) {
    if (pattern(name)) return rules;
  }
  return nullptr;
}

bool ServerCore::OnSomeLoop(
    absl::AnyInvocable<void(ServerLoop&) &&> task) const {
  for (const Loop& loop : loops) {
    if (!loop.port->is_here()) continue;
    std::move(task)(*loop.loop);
    return true;
  }
  const bool is_taken =
      !loops.empty() && loops[0].port->Post([loop = loops[0].loop,
                                             task = std::move(task)]() mutable {
        std::move(task)(*loop);
      });
  if (!is_taken && log) {
    log("a call was dropped: the server does not run, or does not keep up");
  }
  return is_taken;
}

void ServerCore::OnEachLoop(
    const std::function<void(ServerLoop&)>& task) const {
  for (const Loop& loop : loops) {
    loop.port->Run([loop = loop.loop, task] { task(*loop); });
  }
}

bool ServerCore::Guard(absl::string_view what, absl::string_view name_space,
                       const Clock& clock,
                       absl::FunctionRef<void()> handler) const {
  const absl::Duration began = clock.Steady();
  std::string thrown;
  try {
    handler();
  } catch (const std::exception& error) {
    thrown = absl::StrCat(" threw: ", error.what());
  } catch (...) {
    thrown = " threw what is no exception";
  }
  const absl::Duration took = clock.Steady() - began;
  if (!log) return thrown.empty();
  if (!thrown.empty()) {
    log(absl::StrCat("the handler of \"", what, "\" in ", name_space, thrown));
  }
  if (took > slow_handler_time) {
    log(absl::StrCat("the handler of \"", what, "\" in ", name_space,
                     " held up its loop for ", absl::FormatDuration(took)));
  }
  return thrown.empty();
}

}  // namespace roomlog
