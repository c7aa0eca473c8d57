#include "broker/journal/producers.h"

#include <algorithm>
#include <cassert>

#include "base/limits.h"

namespace roomlog {
namespace {

uint32_t CountOf(const std::vector<AnswerRun>& runs) {
  uint32_t count = 0;
  for (const AnswerRun& run : runs) count += run.count;
  return count;
}

PublishNumber After(PublishNumber first, uint32_t count) {
  return PublishNumber(first.value() + count);
}

}  // namespace

void Producers::ForgetRow(
    ProducerId id, const Row& row,
    std::vector<std::pair<ProducerId, PublishNumber>>* forgotten) {
  if (row.failure.ok()) forgotten->emplace_back(id, row.first);
}

void Producers::Load(ProducerAnswers answers) {
  Add(std::move(answers), absl::OkStatus());
}

PublishNumber Producers::Through(ProducerId producer) const {
  const auto it = producers_.find(producer);
  return it == producers_.end() ? PublishNumber() : it->second.through;
}

void Producers::Settle(
    ProducerId id, PublishNumber answered,
    std::vector<std::pair<ProducerId, PublishNumber>>* forgotten) {
  if (answered == PublishNumber()) return;
  Producer& producer = producers_[id];
  producer.through = std::max(producer.through, answered);
  // The last row stays: by it a restarted broker knows how far the numbers go.
  while (producer.rows.size() > 1 &&
         After(producer.rows.front().first, producer.rows.front().count) <=
             answered.Next()) {
    ForgetRow(id, producer.rows.front(), forgotten);
    producer.rows.pop_front();
  }
}

void Producers::Repeat(ProducerId id, PublishNumber first, uint32_t count,
                       std::vector<PublishedRun>* runs) const {
  const Producer& producer = producers_.at(id);
  assert(After(first, count) <= producer.through.Next());
  PublishNumber at = first;
  const PublishNumber end = After(first, count);
  const auto lost = [&](PublishNumber until) {
    if (at >= until) return;
    runs->push_back({at, static_cast<uint32_t>(until.value() - at.value()),
                     Offset(), false,
                     absl::UnavailableError("the answer is lost")});
    at = until;
  };
  for (const Row& row : producer.rows) {
    const PublishNumber row_end = After(row.first, row.count);
    if (row_end <= at) continue;
    if (row.first >= end) break;
    lost(std::min(row.first, end));
    if (!row.failure.ok()) {
      const PublishNumber until = std::min(row_end, end);
      runs->push_back({at, static_cast<uint32_t>(until.value() - at.value()),
                       Offset(), false, row.failure});
      at = until;
      continue;
    }
    PublishNumber run_first = row.first;
    for (const AnswerRun& run : row.runs) {
      const PublishNumber run_end = After(run_first, run.count);
      const PublishNumber until = std::min(run_end, end);
      if (at < until) {
        PublishedRun repeated;
        repeated.first_number = at;
        repeated.count = static_cast<uint32_t>(until.value() - at.value());
        if (run.first_offset == Offset()) {
          repeated.status =
              absl::InvalidArgumentError("was refused when it first came");
        } else {
          repeated.first_offset = Offset(run.first_offset.value() +
                                         (at.value() - run_first.value()));
          repeated.duplicate = run.duplicate;
        }
        runs->push_back(std::move(repeated));
        at = until;
      }
      run_first = run_end;
    }
  }
  lost(end);
}

void Producers::Add(ProducerAnswers answers, absl::Status failure) {
  const uint32_t count = CountOf(answers.runs);
  if (count == 0) return;
  Producer& producer = producers_[answers.producer];
  producer.through = std::max(producer.through,
                              PublishNumber(answers.first.value() + count - 1));
  producer.last_ms = answers.time_ms;
  producer.rows.push_back(
      {answers.first, count, std::move(answers.runs), std::move(failure)});
}

void Producers::Expire(
    int64_t before_ms,
    std::vector<std::pair<ProducerId, PublishNumber>>* forgotten) {
  if (producers_.size() > kProducersMax) {
    std::vector<int64_t> times;
    times.reserve(producers_.size());
    for (const auto& [id, producer] : producers_) {
      times.push_back(producer.last_ms);
    }
    const auto nth = times.begin() + (times.size() - kProducersMax);
    std::nth_element(times.begin(), nth, times.end());
    before_ms = std::max(before_ms, *nth);
  }
  for (auto it = producers_.begin(); it != producers_.end();) {
    if (it->second.last_ms >= before_ms) {
      ++it;
      continue;
    }
    for (const Row& row : it->second.rows) {
      ForgetRow(it->first, row, forgotten);
    }
    producers_.erase(it++);
  }
}

}  // namespace roomlog
