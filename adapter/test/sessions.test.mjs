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
  const nsp = {
    name: "/",
    run: (_, done) => done(null),
    // As Socket.IO does it.
    _createSocket: async (client) => {
      const { sid } = await server.sessions.restore(kPrivateId, "") ?? {};
      return { id: sid ?? "anew", data: {}, recovered: sid !== undefined, client, packet: () => {} };
    },
  };
  server.sessions = new Sessions(nsp, node, 120_000, followed, null, {
    sockets: server.sockets, addToRooms: () => {}, removeFromRooms: () => ++server.removed, roomsOf: () => new Set(),
    packetFor: () => null, userOf: () => "", warn: () => {},
  });
  // A connection that asks for the session, before its client is told anything; with how
  // it was closed.
  server.comeBack = () => {
    const closed = [];
    const client = { conn: { close: (discard) => closed.push(discard ?? false) } };
    return { closed, socket: nsp._createSocket(client, { pid: kPrivateId }) };
  };
  // What Socket.IO does then.
  server.connect = (socket) => {
    nsp.run(socket, () => {
      server.sockets.set(socket.id, socket);
      server.sessions.connecting(socket.id);
    });
  };
  return server;
}

const soon = () => new Promise((done) => setImmediate(done));

test("a connection that came too late to have the session leaves it to the next one, and is to come again", async () => {
  const server = serve();
  const first = server.comeBack();
  await soon();
  server.isFollowing = true;
  const second = server.comeBack();
  assert.equal((await second.socket).id, "ann");
  const { removed } = server;
  for (const follow of server.follow) follow();
  await soon();
  assert.deepEqual(first.closed, [true]);
  assert.ok(server.sessions.has("ann"));
  assert.equal(server.removed, removed);
  server.connect(await second.socket);
  assert.deepEqual(second.closed, []);
  server.sessions.close();
});

test("a connection whose session is the next one's by now does not connect in its place", async () => {
  const server = serve();
  server.isFollowing = true;
  const first = server.comeBack();
  const socket = await first.socket;
  server.isFollowing = false;
  const second = server.comeBack();
  await soon();
  server.connect(socket);
  await soon();
  assert.deepEqual(first.closed, [true]);
  assert.equal(server.sockets.size, 0);
  for (const follow of server.follow) follow();
  server.connect(await second.socket);
  await soon();
  assert.equal(server.sockets.get("ann"), await second.socket);
  assert.deepEqual(second.closed, []);
  server.sessions.close();
});

test("a client is not told that it is recovered once its session has gone", async () => {
  const server = serve();
  server.isFollowing = true;
  const { socket, closed } = server.comeBack();
  await socket;
  server.sessions.leftAll("ann", []);
  await soon();
  assert.equal(server.sessions.has("ann"), false);
  server.connect(await socket);
  assert.deepEqual(closed, [true]);
  assert.equal(server.sockets.size, 0);
  server.sessions.close();
});

test("a connection that has lost its session does not wait until its client reads", async () => {
  const server = serve();
  server.isFollowing = true;
  const first = server.comeBack();
  server.connect(await first.socket);
  await soon();
  await server.comeBack().socket;
  assert.deepEqual(first.closed, [true]);
  server.sessions.close();
});
