// A replay reads ahead of a server that is behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Replays } from "../dist/esm/replay.js";

const kEphemeral = 8;
const event = (offset, flags = 0) => ({ offset, previous: 0, timeMs: 0, flags, room: 1, id: "", packet: Buffer.from(String(offset)) });

test("what a replay has sent is not sent again when this server hears it", async () => {
  const sent = [];
  const pages = [[event(5)], [event(3), event(4), event(5)]];
  const link = {
    read: (_, done) => done(null, { epoch: 1, events: pages.shift(), trimmedThrough: 0, head: 5, more: false }),
  };
  const packet = (name) => ({ sendTo: () => sent.push(name) });
  const replays = new Replays({ link }, "/", { followedFrom: () => Promise.resolve() });
  const socket = { id: "ann", rooms: new Set(["r"]) };
  const running = replays.run(socket, "r", { from: "start" }, {
    join: () => {
      // Meanwhile this server hears the first of them, and one that is newer.
      assert.ok(replays.hold("ann", "r", event(3), packet("held 3")));
      assert.ok(replays.hold("ann", "r", event(6), packet("held 6")));
      assert.ok(!replays.hold("bob", "r", event(6), packet("bob's")));
    },
    packetFor: ({ offset }) => packet(`read ${offset}`),
  });
  assert.deepEqual(await running, { replayed: 3, offset: "1-5" });
  assert.deepEqual(sent, ["read 3", "read 4", "read 5", "held 6"]);
  // It hears the others later.
  assert.ok(replays.hold("ann", "r", event(4), packet("late 4")));
  assert.ok(!replays.hold("ann", "r", event(5, kEphemeral), packet("volatile")));
  assert.ok(replays.hold("ann", "r", event(5), packet("late 5")));
  assert.ok(!replays.hold("ann", "r", event(7), packet("live 7")));
  assert.deepEqual(sent.length, 4);
});
