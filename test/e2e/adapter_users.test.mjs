// Users by servers on Node.js, and by a C++ edge beside them: what is kept of them, and
// putting them out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { io } from "socket.io-client";
import { createAdapter } from "../../adapter/dist/esm/index.js";
import { AdapterCluster } from "./adapter_cluster.mjs";
import { until } from "./until.mjs";

const cluster = new AdapterCluster();
await cluster.startBroker();
// Clients say who they are, as {auth: {user}}.
const serve = (options = {}) => cluster.serve(createAdapter({ broker: cluster.brokerAddress, ...options }), (server) =>
  server.use((socket, next) => {
    socket.data.user = socket.handshake.auth.user;
    next();
  }));
const [one, other] = [serve(), serve()];
await cluster.addEdge("cpp", "--recovery_window=2m");
const user = (server, name) => server.of("/").adapter.user(name);

async function come(address, name) {
  const socket = io(address, { transports: ["websocket"], forceNew: true, reconnection: false, auth: { user: name } });
  cluster.sockets.push(socket);
  socket.heard = [];
  socket.onAny((...event) => socket.heard.push(event));
  await until(() => socket.connected, `${name} to connect`);
  return socket;
}

test("what one server says of a user, the others know, and hear of in one order", async () => {
  const anna = user(one, "anna");
  assert.deepEqual(await anna.get(), { state: null, version: null, expires: null });
  const heard = [[], []];
  const stops = [user(one, "anna"), user(other, "anna")].map((each, i) => each.watch((state) => heard[i].push(state)));
  await until(() => heard.every(({ length }) => length === 1), "the watchers to begin");
  assert.deepEqual(heard[0][0], { user: "anna", change: null, state: null, version: null, expires: null });

  const set = await anna.set({ mood: "fine", at: { x: 1 } });
  const merged = await user(other, "anna").merge({ mood: null, at: { y: 2 } }, { version: set.version });
  await assert.rejects(anna.set({}, { version: set.version }), { code: "conflict" });
  await assert.rejects(anna.set({}, { version: null }), { code: "conflict" });
  assert.deepEqual(await anna.get(), { state: { at: { x: 1, y: 2 } }, version: merged.version, expires: null });
  const again = await anna.merge({ n: 1 }, { id: "once" });
  assert.deepEqual(await user(other, "anna").merge({ n: 2 }, { id: "once" }), { version: again.version, duplicate: true });
  assert.ok(await anna.remove());
  assert.equal(await anna.remove(), null);
  await until(() => heard.every(({ length }) => length === 5), () => `the changes, not ${JSON.stringify(heard)}`);
  assert.deepEqual(heard[0], heard[1]);
  assert.deepEqual(heard[0].map(({ change }) => change), [null, "set", "merge", "merge", "delete"]);

  stops[0]();
  await anna.set({ last: true });
  await until(() => heard[1].length === 6, "the one who still watches");
  const late = [];
  const stop = user(other, "anna").watch((state) => late.push(state)); // Somebody watches already.
  await until(() => late.length === 1, "the late one");
  assert.deepEqual(late[0].state, { last: true });
  assert.equal(heard[0].length, 5);
  stops[1]();
  stop();
});

test("a state ends in time, and what is none is refused", async () => {
  const ben = user(one, "ben");
  const heard = [];
  const stop = user(other, "ben").watch(({ change }) => heard.push(change));
  await ben.set({ typing: true }, { ttl: 300 });
  await until(() => heard.at(-1) === "expire", "it to be over");
  assert.equal((await ben.get()).state, null);
  stop();
  await assert.rejects(ben.set([1]), { code: "invalid" });
  await assert.rejects(ben.set({ text: "x".repeat(70_000) }), { code: "invalid" });
  assert.throws(() => ben.set({}, { ttl: 0.5 }), { code: "invalid" });
  assert.throws(() => ben.set({}, { version: "x" }), { code: "invalid" });
  assert.throws(() => user(one, ""), { code: "invalid" });
  assert.throws(() => user(one, "u".repeat(250)), { code: "invalid" });
  // Nobody gets at it another way.
  await assert.rejects(one.of("/").adapter.publish("$roomlog/user/ben", "roomlog:user", [{}]), { code: "invalid" });
});

test("a watcher hears what was changed while the broker was away", async () => {
  const heard = [];
  const stop = user(other, "cid").watch(({ state }) => heard.push(state?.n ?? null));
  await until(() => heard.length === 1, "it to begin");
  await user(one, "cid").set({ n: 1 });
  await cluster.broker.kill("SIGKILL");
  const changes = [2, 3].map((n) => user(one, "cid").set({ n }));
  await cluster.restartBroker();
  await Promise.all(changes);
  await until(() => heard.length === 4, () => `all, not ${heard}`);
  assert.deepEqual(heard, [null, 1, 2, 3]);
  stop();
});

test("a client of an edge that watches goes on hearing at a server on Node.js", async () => {
  const edge = await cluster.addRoomlogEdge("edge", "--recovery_window=2m");
  const errors = [];
  const back = cluster.serve(createAdapter({ broker: cluster.brokerAddress }), () => {},
    { connectionStateRecovery: { maxDisconnectionDuration: 120_000 } });
  back.of("/").adapter.on("error", (error) => errors.push(error.message));
  const client = await come(edge.address, "gil");
  assert.ok((await client.emitWithAck("user_state", "hal", { watch: true })).ok);
  const told = () => client.heard.filter(([name]) => name === "roomlog:user").map(([, { state }]) => state.n);
  await user(one, "hal").set({ n: 1 });
  await until(() => told().length === 1, "the first change");
  client.io.engine.close();
  await until(() => !client.connected, "the client to be cut off");
  await user(one, "hal").set({ n: 2 });
  client.io.uri = back.address;
  client.connect();
  await until(() => client.connected, "it to come back");
  assert.equal(client.recovered, true);
  await user(one, "hal").set({ n: 3 });
  await until(() => told().length === 3, () => `all changes, not ${told()}`);
  assert.deepEqual(told(), [1, 2, 3]);
  assert.deepEqual(errors, []);
});

test("who is in a room, a server is told by the broker: of all servers and edges, page by page", async () => {
  const recovers = { connectionStateRecovery: { maxDisconnectionDuration: 120_000 } };
  const joins = (server) => {
    server.use((socket, next) => {
      socket.data.user = socket.handshake.auth.user;
      next();
    });
    server.on("connection", (socket) => socket.on("join", async (room, ack) => {
      await socket.join(room);
      ack();
    }));
  };
  const server = cluster.serve(createAdapter({ broker: cluster.brokerAddress }), joins, recovers);
  const edge = await cluster.addRoomlogEdge("presence", "--recovery_window=2m");
  const { adapter } = server.of("/");
  const clients = [await come(server.address, "ida"), await come(server.address, "ida"), await come(edge.address, "jan")];
  await Promise.all(clients.map((client) => client.emitWithAck("join", "hall")));
  await until(async () => (await adapter.presence("hall")).sockets === 3, "all to be there");
  const { offset, ...counts } = await adapter.presence("hall");
  assert.match(offset, /^[0-9a-f]+-[0-9a-f]+$/);
  assert.deepEqual(counts, { sockets: 3, users: 2 });
  const found = [];
  for (let after = "", more = true; more; after = found.at(-1).id) {
    const page = await adapter.presence("hall", { list: "sockets", limit: 2, after });
    found.push(...page.list);
    ({ more } = page);
  }
  assert.deepEqual(found.map(({ id }) => id).sort(), clients.map(({ id }) => id).sort());
  assert.equal(found.find(({ id }) => id === clients[2].id).user, "jan");
  assert.deepEqual((await adapter.presence("hall", { list: "users" })).list,
    [{ user: "ida", sockets: 2, away: false }, { user: "jan", sockets: 1, away: false }]);
  await clients[1].emitWithAck("join", "annex");
  await until(async () => (await adapter.roomsWithMembers()).rooms.length >= 2, "the other room");
  const { rooms, more } = await adapter.roomsWithMembers({ limit: 1 });
  assert.deepEqual([rooms, more], [[{ room: "annex", sockets: 1, users: 1 }], true]);
  assert.deepEqual((await adapter.roomsWithMembers({ after: "annex" })).rooms.find(({ room }) => room === "hall"),
    { room: "hall", sockets: 3, users: 2 });
  await assert.rejects(adapter.presence("$roomlog/x"), { code: "invalid" });
  const jan = async () => {
    const { list, lastSeen } = await adapter.presence("", { user: "jan" });
    return [list, lastSeen];
  };
  assert.deepEqual(await jan(), [[{ user: "jan", sockets: 1, away: false }], null]);
  const before = Date.now();
  clients[2].disconnect();
  await until(async () => (await jan())[1] !== null, "jan to be gone");
  const [list, lastSeen] = await jan();
  assert.deepEqual(list, []);
  assert.ok(lastSeen >= before && lastSeen <= Date.now(), `${lastSeen}`);
  await assert.rejects(adapter.presence("hall", { user: "" }), { code: "invalid" });
  await assert.rejects(adapter.presence("hall", { list: "all" }), { code: "invalid" });
  await assert.rejects(adapter.presence("hall", { list: "users", limit: 0 }), { code: "invalid" });
  await assert.rejects(adapter.presence("hall", { list: "users", after: null }), { code: "invalid" });
  await assert.rejects(adapter.presence("hall", { user: null }), { code: "invalid" });
  // While the broker is away it waits.
  await cluster.broker.kill("SIGKILL");
  const asked = adapter.presence("hall");
  await cluster.restartBroker();
  assert.equal((await asked).sockets, 2);
});

test("who comes into a room and goes, a server is told in order, also while the broker was away", async () => {
  const recovers = { connectionStateRecovery: { maxDisconnectionDuration: 120_000 } };
  const fed = new AdapterCluster();
  const kFeed = "--presence_feed=/:stage";
  await fed.startBroker(kFeed);
  const servers = [0, 1].map(() => fed.serve(createAdapter({ broker: fed.brokerAddress }), (server) => {
    server.use((socket, next) => {
      socket.data.user = socket.handshake.auth.user;
      next();
    });
    server.on("connection", (socket) => socket.on("go", async (act, ack) => {
      await socket[act]("stage");
      ack();
    }));
  }, recovers));
  const { adapter } = servers[0].of("/");
  const heard = [];
  const stop = await adapter.watchPresence("stage", (change) => heard.push(change));
  const comes = async (user) => {
    const client = await come(servers[1].address, user);
    await client.emitWithAck("go", "join");
    return client;
  };
  const kim = await comes("kim");
  await until(() => heard.length === 1, "the first to come");
  const { offset, time, ...first } = heard[0];
  assert.deepEqual(first, { room: "stage", change: "join", socket: kim.id, user: "kim", first: true, sockets: 1, users: 1 });
  assert.match(offset, /^[0-9a-f]+-[0-9a-f]+$/);
  assert.ok(Math.abs(time - Date.now()) < 60_000);
  await fed.broker.kill("SIGKILL");
  const leaves = kim.emitWithAck("go", "leave");
  await fed.restartBroker(kFeed);
  await leaves;
  const again = await comes("kim");
  again.disconnect();
  await until(() => heard.length === 4, () => `all of it, not ${JSON.stringify(heard)}`);
  assert.deepEqual(heard.slice(1).map(({ change, first, last, sockets }) => [change, first ?? last, sockets]),
    [["leave", true, 0], ["join", true, 1], ["leave", true, 0]]);
  stop();
  await assert.rejects(adapter.watchPresence("hall", () => {}), { code: "invalid", message: /--presence_feed/ });
});

test("a user is put out on all servers and edges", async () => {
  const edge = cluster.nodes[0];
  const dans = [await come(one.address, "dan"), await come(other.address, "dan"), await come(edge.address, "dan")];
  const eve = await come(other.address, "eve");
  await user(one, "dan").disconnect();
  await until(() => dans.every(({ connected }) => !connected), "all of him to be closed");
  for (const { heard } of dans) {
    assert.deepEqual(heard.filter(([name]) => name === "roomlog:closed").map(([, { code }]) => code), ["dismissed"]);
  }
  assert.ok(eve.connected);
  assert.equal(await user(other, "dan").revokedAt(), null);

  const back = await come(other.address, "dan");
  const before = Date.now();
  await user(one, "dan").revoke();
  await until(() => !back.connected, "him to be closed again");
  assert.deepEqual(back.heard.filter(([name]) => name === "roomlog:closed").map(([, { code }]) => code), ["revoked"]);
  await until(async () => await user(other, "dan").revokedAt() !== null, "every server to know");
  assert.ok(Math.abs(await user(other, "dan").revokedAt() - before) < 60_000);
  // A server that is started later knows it from the log.
  const late = serve({ userOf: ({ data }) => `x-${data.user}` });
  assert.equal(await user(late, "dan").revokedAt(), await user(one, "dan").revokedAt());
  // Whose a socket is, a program may say otherwise.
  const [named, probe] = [await come(late.address, "eve"), await come(late.address, "probe")];
  await user(one, "eve").disconnect();
  await until(() => !eve.connected, "eve to be closed");
  await user(one, "x-probe").disconnect(); // It comes after the other.
  await until(() => !probe.connected, "the probe to be closed");
  assert.ok(named.connected);
  await user(one, "x-eve").disconnect();
  await until(() => !named.connected, "the other to be closed");
});
