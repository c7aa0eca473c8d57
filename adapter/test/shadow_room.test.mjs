// What is said of an adapter that loses, doubles and reorders.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ShadowRoom } from "../dist/esm/shadow_room.js";

const kGraceMs = 100;

// A room that is followed for long enough. `story` is what happened, in order:
// "L a1" is in the log, "D a1" is delivered.
function countsAfter(...story) {
  const room = new ShadowRoom(kGraceMs);
  room.onFollowed(0);
  tell(room, story, 1000);
  room.onTick(1000 + kGraceMs + 1);
  return room.counts;
}

function tell(room, story, now) {
  for (const [way, , server, ...number] of story) {
    const tag = { server, number: Number(number.join("")) };
    if (way === "L") room.onLogged(tag, now);
    else room.onDelivered(tag, now);
  }
}

const kNothing = { compared: 0, lost: 0, doubled: 0, reordered: 0, crossed: 0, unlogged: 0 };

for (const [name, story, counts] of [
  ["all comes, the log first", ["L a1", "L a2", "D a1", "D a2"], { compared: 2 }],
  ["all comes, the log last", ["D a1", "D a2", "L a1", "L a2"], { compared: 2 }],
  ["one is lost", ["L a1", "L a2", "D a2"], { compared: 1, lost: 1 }],
  ["one is doubled", ["L a1", "D a1", "D a1"], { compared: 1, doubled: 1 }],
  ["two of one server are reordered", ["L a1", "L a2", "D a2", "D a1"], { compared: 2, reordered: 1 }],
  ["the same before the log is heard", ["D a2", "D a1", "L a1", "L a2"], { compared: 2, reordered: 1 }],
  ["two of different servers are crossed", ["L a1", "L b1", "D b1", "D a1"], { compared: 2, crossed: 1 }],
  ["one is not in the log", ["D a1"], { unlogged: 1 }],
]) {
  test(name, () => assert.deepEqual(countsAfter(...story), { ...kNothing, ...counts }));
}

test("what was under way while the room was entered is not missed", () => {
  const room = new ShadowRoom(kGraceMs);
  tell(room, ["D a1"], 0);
  room.onFollowed(10);
  tell(room, ["L a2"], 20);
  room.onTick(1000);
  assert.deepEqual(room.counts, kNothing);
});

test("what waits is bounded", () => {
  const room = new ShadowRoom(kGraceMs);
  room.onFollowed(0);
  for (let number = 1; number <= 10_010; ++number) room.onLogged({ server: "a", number }, 1000);
  assert.equal(room.counts.lost, 10);
});
