// What sessions are made of, without a broker.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseClientOffset, placeOf, historySuffix } from "../dist/esm/client_offset.js";
import { directRoom, isDirectRoom } from "../dist/esm/direct_room.js";
import { RoomlogError } from "../dist/esm/roomlog_error.js";
import { SessionChanges } from "../dist/esm/session_changes.js";
import { SessionGate } from "../dist/esm/session_gate.js";
import { formatSessionStart, parseSessionStart } from "../dist/esm/session_start.js";

test("an offset of a client is read as C++ edges write it, and nothing else is", () => {
  assert.deepEqual(parseClientOffset("a-29"), { event: { epoch: 10, offset: 41 } });
  const inHistory = parseClientOffset("a-29~a-30~7");
  assert.deepEqual(inHistory, { event: { epoch: 10, offset: 41 }, history: { place: { epoch: 10, offset: 48 }, join: 7 } });
  assert.deepEqual(placeOf(inHistory), { epoch: 10, offset: 48 });
  assert.equal(`a-29${historySuffix({ epoch: 10, offset: 48 }, 7)}`, "a-29~a-30~7");
  for (const text of ["", "a", "a-", "a-29~", "a-29~a-30", "a-29~a-30~0", "a-29~a-30~07", "a-29~a-30~7~", "A-29", "a-29 "]) {
    assert.equal(parseClientOffset(text), null, text);
  }
});

test("the start of a history is kept as C++ edges keep it", () => {
  for (const [text, options] of [
    ["1 last 20", { last: 20 }], ["2 after a-29", { after: "a-29" }], ["3 since 1700000000000", { since: 1700000000000 }],
    ["4 start", { from: "start" }],
  ]) {
    const join = Number(text[0]);
    assert.equal(formatSessionStart({ join, options }), text);
    assert.deepEqual(parseSessionStart(text), { join, options });
  }
  assert.equal(formatSessionStart({ join: 1, options: {} }), "");
  for (const text of ["", "1", "0 start", "1 last", "1 last x", "1 end", "1 start 2", "01 start", "1 last 20 "]) {
    assert.equal(parseSessionStart(text), null, text);
  }
});

test("direct rooms are few, and no program's", () => {
  const rooms = new Set(Array.from({ length: 5000 }, (_, i) => directRoom("node", `socket-${i}`)));
  assert.ok(rooms.size <= 256 && rooms.size > 200);
  for (const room of rooms) assert.ok(isDirectRoom(room) && room.startsWith("$roomlog/"));
});

function gateOf(entriesMax = 10) {
  const sent = [];
  let full = 0;
  const gate = new SessionGate(entriesMax, () => ++full);
  return { gate, sent, say: (offset, name) => gate.send(offset, () => sent.push(name)), full: () => full };
}

test("what waits for a change is sent after it, in its order", () => {
  const { gate, sent, say } = gateOf();
  say(1, "a");
  gate.hold();
  gate.hold();
  say(2, "b");
  say(0, "volatile");
  gate.release();
  say(3, "c");
  assert.deepEqual(sent, ["a"]);
  gate.release();
  assert.deepEqual(sent, ["a", "b", "volatile", "c"]);
  say(4, "d");
  assert.equal(sent.at(-1), "d");
});

test("what a client has already does not come again, also later", () => {
  const { gate, sent, say } = gateOf();
  gate.hold();
  say(4, "old");
  say(6, "new");
  gate.dropThrough(5);
  say(5, "late");
  gate.release();
  say(3, "later still");
  assert.deepEqual(sent, ["new"]);
});

test("a history goes between what was said before it and after", () => {
  const { gate, sent, say } = gateOf();
  gate.hold();
  say(4, "before");
  say(8, "after");
  gate.sendThrough(5);
  sent.push("history");
  gate.release();
  assert.deepEqual(sent, ["before", "history", "after"]);
});

test("a change that is asked for while what waits is sent holds the rest", () => {
  const { gate, sent, say } = gateOf();
  gate.hold();
  gate.send(1, () => {
    sent.push("a");
    gate.hold();
  });
  say(2, "b");
  gate.release();
  assert.deepEqual(sent, ["a"]);
  gate.release();
  assert.deepEqual(sent, ["a", "b"]);
});

test("too much that waits is told, and an opened gate keeps nothing", () => {
  const { gate, sent, say, full } = gateOf(2);
  gate.hold();
  for (const name of ["a", "b", "c"]) say(1, name);
  assert.equal(full(), 1);
  gate.open();
  assert.deepEqual(sent, ["a", "b", "c"]);
  say(1, "d");
  assert.deepEqual(sent.at(-1), "d");
});

// A broker that answers changes when the test says so.
class FakeKeeper {
  said = [];
  change(_, change) {
    return new Promise((done, fail) => this.said.push({
      leaves: change.leaves.map(String), joins: change.joins.map(({ name }) => String(name)), done, fail,
    }));
  }
}
const join = (name) => ({ joins: [{ name: Buffer.from(name), from: 1n, start: Buffer.alloc(0) }] });
const leave = (name) => ({ leaves: [Buffer.from(name)] });

test("changes are said one after the other, and what comes meanwhile together", async () => {
  const keeper = new FakeKeeper();
  const changes = new SessionChanges(keeper, () => assert.fail());
  changes.begin({ privateId: "p", claim: 1n });
  const first = changes.add(join("a"));
  const rest = [changes.add(join("b")), changes.add(leave("a")), changes.add(join("c")), changes.add(leave("c"))];
  let detached = false;
  changes.whenSaid(() => (detached = true));
  assert.deepEqual(keeper.said.map(({ joins }) => joins), [["a"]]);
  keeper.said[0].done();
  await first;
  assert.equal(detached, false);
  const { joins, leaves, done } = keeper.said[1];
  assert.deepEqual([joins, leaves], [["b"], ["a", "c"]]);
  done();
  await Promise.all(rest);
  await first.then();
  assert.equal(detached, true);
});

test("a refused change ends the session for those who wait, too", async () => {
  const keeper = new FakeKeeper();
  const refused = [];
  const changes = new SessionChanges(keeper, ({ code }) => refused.push(code));
  changes.begin({ privateId: "p", claim: 1n });
  const first = changes.add(join("a"));
  const second = changes.add(join("b"));
  keeper.said[0].fail(new RoomlogError("fenced", "another has it"));
  await assert.rejects(first, { code: "fenced" });
  await second; // There is nothing any more that it could make untrue.
  assert.deepEqual(refused, ["fenced"]);
  await changes.add(join("c"));
  assert.equal(keeper.said.length, 1);
});
