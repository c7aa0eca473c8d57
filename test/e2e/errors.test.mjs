// Every documented error code, provoked; and after each the client goes on.
import assert from "node:assert/strict";
import { story } from "./cluster.mjs";

const kLongName = "r".repeat(256);
const kLongest = "r".repeat(255);

story("what breaks a rule is refused with the code for it, and what does not is not", async (cluster, t) => {
  const client = await cluster.client(0);
  const { offset } = await client.publish("lobby", "message", 1);
  const refused = {
    bad_request: [
      ["unknown request", 1],
      ["join"],
      ["leave"],
      ["publish"],
      ["publish", "lobby"],
      ["history"],
      ["join", "lobby", { last: 1 }, "more"],
      ["join", "lobby", { first: 5 }],
      ["join", "lobby", { last: 10_001 }],
      ["join", "lobby", "from the start"],
      ["join", "lobby", []],
      ["join", "lobby", { last: -1 }],
      ["join", "lobby", { last: 1.5 }],
      ["join", "lobby", { last: "5" }],
      ["join", "lobby", { from: "the middle" }],
      ["join", "lobby", { since: "yesterday" }],
      ["join", "lobby", { last: 5, from: "start" }],
      ["publish", "lobby", "message", 1, "id"],
      ["publish", "lobby", "message", 1, { key: "x" }],
      ["publish", "lobby", "message", 1, { id: 5 }],
      ["publish", "lobby", "message", 1, { id: "" }],
      ["history", "lobby", { limit: 0 }],
      ["history", "lobby", { limit: -1 }],
      ["history", "lobby", { limit: "all" }],
      ["history", "lobby", { limit: 1_001 }],
      ["history", "lobby", { before: offset, after: offset }],
    ],
    bad_room: [
      ...["join", "leave", "history"].flatMap((request) =>
        ["", kLongName, "é".repeat(128), "a\0b", 5, null, {}].map((room) => [request, room])),
      ...["", kLongName, "a\0b", 5].map((room) => ["publish", room, "message", 1]),
    ],
    bad_event: [
      ...["", 5, null, "e".repeat(256), "roomlog:gap",
        "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
        .map((name) => ["publish", "lobby", name, 1]),
    ],
    bad_offset: [
      ...["", "nonsense", "1", "-", "1-", "-1", "1-G", "1-2-3", 5, null].flatMap((bad) => [
        ["join", "lobby", { after: bad }],
        ["history", "lobby", { before: bad }],
        ["history", "lobby", { after: bad }],
      ]),
      // Well made, but of another life of the log.
      ["history", "lobby", { before: "1-1" }],
      ["history", "lobby", { after: "1-1" }],
      // Of this life, but beyond all that was ever said.
      ["join", "lobby", { after: `${offset.split("-")[0]}-ffffffffffffff` }],
    ],
    too_large: [
      ["publish", "lobby", "message", 1, { id: "x".repeat(129) }],
    ],
  };
  for (const [code, requests] of Object.entries(refused)) {
    for (const [request, ...parts] of requests) {
      await t.test(`${code}: ${JSON.stringify([request, ...parts]).slice(0, 80)}`, async () => {
        const answer = await client.ask(request, parts);
        assert.equal(answer.ok, false, JSON.stringify(answer));
        assert.deepEqual(Object.keys(answer).sort(), ["error", "ok"]);
        assert.deepEqual(Object.keys(answer.error).sort(), ["code", "message"]);
        assert.equal(answer.error.code, code, answer.error.message);
        assert.ok(answer.error.message.length > 0);
      });
    }
  }

  await t.test("the longest that is allowed is allowed", async () => {
    for (const room of ["r", kLongest, "é".repeat(127)]) {
      assert.equal((await client.join(room)).ok, true);
      const answer = await client.publish(room, "e".repeat(255), "x", { id: "x".repeat(128) });
      assert.equal(answer.ok, true, JSON.stringify(answer));
      await client.hears(1, room);
    }
  });
  await t.test("an offset of another life of the log is a gap to who joins", async () => {
    const { ok, gap } = await client.join("lobby", { after: "1-1" });
    assert.deepEqual([ok, gap?.reason], [true, "epoch"]);
  });
  await t.test("half a surrogate pair stands for U+FFFD, as everywhere in Socket.IO", async () => {
    assert.equal((await client.join("\ud800")).room, "\ufffd");
  });
  assert.equal(client.socket.connected, true);
  const { events } = await client.history("lobby");
  assert.deepEqual(events.map((event) => event.offset), [offset], "nothing refused is in the log");
});

story("one client may be in 256 rooms, and is told `limit` at the next", async (cluster) => {
  const client = await cluster.client(0);
  for (let i = 0; i < 256; i++) assert.equal((await client.join(`room ${i}`)).ok, true);
  const { ok, error } = await client.join("room 256");
  assert.deepEqual([ok, error?.code], [false, "limit"]);
  assert.equal((await client.leave("room 0")).ok, true);
  assert.equal((await client.join("room 256")).ok, true, "leaving makes room");
});

story("a request without an acknowledgement does what it says and answers nobody", async (cluster) => {
  const a = await cluster.client(0);
  a.socket.emit("join", "lobby", { from: "start" });
  a.socket.emit("publish", "lobby", "message", "unacknowledged");
  a.socket.emit("publish", "", "message", "bad room");
  a.socket.emit("publish");
  a.socket.emit("unknown request", 1, 2);
  const [event] = await a.hears(1, "lobby");
  assert.equal(event.data, "unacknowledged");
  assert.deepEqual(a.others, []);
});
