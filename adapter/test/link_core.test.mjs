// The link's decisions, without a socket or a clock.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as limits from "../dist/esm/limits.js";
import { FakeBroker, kEphemeral, request } from "./fake_broker.mjs";

function told(results, name) {
  return (error, answer) => results.push([name, error ? error.code : answer.receivers || answer.position.offset]);
}

const packetsOf = ({ events, payload }) => {
  let at = 0;
  return events.packetSizes.map((size) => payload.subarray(at, (at += size)).toString());
};

test("it greets until a broker answers, and then says what it was asked meanwhile", () => {
  const broker = new FakeBroker();
  const results = [];
  broker.link.publish(request("a"), told(results, "a"));
  broker.link.follow("/\0r");
  broker.link.endTurn();
  assert.deepEqual(broker.kinds(), []);
  broker.tick(0);
  broker.tick(200);
  assert.deepEqual(broker.kinds(), ["hello", "hello"]);
  broker.now += 200;
  broker.welcome();
  assert.equal(broker.sent[0].message.sequence, 1n);
  // Its own event is to come back, so it waits until it is known from where on.
  assert.equal(broker.sent.length, 1);
  broker.subscribed(40);
  const publish = broker.take("publish");
  assert.equal(publish.firstNumber, 1n);
  assert.deepEqual(packetsOf(publish), ["a"]);
  assert.equal(Buffer.from(publish.rooms.names).toString(), "/\0r");
  broker.published(1, 1, 41);
  assert.deepEqual(results, [["a", 41]]);
  assert.deepEqual(broker.heard, [["following", 1, 40]]);
});

test("what a turn asks for goes out in one message", () => {
  const broker = new FakeBroker();
  broker.welcome();
  for (const packet of ["a", "bb", "ccc"]) broker.link.publish(request(packet, { room: `/\0${packet}` }), () => {});
  broker.link.endTurn();
  const publish = broker.take("publish");
  assert.deepEqual(packetsOf(publish), ["a", "bb", "ccc"]);
  assert.deepEqual(publish.events.rooms, [0, 1, 2]);
  assert.deepEqual(broker.kinds(), []);
});

test("after a lost session it sends again what was not answered, under the same numbers", () => {
  const broker = new FakeBroker();
  const results = [];
  broker.welcome();
  for (const name of ["a", "b", "c"]) broker.link.publish(request(name), told(results, name));
  broker.link.endTurn();
  broker.kinds();
  broker.published(1, 1, 10);
  broker.unknown();
  broker.tick(200);
  const before = broker.session;
  broker.welcome();
  assert.equal(broker.session, before + 1n);
  const again = broker.take("publish");
  assert.equal(again.firstNumber, 2n);
  assert.equal(again.answeredThrough, 1n);
  assert.deepEqual(packetsOf(again), ["b", "c"]);
  broker.published(2, 2, 11);
  assert.deepEqual(results, [["a", 10], ["b", 11], ["c", 12]]);
});

test("a message that is missing ends the session, one that came before is ignored", () => {
  const broker = new FakeBroker();
  broker.welcome();
  broker.say({ heartbeat: {} });
  assert.ok(broker.link.isWelcome);
  broker.say({ heartbeat: {} }, "", { skipped: -1 });
  assert.ok(broker.link.isWelcome);
  broker.say({ heartbeat: {} }, "", { skipped: 2 });
  assert.ok(!broker.link.isWelcome);
});

test("hostile bytes end the session, and nothing else", () => {
  const bad = [
    (broker) => broker.say({ delivery: { events: { count: 3, packetSizes: [1] } } }, "x"),
    (broker) => broker.say({ delivery: { events: { count: 1, packetSizes: [9] } } }, "x"),
    (broker) => broker.say({ delivery: { events: { count: 1, packetSizes: [0] } } }, "left over"),
    (broker) => broker.say({ delivery: { events: { count: 1, packetSizes: [0], firstOffset: 2n ** 63n } } }),
    (broker) => broker.say({ delivery: { events: { count: 1, packetSizes: [0], firstOffset: 1n, previousSteps: [2n] } } }),
    (broker) => broker.say({ subscribed: { handles: [1], heads: [] } }),
    (broker) => broker.published(1, 1, 1),
    (broker) => broker.say({ ephemeralAnswer: { request: 9n, receivers: [1] } }),
    (broker) => broker.say({ publishOutOfOrder: { expectedNumber: 5n } }),
    (broker) => broker.link.onMessage(Buffer.from([0xff, 0xff, 0xff]), Buffer.alloc(0)),
  ];
  for (const [i, say] of bad.entries()) {
    const broker = new FakeBroker();
    broker.welcome();
    say(broker);
    assert.ok(!broker.link.isWelcome, `case ${i}`);
    broker.tick(200);
    assert.deepEqual(broker.kinds(), ["hello"], `case ${i}`);
  }
});

test("what is said in a room waits until it is known from where on that is heard, no other", () => {
  const broker = new FakeBroker();
  broker.welcome();
  broker.link.publish(request("a", { room: "/\0a" }), () => {});
  broker.link.follow("/\0b");
  const left = broker.link.follow("/\0left");
  broker.link.publish(request("b", { room: "/\0b" }), () => {});
  broker.link.publish(request("volatile", { room: "/\0a", flags: kEphemeral }), () => {});
  broker.link.publish(request("left", { room: "/\0left" }), () => {});
  broker.link.endTurn();
  const { handles } = broker.take("subscribe");
  assert.deepEqual(packetsOf(broker.take("publish")), ["a"]);
  assert.deepEqual(broker.kinds(), []);
  broker.say({ subscribed: { handles: [handles[0]], heads: [7n] } });
  assert.deepEqual(packetsOf(broker.take("publish")), ["b"]);
  assert.deepEqual(packetsOf(broker.take("ephemeral")), ["volatile"]);
  assert.deepEqual(broker.kinds(), []);
  broker.link.unfollow(left);
  broker.link.endTurn();
  assert.deepEqual(broker.kinds(), ["unsubscribe", "publish"]);
  // After a lost session the room's place is known: what is missing will be read.
  broker.link.publish(request("again", { room: "/\0b" }), () => {});
  broker.unknown();
  broker.tick(200);
  broker.welcome();
  assert.deepEqual(broker.kinds(), ["subscribe", "publish"]);
});

test("it has no more unanswered than the broker gives credit for", () => {
  const broker = new FakeBroker();
  broker.welcome({ publishCredit: 2 });
  for (const name of ["a", "b", "c"]) broker.link.publish(request(name), () => {});
  broker.link.publish(request("d", { flags: kEphemeral }), () => {});
  broker.link.endTurn();
  assert.deepEqual(packetsOf(broker.take("publish")), ["a", "b"]);
  assert.deepEqual(broker.kinds(), []);
  broker.published(1, 2, 1);
  assert.deepEqual(packetsOf(broker.take("publish")), ["c"]);
  assert.deepEqual(packetsOf(broker.take("ephemeral")), ["d"]);
});

test("an ephemeral event keeps its place among publishes, and is sent once", () => {
  const broker = new FakeBroker();
  const results = [];
  broker.welcome();
  broker.link.publish(request("a"), told(results, "a"));
  broker.link.publish(request("b", { flags: kEphemeral }), told(results, "b"));
  broker.link.publish(request("c"), told(results, "c"));
  broker.link.endTurn();
  assert.deepEqual(packetsOf(broker.take("publish")), ["a"]);
  const ephemeral = broker.take("ephemeral");
  assert.deepEqual(packetsOf(ephemeral), ["b"]);
  assert.deepEqual(packetsOf(broker.take("publish")), ["c"]);
  broker.say({ ephemeralAnswer: { request: ephemeral.request, receivers: [3] } });
  broker.link.publish(request("d", { flags: kEphemeral }), told(results, "d"));
  broker.link.endTurn();
  broker.unknown();
  broker.kinds();
  broker.tick(200);
  broker.welcome();
  assert.deepEqual(broker.kinds(), ["publish"]); // Not the ephemeral one.
  assert.deepEqual(results, [["b", 3], ["d", "unavailable"]]);
});

test("what waits for the broker is bounded, in events, in bytes and in time", () => {
  const broker = new FakeBroker({ queuedPublishesMax: 2, queuedPublishBytesMax: 1000 });
  const results = [];
  for (const name of ["a", "b", "c"]) broker.link.publish(request(name), told(results, name));
  assert.deepEqual(results, []); // Never from within the call.
  broker.tick(0);
  assert.deepEqual(results, [["c", "unavailable"]]);
  broker.tick(29_000);
  broker.tick(1000);
  assert.deepEqual(results, [["c", "unavailable"], ["a", "unavailable"], ["b", "unavailable"]]);
  broker.link.publish(request("x".repeat(1001)), told(results, "large"));
  broker.link.publish(request(""), told(results, "empty"));
  broker.link.publish(request("x", { id: "i".repeat(129) }), told(results, "id"));
  broker.tick(0);
  assert.deepEqual(results.slice(3), [["large", "unavailable"], ["empty", "invalid"], ["id", "invalid"]]);
});

test("a read is not waited for longer than a publish", () => {
  const broker = new FakeBroker();
  const errors = [];
  broker.link.read({ room: "/\0r", eventsMax: 1 }, (error) => errors.push(error.code));
  broker.tick(29_999);
  assert.deepEqual(errors, []);
  broker.tick(1);
  assert.deepEqual(errors, ["unavailable"]);
  // What the link reads for itself is asked for again.
  broker.link.follow("/\0a");
  broker.now += 200;
  broker.kinds();
  broker.welcome();
  broker.subscribed(1);
  broker.say({ lagging: {} });
  broker.subscribed(9);
  broker.take("read");
  for (let i = 0; i < 30; ++i) {
    broker.tick(1000);
    broker.say({ heartbeat: {} });
  }
  broker.answerRead(broker.sent.filter(({ kind }) => kind === "read").at(-1), [["a9", 9]]);
  assert.deepEqual(broker.heard.at(-1), [1, "a9", 9]);
});

test("a publish that was given up uses its number and its credit until it is answered", () => {
  const broker = new FakeBroker();
  const results = [];
  broker.welcome({ publishCredit: 1 });
  broker.link.publish(request("a"), told(results, "a"));
  broker.link.endTurn();
  for (let i = 0; i < 30; ++i) {
    broker.tick(1000);
    broker.say({ heartbeat: {} });
  }
  assert.deepEqual(results, [["a", "unavailable"]]);
  broker.kinds();
  broker.link.publish(request("b"), told(results, "b"));
  broker.link.endTurn();
  assert.deepEqual(broker.kinds(), []);
  broker.published(1, 1, 10);
  assert.equal(broker.take("publish").firstNumber, 2n);
  assert.deepEqual(results, [["a", "unavailable"]]);
});

test("it goes on from where the broker expects", () => {
  const broker = new FakeBroker();
  broker.welcome();
  for (const name of ["a", "b"]) broker.link.publish(request(name), () => {});
  broker.link.endTurn();
  broker.kinds();
  broker.say({ publishOutOfOrder: { expectedNumber: 2n } });
  assert.deepEqual(packetsOf(broker.take("publish")), ["b"]);
});

test("errors reach who asked", () => {
  const broker = new FakeBroker();
  const results = [];
  broker.welcome();
  broker.link.publish(request("a"), told(results, "a"));
  broker.link.follow("/\0full");
  broker.link.read({ room: "/\0r", eventsMax: 1 }, (error) => results.push(["read", error.code]));
  broker.link.endTurn();
  const { handles } = broker.take("subscribe");
  broker.say({ subscribed: { failedHandles: handles, error: { code: 2, message: "full" } } });
  broker.published(1, 1, 0, { error: { code: 3, message: "the disk is full" } });
  broker.take("publish");
  broker.say({ readAnswer: { request: broker.take("read").request, error: { code: 4, message: "damaged" } } });
  assert.deepEqual(results, [["a", "unavailable"], ["read", "data_loss"]]);
  assert.deepEqual(broker.heard, [["failed", 1, "limit"]]);
});

test("heartbeats are said, and their absence is noticed", () => {
  const broker = new FakeBroker();
  broker.welcome();
  broker.tick(1000);
  assert.deepEqual(broker.kinds(), ["heartbeat"]);
  broker.tick(4001);
  assert.deepEqual(broker.kinds(), ["hello"]);
  assert.match(broker.link.trouble, /silent/);
  broker.tick(200);
  broker.kinds();
  broker.tick(200);
  broker.welcome();
  broker.say({ heartbeat: { publishingStopped: "the disk is full" } });
  assert.equal(broker.link.trouble, "the disk is full");
  broker.say({ closed: {} });
  broker.tick(200);
  assert.deepEqual(broker.kinds(), ["hello"]);
});

test("consumed bytes are reported before the credit is used up", () => {
  const broker = new FakeBroker({ deliveryCreditBytes: 1000 });
  broker.link.follow("/\0r");
  broker.welcome();
  const [handle] = broker.subscribed(0);
  broker.deliver([handle, "x".repeat(100), 1, 0]);
  assert.deepEqual(broker.kinds(), []);
  broker.deliver([handle, "x".repeat(200), 2, 1]);
  assert.ok(broker.take("heartbeat").message.consumedBytes > 300n);
});

test("a reconnected link tells everything once, in order over all rooms", () => {
  const broker = new FakeBroker();
  broker.link.follow("/\0a");
  broker.link.follow("/\0b");
  broker.welcome();
  let [a, b] = broker.subscribed(0, 0);
  broker.deliver([a, "a1", 1, 0], [b, "b2", 2, 0]);
  broker.unknown();
  broker.tick(200);
  broker.welcome();
  [a, b] = broker.subscribed(5, 4); // a lacks 3 and 5, b lacks 4.
  const reads = [broker.take("read"), broker.take("read")];
  assert.deepEqual(reads.map(({ room, after, before }) => [Buffer.from(room).toString(), after, before]),
    [["/\0a", 1n, 6n], ["/\0b", 2n, 5n]]);
  broker.deliver([b, "b6", 6, 4]);
  broker.answerRead(reads[0], [["a3", 3], ["a5", 5]]);
  assert.deepEqual(broker.heard.slice(4), []); // b4 may lie before all of them.
  broker.answerRead(reads[1], [["b4", 4]]);
  assert.deepEqual(broker.heard.slice(2).map(([, packet]) => packet), ["a1", "b2", "a3", "b4", "a5", "b6"]);
});

test("a node that lagged subscribes again and reads what it lacks", () => {
  const broker = new FakeBroker();
  broker.link.follow("/\0a");
  broker.welcome();
  broker.subscribed(3);
  broker.say({ lagging: {} });
  const [handle] = broker.subscribed(9);
  const read = broker.take("read");
  broker.deliver([handle, "a10", 10, 9]);
  broker.answerRead(read, [["a5", 5]], { more: true });
  broker.answerRead(broker.take("read"), [["a9", 9]]);
  assert.deepEqual(broker.heard.slice(1).map(([, packet]) => packet), ["a5", "a9", "a10"]);
});

test("what was held and is read once more is told once", () => {
  const broker = new FakeBroker();
  broker.link.follow("/\0a");
  broker.welcome();
  broker.subscribed(3);
  broker.say({ lagging: {} });
  const [handle] = broker.subscribed(9);
  broker.take("read");
  broker.deliver([handle, "a10", 10, 9]);
  broker.unknown();
  broker.tick(200);
  broker.welcome();
  broker.subscribed(10);
  broker.answerRead(broker.take("read"), [["a9", 9]], { more: true });
  broker.answerRead(broker.take("read"), [["a10", 10]]);
  assert.deepEqual(broker.heard.slice(1).map(([, packet]) => packet), ["a9", "a10"]);
});

test("a delivery that does not continue its room is read up to", () => {
  const broker = new FakeBroker();
  broker.link.follow("/\0a");
  broker.welcome();
  const [handle] = broker.subscribed(1);
  broker.deliver([handle, "a5", 5, 3]);
  broker.answerRead(broker.take("read"), [["a3", 3]]);
  broker.deliver([handle, "a5", 5, 3]); // Again.
  assert.deepEqual(broker.heard.slice(1).map(([, packet]) => packet), ["a3", "a5"]);
});

test("what is gone is told as a gap, with its reason", () => {
  const broker = new FakeBroker();
  broker.link.follow("/\0a");
  broker.welcome();
  broker.subscribed(1);
  broker.say({ lagging: {} });
  broker.subscribed(9);
  broker.answerRead(broker.take("read"), [["a8", 8], ["a9", 9]], { trimmed: 7 });
  assert.deepEqual(broker.heard.slice(1), [["gap", 1, 1, 7, "retention"], [1, "a8", 8], [1, "a9", 9]]);
  broker.unknown();
  broker.tick(200);
  broker.welcome({ epoch: 6 });
  const [handle] = broker.subscribed(2);
  broker.deliver([handle, "new", 3, 2]);
  assert.deepEqual(broker.heard.slice(4), [["gap", 1, 9, 2, "epoch"], [1, "new", 3]]);
});

test("a room whose first answer was lost is caught up on", () => {
  const broker = new FakeBroker();
  broker.link.follow("/\0a");
  broker.welcome();
  const [a] = broker.subscribed(0);
  broker.deliver([a, "a1", 1, 0]);
  broker.link.follow("/\0b");
  broker.link.endTurn();
  broker.take("subscribe");
  broker.unknown(); // The answer never comes, but b has heard something since.
  broker.tick(200);
  broker.welcome();
  broker.subscribed(1, 7);
  broker.answerRead(broker.take("read"), [["b7", 7]]);
  assert.deepEqual(broker.heard.at(-1), [2, "b7", 7]);
});

test("a room followed from a place of the past holds up the others until it is whole", () => {
  const broker = new FakeBroker();
  broker.link.follow("/\0a");
  broker.welcome();
  const [a] = broker.subscribed(0);
  // The first event has a room followed from its place on; the others come with it.
  broker.onEvent = ({ offset }) => {
    if (offset === 1) broker.link.follow("/\0b", { epoch: 5, offset });
  };
  broker.deliver([a, "a1", 1, 0], [a, "a3", 3, 1], [a, "a4", 4, 3]);
  assert.deepEqual(broker.heard.slice(1), [[1, "a1", 1]]);
  broker.subscribed(2);
  broker.answerRead(broker.take("read"), [["b2", 2]]);
  assert.deepEqual(broker.heard.slice(2),
    [["following", 2, 1], [2, "b2", 2], [1, "a3", 3], [1, "a4", 4]]);
});

test("held events are bounded, and what is let go is read", () => {
  const broker = new FakeBroker({ heldBytesMax: 400 });
  broker.link.follow("/\0a");
  broker.link.follow("/\0b");
  broker.welcome();
  broker.subscribed(0, 0);
  broker.say({ lagging: {} });
  const [a, b] = broker.subscribed(1, 0);
  const read = broker.take("read");
  for (let offset = 2; offset <= 9; ++offset) broker.deliver([b, "x".repeat(100), offset, offset === 2 ? 0 : offset - 1]);
  broker.deliver([b, "ephemeral", 10, 9, kEphemeral]);
  broker.answerRead(read, [["a1", 1]]);
  const rest = broker.take("read");
  assert.deepEqual([rest.after, rest.before], [3n, 10n]);
  broker.answerRead(rest, Array.from({ length: 6 }, (_, i) => ["y", 4 + i]));
  assert.deepEqual(broker.heard.slice(2).map(([, , offset]) => offset), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.ok(a > 0);
});

test("reads wait for the broker, and are asked again after a lost session", async () => {
  const broker = new FakeBroker();
  const pages = [];
  broker.link.read({ room: "/\0r", after: 3, eventsMax: 5000 }, (error, page) => pages.push(page));
  broker.welcome();
  broker.take("read");
  broker.unknown();
  broker.tick(200);
  broker.welcome();
  const read = broker.take("read");
  assert.deepEqual([read.after, read.limit], [3n, 1024]);
  broker.answerRead(read, [["x", 4]], { trimmed: 2, more: true });
  assert.equal(pages.length, 1);
  assert.equal(pages[0].events[0].packet.toString(), "x");
  assert.deepEqual([pages[0].epoch, pages[0].trimmedThrough, pages[0].more], [5, 2, true]);
});

test("questions for members wait for the broker, and are asked again after a lost session", () => {
  const broker = new FakeBroker();
  const pages = [];
  broker.link.readMembers({ room: "/\0r", what: "users", after: "ida", limit: 2 }, (error, page) => pages.push(page));
  broker.welcome();
  const { request: lost } = broker.take("readMembers");
  broker.unknown();
  broker.tick(200);
  broker.welcome();
  const { request, room, what, after, limit } = broker.take("readMembers");
  assert.deepEqual([request, `${Buffer.from(room)}`, what, `${Buffer.from(after)}`, limit],
    [lost, "/\0r", 2, "ida", 2]);
  const members = { request, at: 9n, socketCount: 5n, userCount: 4n, users: [{ name: "jan", sockets: 2, away: true }],
    more: true };
  broker.say({ members });
  broker.say({ members }); // Nobody waits for it any more.
  assert.deepEqual(pages, [{
    at: { epoch: 5, offset: 9 }, socketCount: 5, userCount: 4, sockets: [], rooms: [],
    users: [{ user: "jan", sockets: 2, away: true }], more: true, lastSeenMs: 0, hasFeed: false,
  }]);
});

test("questions for members are bounded, in how many are asked at once, how many wait, and for how long", () => {
  const broker = new FakeBroker();
  const failed = [];
  broker.welcome();
  const ask = (i) => broker.link.readMembers({ room: "/\0r", what: "counts", after: "", limit: 1 }, (error) =>
    failed.push([i, error?.code ?? "answered"]));
  for (let i = 0; i <= limits.kWaitingReadsMax; ++i) ask(i);
  broker.link.endTurn();
  assert.deepEqual(failed.splice(0), [[limits.kWaitingReadsMax, "unavailable"]]);
  assert.equal(broker.kinds().length, limits.kUnansweredReadsMax);
  broker.say({ members: { request: 2n } });
  assert.deepEqual([failed.splice(0), broker.kinds()], [[[1, "answered"]], ["readMembers"]]);
  for (let i = 0; i < 30; ++i) {
    broker.tick(1000);
    broker.say({ heartbeat: {} });
  }
  assert.equal(failed.splice(0).length, limits.kWaitingReadsMax - 1);
  // It has not answered, so it has them still, and would expel who asks for more.
  broker.kinds();
  ask("later");
  broker.link.endTurn();
  assert.deepEqual(broker.kinds(), []);
  broker.say({ members: { request: 3n } });
  assert.equal(broker.take("readMembers").request, BigInt(limits.kWaitingReadsMax + 1));
  assert.deepEqual(failed, []);
  // Nor is what nobody waits for asked again.
  broker.unknown();
  broker.tick(200);
  broker.welcome();
  assert.deepEqual(broker.kinds(), ["readMembers"]);
});

test("a broker that is older is not asked for members", () => {
  const broker = new FakeBroker();
  const failed = [];
  const ask = (what) => broker.link.readMembers({ room: "/\0r", what, after: "", limit: 1 }, (error) =>
    failed.push([what, error.code]));
  ask("rooms"); // Before anybody knows how old it is.
  ask("users");
  broker.welcome({ protocolMinor: 1 });
  assert.deepEqual(broker.kinds(), ["readMembers"]);
  broker.unknown();
  broker.tick(200);
  broker.welcome({ protocolMinor: 0 });
  ask("counts");
  broker.link.endTurn();
  assert.deepEqual(broker.kinds(), []);
  assert.deepEqual(failed, [["rooms", "unavailable"], ["users", "unavailable"], ["counts", "unavailable"]]);
});
