// What each producer has published, so that a publish sent twice is kept once.
#ifndef ROOMLOG_BROKER_JOURNAL_PRODUCERS_H_
#define ROOMLOG_BROKER_JOURNAL_PRODUCERS_H_

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "base/ids.h"
#include "broker/journal/journal.h"
#include "storage/event.h"

namespace roomlog {

// Remembers of every producer how far its publishes are numbered, and the
// answers that it may ask for again. Holds no more answers than a producer may
// have open, and no more than kProducersMax producers.
class Producers {
 public:
  // Takes what the log remembered; those of one producer in rising order.
  void Load(ProducerAnswers answers);

  // The highest number that has an answer; 0 for an unknown producer.
  PublishNumber Through(ProducerId producer) const;

  // Notes that the producer has the answers up to `answered`: they need no
  // memory, and were they lost, the numbers are taken all the same. Adds to
  // `forgotten` the rows that the log may forget.
  void Settle(ProducerId producer, PublishNumber answered,
              std::vector<std::pair<ProducerId, PublishNumber>>* forgotten);

  // Repeats the answers to `count` numbers from `first` on, all of them up to
  // Through() and none settled. Those whose answer is lost (it was an error,
  // and the broker restarted) get UNAVAILABLE.
  void Repeat(ProducerId producer, PublishNumber first, uint32_t count,
              std::vector<PublishedRun>* runs) const;

  // Takes the answers that a commit gave to the numbers after Through().
  // `failure`: not OK if none was appended; then they are kept in memory only.
  void Add(ProducerAnswers answers, absl::Status failure);

  // Forgets producers silent since `before_ms`, and the longest silent ones
  // beyond kProducersMax; adds their rows to `forgotten`.
  void Expire(int64_t before_ms,
              std::vector<std::pair<ProducerId, PublishNumber>>* forgotten);

  size_t size() const { return producers_.size(); }

 private:
  struct Row {
    PublishNumber first;
    uint32_t count;
    std::vector<AnswerRun> runs;
    absl::Status failure;
  };
  struct Producer {
    PublishNumber through;
    int64_t last_ms = 0;
    std::deque<Row> rows;  // Rising, without overlap.
  };

  static void ForgetRow(
      ProducerId id, const Row& row,
      std::vector<std::pair<ProducerId, PublishNumber>>* forgotten);

  absl::flat_hash_map<ProducerId, Producer> producers_;
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_JOURNAL_PRODUCERS_H_
