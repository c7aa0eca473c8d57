#include "test/sim/oracle.h"

#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::IsEmpty;

Position At(uint64_t offset, uint64_t epoch = 1) {
  return {Epoch(epoch), Offset(offset)};
}

// Three events of one room: a at 1, b at 2, c at 3.
void WriteThree(Oracle& oracle) {
  oracle.OnWritten("room", Offset(1), "a", true);
  oracle.OnWritten("room", Offset(2), "b", true);
  oracle.OnWritten("room", Offset(3), "c", true);
}

void Join(Oracle& oracle, uint64_t after) {
  oracle.OnJoining("ann", "room", At(after));
  oracle.OnJoined("ann", "room", At(after), {});
}

struct Story {
  std::string name;
  std::function<void(Oracle&)> tell;
};

TEST(OracleTest, FindsNothingWhereAllIsWell) {
  const std::vector<Story> stories = {
      {"what was told to be missing comes after all",
       [](Oracle& oracle) {
         Join(oracle, 0);
         WriteThree(oracle);
         oracle.OnDamaged(Offset(1));
         oracle.OnGap("ann", "room", Oracle::Gap{At(0), At(2), "damage"});
         oracle.OnHeard("ann", "room", At(2), "b");
         oracle.OnHeard("ann", "room", At(3), "c");
       }},
      {"live",
       [](Oracle& oracle) {
         Join(oracle, 0);
         WriteThree(oracle);
         oracle.OnAcknowledged("ann", "room", "b", At(2));
         oracle.OnHeard("ann", "room", At(1), "a");
         oracle.OnHeard("ann", "room", At(2), "b");
         oracle.OnHeard("ann", "room", At(3), "c");
         oracle.CheckAtRest();
       }},
      {"joining with the past",
       [](Oracle& oracle) {
         WriteThree(oracle);
         oracle.OnJoining("ann", "room", At(1));
         oracle.OnHeard("ann", "room", At(2), "b");
         oracle.OnHeard("ann", "room", At(3), "c");
         oracle.OnJoined("ann", "room", At(3), {});
         oracle.CheckAtRest();
       }},
      {"retention took what is told",
       [](Oracle& oracle) {
         oracle.OnWritten("brief", Offset(1), "a", false);
         oracle.OnWritten("brief", Offset(2), "b", false);
         oracle.OnTrimmed("brief", Offset(1));
         oracle.OnJoining("ann", "brief", At(0));
         oracle.OnHeard("ann", "brief", At(2), "b");
         oracle.OnJoined("ann", "brief", At(2),
                         Oracle::Gap{At(0), At(1), "retention"});
       }},
      {"damage that is told",
       [](Oracle& oracle) {
         Join(oracle, 0);
         WriteThree(oracle);
         oracle.OnDamaged(Offset(2));
         oracle.OnHeard("ann", "room", At(1), "a");
         oracle.OnGap("ann", "room", {At(1), At(2), "damage"});
         oracle.OnHeard("ann", "room", At(3), "c");
       }},
      {"what nobody was told is lost",
       [](Oracle& oracle) {
         WriteThree(oracle);
         oracle.OnLost(Offset(3));
         oracle.OnWritten("room", Offset(9), "c", true);
       }},
      {"a reader that is gone",
       [](Oracle& oracle) {
         Join(oracle, 0);
         oracle.OnGone("ann", "room");
         WriteThree(oracle);
         oracle.CheckAtRest();
       }},
  };
  for (const Story& story : stories) {
    Oracle oracle({.rooms_with_retention = {"brief"}});
    story.tell(oracle);
    std::vector<std::string> found;
    for (const Finding& finding : oracle.findings()) {
      found.push_back(finding.facts);
    }
    EXPECT_THAT(found, IsEmpty()) << story.name;
  }
}

struct Broken {
  std::string promise;
  std::string name;
  std::function<void(Oracle&)> tell;
};

TEST(OracleTest, FindsWhatIsBroken) {
  const std::vector<Broken> stories = {
      {"P1", "a node hears an earlier event later",
       [](Oracle& oracle) {
         oracle.OnNodeHeard("node", Offset(2));
         oracle.OnNodeHeard("node", Offset(1));
       }},
      {"P2", "what was acknowledged is lost",
       [](Oracle& oracle) {
         WriteThree(oracle);
         oracle.OnAcknowledged("ann", "room", "c", At(3));
         oracle.OnLost(Offset(3));
       }},
      {"P2", "what was heard is lost",
       [](Oracle& oracle) {
         Join(oracle, 2);
         WriteThree(oracle);
         oracle.OnHeard("ann", "room", At(3), "c");
         oracle.OnLost(Offset(3));
       }},
      {"P2", "an acknowledgement of what is not there",
       [](Oracle& oracle) {
         oracle.OnAcknowledged("ann", "room", "d", At(4));
       }},
      {"P3", "one publish twice",
       [](Oracle& oracle) {
         WriteThree(oracle);
         oracle.OnWritten("room", Offset(4), "a", true);
       }},
      {"P3", "an acknowledgement with another's offset",
       [](Oracle& oracle) {
         WriteThree(oracle);
         oracle.OnAcknowledged("ann", "room", "a", At(2));
       }},
      {"P4", "an event twice",
       [](Oracle& oracle) {
         Join(oracle, 0);
         WriteThree(oracle);
         oracle.OnHeard("ann", "room", At(1), "a");
         oracle.OnHeard("ann", "room", At(1), "a");
       }},
      {"P4", "an event out of order while joining",
       [](Oracle& oracle) {
         WriteThree(oracle);
         oracle.OnJoining("ann", "room", At(0));
         oracle.OnHeard("ann", "room", At(2), "b");
         oracle.OnHeard("ann", "room", At(1), "a");
       }},
      {"P4", "what was told to be missing comes twice",
       [](Oracle& oracle) {
         Join(oracle, 0);
         WriteThree(oracle);
         oracle.OnDamaged(Offset(1));
         oracle.OnGap("ann", "room", Oracle::Gap{At(0), At(2), "damage"});
         oracle.OnHeard("ann", "room", At(2), "b");
         oracle.OnHeard("ann", "room", At(2), "b");
       }},
      {"P4", "a join sends again what came since it was asked for",
       [](Oracle& oracle) {
         Join(oracle, 0);
         WriteThree(oracle);
         oracle.OnJoining("ann", "room", At(0));
         oracle.OnHeard("ann", "room", At(1), "a");
         oracle.OnHeard("ann", "room", At(1), "a");
       }},
      {"P5", "an event is left out",
       [](Oracle& oracle) {
         Join(oracle, 0);
         WriteThree(oracle);
         oracle.OnHeard("ann", "room", At(1), "a");
         oracle.OnHeard("ann", "room", At(3), "c");
       }},
      {"P5", "a join leaves out what it does not tell",
       [](Oracle& oracle) {
         WriteThree(oracle);
         oracle.OnJoining("ann", "room", At(0));
         oracle.OnHeard("ann", "room", At(2), "b");
         oracle.OnHeard("ann", "room", At(3), "c");
         oracle.OnJoined("ann", "room", At(3), {});
       }},
      {"P5", "a gap that is told is too small",
       [](Oracle& oracle) {
         oracle.OnWritten("brief", Offset(1), "a", false);
         oracle.OnWritten("brief", Offset(2), "b", false);
         oracle.OnJoining("ann", "brief", At(0));
         oracle.OnJoined("ann", "brief", At(2),
                         Oracle::Gap{At(0), At(1), "retention"});
       }},
      {"P5", "a gap that is none",
       [](Oracle& oracle) {
         WriteThree(oracle);
         Join(oracle, 0);
         oracle.OnGap("ann", "room", {At(0), At(3), "retention"});
       }},
      {"P5", "an epoch that ends in silence",
       [](Oracle& oracle) {
         Join(oracle, 0);
         WriteThree(oracle);
         oracle.OnHeard("ann", "room", At(1, /*epoch=*/2), "a");
       }},
      {"P5", "who waits lacks the last one",
       [](Oracle& oracle) {
         Join(oracle, 0);
         WriteThree(oracle);
         oracle.OnHeard("ann", "room", At(1), "a");
         oracle.OnHeard("ann", "room", At(2), "b");
         oracle.CheckAtRest();
       }},
      {"P5", "what is damaged is given out",
       [](Oracle& oracle) {
         Join(oracle, 0);
         WriteThree(oracle);
         oracle.OnDamaged(Offset(1));
         oracle.OnHeard("ann", "room", At(1), "A");
       }},
      {"P6", "an offset names two events",
       [](Oracle& oracle) {
         WriteThree(oracle);
         oracle.OnLost(Offset(3));
         oracle.OnWritten("room", Offset(3), "d", true);
       }},
      {"P6", "an offset comes with another event",
       [](Oracle& oracle) {
         Join(oracle, 0);
         WriteThree(oracle);
         oracle.OnHeard("ann", "room", At(1), "d");
       }},
      {"P7", "more than fits",
       [](Oracle& oracle) { oracle.OnSize("a queue", 3, 2); }},
      {"liveness", "a join without an answer",
       [](Oracle& oracle) {
         oracle.OnJoining("ann", "room", At(0));
         oracle.CheckAtRest();
       }},
  };
  for (const Broken& story : stories) {
    Oracle oracle({.rooms_with_retention = {"brief"}});
    story.tell(oracle);
    EXPECT_THAT(oracle.findings(),
                Contains(Field(&Finding::promise, story.promise)))
        << story.name;
  }
}

TEST(OracleTest, WithoutSyncWhatWasToldMayBeLostInAnotherEpoch) {
  Oracle oracle({.synced = false});
  Join(oracle, 0);
  WriteThree(oracle);
  oracle.OnHeard("ann", "room", At(1), "a");
  oracle.OnHeard("ann", "room", At(2), "b");
  oracle.OnLost(Offset(3));
  oracle.OnLost(Offset(2));
  oracle.OnGap("ann", "room", {At(2), At(1, 2), "epoch"});
  oracle.OnWritten("room", Offset(9), "b", true);
  oracle.OnHeard("ann", "room", At(9, 2), "b");
  EXPECT_THAT(oracle.findings(), IsEmpty());
}

TEST(OracleTest, ForgetsTheOldestOfALongRun) {
  Oracle oracle({.events_max = 2});
  Join(oracle, 0);
  WriteThree(oracle);
  // Nobody can say any more whether that was missed.
  oracle.OnHeard("ann", "room", At(2), "b");
  oracle.OnHeard("ann", "room", At(3), "c");
  EXPECT_THAT(oracle.findings(), IsEmpty());
}

}  // namespace
}  // namespace roomlog
