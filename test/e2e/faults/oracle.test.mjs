// Each kind of lie is told to the oracle, which must not believe it; and the
// truth, which it must.
import assert from "node:assert/strict";
import { test } from "node:test";
import { placeOf } from "./offset.mjs";
import { kKinds, Oracle } from "./oracle.mjs";

// Two clients in a room; texts a, b, c, ... were published there, in that order,
// and acknowledged. `tell` says what the clients saw.
function judged(tell, { texts = ["a", "b", "c", "end"], options = { placeOf }, oneOrder = false } = {}) {
  const oracle = new Oracle(options);
  const ann = oracle.witness("ann", { oneOrder });
  const bob = oracle.witness("bob", { oneOrder });
  for (const witness of [ann, bob]) {
    witness.connected({ node: "node-a" });
    witness.joined("x");
  }
  texts.forEach((text, i) => {
    oracle.publishing(text, "x", "carl", i);
    oracle.acknowledged(text);
  });
  tell({ oracle, ann, bob });
  oracle.judge();
  return oracle;
}

const hear = (witness, events, room = "x") => {
  for (const event of events) witness.heard(room, ...event);
};
const kAll = [["a", "e-1"], ["b", "e-2"], ["c", "e-3"], ["end", "e-4"]];
const without = (...texts) => kAll.filter(([text]) => !texts.includes(text));
const only = (...texts) => kAll.filter(([text]) => texts.includes(text));
const found = ({ counts }) => Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

const kLies = [
  ["an acknowledged publish that nobody sees",
    ({ ann, bob }) => [ann, bob].forEach((one) => hear(one, without("b"))), { lost: 1 }],
  ["an event that one of two does not see",
    ({ ann, bob }) => (hear(ann, kAll), hear(bob, without("b"))), { missing: 1 }],
  ["the first that was said after joining",
    ({ ann, bob }) => (hear(ann, kAll), hear(bob, without("a"))), { missing: 1 }],
  ["an event that was seen, though never acknowledged, by one only",
    ({ oracle, ann, bob }) => {
      oracle.publishing("lost answer", "x");
      hear(ann, [...without("end"), ["lost answer", "e-33"], ["end", "e-44"]]);
      hear(bob, [...without("end"), ["end", "e-44"]]);
    }, { missing: 1 }],
  ["an event twice",
    ({ ann, bob }) => (hear(ann, kAll), hear(bob, [...kAll, ["b", "e-2"]])), { twice: 1 }],
  ["an event twice, the second time by a recovery",
    ({ ann, bob }) => {
      hear(ann, kAll);
      hear(bob, only("a", "b"));
      bob.connected({ recovered: true, node: "node-b" });
      hear(bob, only("b", "c", "end"));
    }, { twice: 1 }],
  ["one publish appended twice, each seen by another client",
    ({ ann, bob }) => (hear(ann, kAll), hear(bob, [...only("a", "b", "c"), ["end", "e-5"]])), { "appended twice": 1 }],
  ["one offset for two events",
    ({ ann, bob }) => (hear(ann, [["a", "e-1"], ["b", "e-1"]]), hear(bob, [["a", "e-1"], ["b", "e-1"]])),
    { "offset reused": 2, "offset fell": 2 }, { texts: ["a", "b"] }],
  ["an event elsewhere than its acknowledgement said",
    ({ oracle, ann, bob }) => (oracle.acknowledged("end", "e-9"), [ann, bob].forEach((one) => hear(one, kAll))),
    { "appended twice": 2 }],
  ["an acknowledgement that names another offset than where it was seen",
    ({ oracle, ann, bob }) => ([ann, bob].forEach((one) => hear(one, kAll)), oracle.acknowledged("end", "e-9")),
    { "wrong offset": 1 }],
  ["two clients with two orders",
    ({ ann, bob }) => (hear(ann, [["a"], ["b"]]), hear(bob, [["b"], ["a"]])), { disorder: 1 },
    { texts: ["a", "b"], options: {} }],
  ["three clients of whom each two agree, and all three do not",
    ({ oracle, ann, bob }) => {
      const eve = oracle.witness("eve");
      // Nobody is in the room throughout, so nothing is missing.
      const part = (one, events) => (one.left("x"), one.joined("x"), hear(one, events), one.left("x"));
      part(ann, [["a"], ["b"]]);
      part(bob, [["b"], ["c"]]);
      part(eve, [["c"], ["a"]]);
    }, { disorder: 1, missing: 1 }, { texts: ["a", "b", "c"], options: {} }], // What is amiss first is the order.
  ["offsets that fall within a room",
    ({ ann, bob }) => [ann, bob].forEach((one) => hear(one, [["a", "e-2"], ["b", "e-1"]])),
    { "offset fell": 2 }, { texts: ["a", "b"] }],
  ["offsets that fall from room to room, where they must not",
    ({ oracle, ann, bob }) => {
      oracle.publishing("other room", "y");
      for (const one of [ann, bob]) {
        one.joined("y");
        hear(one, [["a", "e-5"]]);
        hear(one, [["other room", "e-4"]], "y");
      }
    }, { "offset fell": 2 }, { texts: ["a"], oneOrder: true }],
  ["one sender's events in another order than it sent them, on which all agree",
    ({ ann, bob }) => [ann, bob].forEach((one) => hear(one, [["b"], ["a"]])), { "sender's order": 2 },
    { texts: ["a", "b"], options: { sendersInOrder: true } }],
  ["recovered: true, though an event of the time away is missing",
    ({ ann, bob }) => {
      hear(ann, kAll);
      hear(bob, only("a"));
      bob.connected({ recovered: true, node: "node-b" });
      hear(bob, only("c", "end"));
    }, { missing: 1, "false recovered": 1 }],
  ["recovered: true, though an event from before the connection was lost is missing",
    ({ ann, bob }) => {
      hear(ann, kAll);
      hear(bob, only("a", "c")); // Its offset is past b, which it never got.
      bob.connected({ recovered: true, node: "node-b" });
      hear(bob, only("end"));
    }, { missing: 1, "false recovered": 1 }],
  ["recovered: true, twice, and each time something is missing",
    ({ ann, bob }) => {
      hear(ann, kAll);
      hear(bob, only("a"));
      bob.connected({ recovered: true });
      hear(bob, only("c"));
      bob.connected({ recovered: true });
    }, { missing: 2, "false recovered": 2 }],
  ["a join that resumed, and told of no gap",
    ({ ann, bob }) => {
      hear(ann, kAll);
      hear(bob, only("a"));
      bob.connected({ recovered: false });
      bob.joined("x", { resumed: true });
      hear(bob, only("c", "end"));
    }, { missing: 1 }],
  ["a gap that tells of less than is missing",
    ({ ann, bob }) => {
      hear(ann, kAll);
      bob.gap("x", { reason: "retention", from: "e-0", to: "e-1" });
      hear(bob, only("c", "end"));
    }, { missing: 1 }],
  ["something missing after the first event of a room that was joined anew, before the answer",
    ({ ann, bob }) => {
      hear(ann, kAll);
      bob.connected({ recovered: false, resumes: false });
      hear(bob, only("a", "c"));
      bob.joined("x");
      hear(bob, only("end"));
    }, { missing: 1 }],
  ["something missing from the middle of a time that has ended",
    ({ ann, bob }) => {
      hear(ann, kAll);
      hear(bob, only("a", "c"));
      bob.connected({ recovered: false });
      bob.joined("x");
    }, { missing: 1 }],
  ["an event that nobody said",
    ({ ann, bob }) => [ann, bob].forEach((one) => hear(one, [...kAll, ["made up", "e-5"]])), { stray: 2 }],
  ["an event in a room where it was not said",
    ({ ann, bob }) => (hear(ann, kAll), hear(bob, kAll), hear(bob, [["a", "e-1"]], "y")), { stray: 1 }],
  ["an event again after all was settled",
    ({ oracle, ann, bob }) => ([ann, bob].forEach((one) => hear(one, kAll)), oracle.judge(), hear(bob, only("b"))),
    { stray: 1 }],
  ["something missing in a later round",
    ({ oracle, ann, bob }) => {
      for (const one of [ann, bob]) hear(one, kAll);
      oracle.judge();
      oracle.publishing("d", "x");
      hear(ann, [["d", "e-5"]]);
    }, { missing: 1 }],
  ["an offset of an earlier round, given again",
    ({ oracle, ann, bob }) => {
      for (const one of [ann, bob]) hear(one, kAll);
      oracle.judge();
      oracle.publishing("d", "x");
      for (const one of [ann, bob]) hear(one, [["d", "e-4"]]);
    }, { "offset fell": 2 }],
  ["a request that was refused", ({ oracle, ann, bob }) =>
    ([ann, bob].forEach((one) => hear(one, kAll)), oracle.report("refused", "join")), { refused: 1 }],
  ["a process that died by itself", ({ oracle, ann, bob }) =>
    ([ann, bob].forEach((one) => hear(one, kAll)), oracle.report("died", "node-a: SIGABRT")), { died: 1 }],
  ["what never comes", ({ oracle, ann, bob }) =>
    ([ann, bob].forEach((one) => hear(one, kAll)), oracle.report("stuck", "the end of x")), { stuck: 1 }],
];

for (const [lie, tell, want, how] of kLies) {
  test(`finds ${lie}`, () => assert.deepEqual(found(judged(tell, how)), want));
}

test("has a lie for every kind that it knows", () => {
  const told = new Set(kLies.flatMap(([, , want]) => Object.keys(want)));
  assert.deepEqual([...told].sort(), Object.keys(kKinds).sort());
});

const kTruths = [
  ["all hear all", ({ ann, bob }) => [ann, bob].forEach((one) => hear(one, kAll))],
  ["a recovery brings what was missed", ({ ann, bob }) => {
    hear(ann, kAll);
    hear(bob, only("a"));
    bob.connected({ recovered: true });
    hear(bob, without("a"));
  }],
  ["what ended with the connection is lost, and so it is told", ({ ann, bob }) => {
    hear(ann, kAll);
    hear(bob, only("a"));
    bob.connected({ recovered: false });
    bob.joined("x");
  }],
  ["what was said before a room was joined anew is owed to nobody, also if events come before the answer",
    ({ ann, bob }) => {
      hear(ann, kAll);
      hear(bob, only("a"));
      bob.connected({ recovered: false, resumes: false });
      hear(bob, only("c"));
      bob.joined("x");
      hear(bob, only("end"));
    }],
  ["a client that came late", ({ oracle, ann, bob }) => {
    const eve = oracle.witness("eve");
    eve.joined("x");
    oracle.publishing("late", "x");
    const late = [["late", "e-9"]];
    hear(ann, [...kAll, ...late]);
    hear(bob, [...kAll, ...late]);
    hear(eve, late);
  }],
  ["a publish that was not acknowledged is nowhere", ({ oracle, ann, bob }) => {
    oracle.publishing("no answer", "x");
    for (const one of [ann, bob]) hear(one, kAll);
  }],
  ["a gap tells all that is missing", ({ ann, bob }) => {
    hear(ann, kAll);
    bob.gap("x", { reason: "retention", from: "e-0", to: "e-2" });
    hear(bob, only("c", "end"));
  }],
  ["a client that left", ({ ann, bob }) => {
    hear(ann, kAll);
    hear(bob, only("a"));
    bob.left("x");
  }],
  ["history that is sent has two offsets, of which the event's is the first", ({ ann, bob }) => {
    hear(ann, kAll);
    hear(bob, [["a", "e-1~e-4~1"], ["b", "e-2~e-4~1"], ["c", "e-3"], ["end", "e-4"]]);
  }],
];

for (const [truth, tell] of kTruths) {
  test(`believes: ${truth}`, () => {
    const oracle = judged(tell);
    assert.deepEqual(oracle.findings, []);
  });
}

test("keeps nothing of what it has judged", () => {
  const oracle = new Oracle({ placeOf });
  const ann = oracle.witness("ann");
  ann.joined("x");
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 10; i++) {
      const text = `${round}.${i}`;
      oracle.publishing(text, "x");
      ann.heard("x", text, `e-${(round * 10 + i + 1).toString(16)}`);
    }
    assert.equal(ann.events().length, 10);
    oracle.judge();
    assert.equal(ann.events().length, 0);
    assert.equal(oracle.nextId, 0);
  }
  assert.deepEqual(oracle.findings, []);
  assert.deepEqual([oracle.seen.publishes, oracle.seen.deliveries], [30, 30]);
});
