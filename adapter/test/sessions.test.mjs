// Connections of one client that overlap, without a broker or sockets.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SessionOperation, SessionRecord } from "../dist/esm/generated/proto/sessions.js";
import { Sessions } from "../dist/esm/sessions.js";

const kPrivateId = "p".repeat(20);
const kRecord = SessionRecord.encode({ ...SessionRecord.create(), socketId: "ann", openedAt: 1n }).finish();

// A server whose broker answers all at once, and follows a room when the test says so.
function serve() {
  const server = { sockets: new Map(), follow: [], isFollowing: false, removed: 0 };
  const node = {
    id: "node", noticeRoom: "notices", link: { epoch: 1, place: 10 },
    listenToNotices: () => {}, forgetNotices: () => {},
    publish: ({ packet }, done) => queueMicrotask(() => done(null, {
      position: { epoch: 1, offset: 10 }, duplicate: false, receivers: 0,
      ...(SessionOperation.decode(packet).restore ? { session: kRecord } : {}),
    })),
  };
  const followed = {
    holdOwn: () => {}, drop: () => {}, placeOf: () => 10,
    followedFrom: () => (server.isFollowing ? Promise.resolve(10) : new Promise((done) => server.follow.push(() => done(10)))),
  };
  const nsp = { name: "/", run: () => {}, _createSocket: () => {} };
  server.sessions = new Sessions(nsp, node, 120_000, followed, null, {
    sockets: server.sockets, addToRooms: () => {}, removeFromRooms: () => ++server.removed, roomsOf: () => new Set(),
    packetFor: () => null, warn: () => {},
  });
  server.connect = () => {
    const closed = [];
    const conn = { close: (discard) => closed.push(discard ?? false) };
    server.sockets.set("ann", { id: "ann", data: {}, recovered: true, client: { conn } });
    server.sessions.connecting("ann");
    return closed;
  };
  return server;
}

const soon = () => new Promise((done) => setImmediate(done));

test("a connection that came too late to have the session leaves it to the next one", async () => {
  const server = serve();
  const first = server.sessions.restore(kPrivateId, "");
  await soon();
  server.isFollowing = true;
  const second = await server.sessions.restore(kPrivateId, "");
  assert.equal(second.sid, "ann");
  const removed = server.removed;
  for (const follow of server.follow) follow();
  assert.equal(await first, null);
  assert.ok(server.sessions.has("ann"));
  assert.equal(server.removed, removed);
  assert.deepEqual(server.connect(), []);
  server.sessions.close();
});

test("a client is not told that it is recovered once its session has gone", async () => {
  const server = serve();
  server.isFollowing = true;
  await server.sessions.restore(kPrivateId, "");
  server.sessions.leftAll("ann", []);
  await soon();
  assert.equal(server.sessions.has("ann"), false);
  assert.equal(server.connect().length, 1);
  server.sessions.close();
});

test("a connection that has lost its session does not wait until its client reads", async () => {
  const server = serve();
  server.isFollowing = true;
  await server.sessions.restore(kPrivateId, "");
  const closed = server.connect();
  server.sockets.get("ann").connected = true;
  await server.sessions.restore(kPrivateId, "");
  assert.deepEqual(closed, [true]);
  server.sessions.close();
});
