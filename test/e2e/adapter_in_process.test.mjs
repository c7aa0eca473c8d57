// The adapter within one process: several servers and namespaces, what programs may
// give it, the emitter, and closing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAdapter, createEmitter } from "../../adapter/dist/esm/index.js";
import { AdapterCluster, hears, Server } from "./adapter_cluster.mjs";
import { until } from "./until.mjs";

const cluster = new AdapterCluster();
await cluster.startBroker();
const adapter = () => createAdapter({ broker: cluster.brokerAddress });

async function followed(server, client) {
  await until(() => {
    server.to(client.id).emit("are you there");
    return client.heard.length > 0;
  }, "the namespace to be followed");
  server.to(client.id).emit("go");
  await until(() => client.heard.at(-1)?.[0] === "go", "the last answer");
  client.heard.length = 0;
}

test("several servers of one process are servers each, over one adapter or several", async () => {
  const shared = adapter();
  const servers = [cluster.serve(shared), cluster.serve(shared), cluster.serve(adapter())];
  const clients = await Promise.all(servers.map((server) => cluster.connect(server)));
  for (let i = 0; i < 3; ++i) await followed(servers[i], clients[i]);
  assert.equal(await servers[0].sockets.adapter.serverCount(), 3);
  servers[1].emit("hello");
  await Promise.all(clients.map((client) => hears(client, 1)));
  servers.forEach((server, i) => server.on("who", (ack) => ack(i)));
  assert.deepEqual((await servers[1].serverSideEmitWithAck("who")).sort(), [0, 2]);
  assert.equal((await servers[2].fetchSockets()).length, 3);
  for (const client of clients) client.on("q", (ack) => ack("a"));
  assert.deepEqual(await servers[0].timeout(5000).emitWithAck("q"), ["a", "a", "a"]);
  assert.equal(await servers[0].in(clients[2].id).timeout(5000).emitWithAck("q").then(([a]) => a), "a");
  assert.deepEqual(await servers[0].local.timeout(5000).emitWithAck("q"), ["a"]);
  assert.equal((await servers[0].local.fetchSockets()).length, 1);
  for (const client of clients) client.disconnect();
  await Promise.all(servers.map((server) => server.close()));
});

test("what is emitted before the link is up comes, and many namespaces share it", async () => {
  const server = new Server(0, { adapter: adapter(), transports: ["websocket"] });
  cluster.closeLater(server);
  server.address = `http://127.0.0.1:${server.httpServer.address().port}`;
  const namespaces = ["/", "/a", "/b"];
  for (const name of namespaces) server.of(name).on("connection", (socket) => socket.join("r"));
  server.on("early", () => assert.fail("it is not said to oneself"));
  server.serverSideEmit("early");
  const clients = await Promise.all(namespaces.map((name) => cluster.connect(server, name)));
  for (const name of namespaces) server.of(name).to("r").emit("to", name);
  await Promise.all(clients.map((client) => hears(client, 1)));
  clients.forEach((client, i) => assert.deepEqual(client.heard, [["to", namespaces[i]]]));
  for (const client of clients) client.disconnect();
  await server.close();
});

test("rooms and values are what Socket.IO takes", async () => {
  const servers = [cluster.serve(adapter()), cluster.serve(adapter())];
  servers[0].on("connection", (socket) => socket.join([5, "five", "ümlaut"]));
  const client = await cluster.connect(servers[0]);
  await followed(servers[0], client);
  await until(() => {
    servers[1].to("five").emit("there");
    return client.heard.length > 0;
  }, "the room to be followed");
  await new Promise((done) => setTimeout(done, 50));
  client.heard.length = 0;
  servers[1].to(5).emit("number");
  servers[1].to("ümlaut").to(5).to("five").emit("once");
  servers[1].except(5).emit("nobody");
  servers[1].to("").emit("nobody");
  const typed = new Float32Array([1, 2]);
  servers[1].emit("values", 1.5, null, "\u2028", [Buffer.from("b"), typed, new ArrayBuffer(2)], new Map([[1, 2]]));
  servers[1].in("five").socketsLeave(5);
  servers[1].to(5).emit("left");
  servers[1].emit("end");
  await until(() => client.heard.at(-1)?.[0] === "end", "the end");
  assert.deepEqual(client.heard, [
    ["number"], ["once"],
    ["values", 1.5, null, "\u2028", [Buffer.from("b"), Buffer.from(typed.buffer), Buffer.alloc(2)], {}],
    ["end"],
  ]);
  assert.throws(() => servers[1].emit("value", 1n), TypeError);
  const errors = [];
  servers[1].sockets.adapter.on("error", ({ code }) => errors.push(code));
  servers[1].to("r".repeat(256)).emit("refused");
  servers[1].to("$roomlog/x").emit("refused");
  servers[1].to(Array.from({ length: 257 }, (_, i) => `r${i}`)).emit("refused");
  servers[1].emit("refused", ...Array.from({ length: 11 }, () => Buffer.alloc(1)));
  servers[1].emit("refused", "x".repeat(900_001));
  await until(() => errors.length === 5, "the errors");
  assert.deepEqual(errors, ["invalid", "invalid", "limit", "invalid", "invalid"]);
  client.disconnect();
  await Promise.all(servers.map((server) => server.close()));
});

test("large events, and those for polling clients", async () => {
  const server = cluster.serve(adapter(), (io) => (io.engine.opts.transports = ["polling", "websocket"]));
  const client = await cluster.connect(server);
  await followed(server, client);
  for (const size of [100, 125, 126, 70_000, 500_000]) server.emit("size", "ü".repeat(size / 2));
  await hears(client, 5);
  assert.deepEqual(client.heard.map(([, text]) => text.length), [50, 62, 63, 35_000, 250_000]);
  client.disconnect();
  await server.close();
});

test("an emitter reaches all servers, in order with what they say", async () => {
  const emitter = createEmitter({ broker: cluster.brokerAddress });
  const server = cluster.serve(adapter());
  server.of("/admin").on("connection", () => {});
  server.on("connection", (socket) => socket.join("r"));
  const [client, admin] = await Promise.all([cluster.connect(server), cluster.connect(server, "/admin")]);
  await followed(server, client);
  await followed(server.of("/admin"), admin);
  const heard = new Promise((done) => server.on("news", (...args) => done(args)));
  for (let n = 0; n < 20; ++n) {
    await emitter.to("r").emit("emitted", n, Buffer.from("x"));
    server.to("r").emit("served", n);
  }
  await emitter.except("r").emit("nobody");
  await hears(client, 40);
  await until(async () => {
    await emitter.volatile.emit("volatile"); // A client that is being written to is passed by.
    return client.heard.some(([event]) => event === "volatile");
  }, "a volatile event");
  for (let n = 0; n < 20; ++n) {
    const places = ["emitted", "served"].map((name) =>
      client.heard.findIndex(([event, number]) => event === name && number === n));
    assert.ok(places[0] >= 0 && places[0] < places[1]); // It was durable when the other was said.
  }
  await emitter.serverSideEmit("news", { a: 1 });
  assert.deepEqual(await heard, [{ a: 1 }]);
  const { offset } = await emitter.publish("r", "kept", [1], { id: "one" });
  assert.deepEqual(await emitter.publish("r", "kept", [1], { id: "one" }), { offset, duplicate: true });
  const page = await server.sockets.adapter.history("r");
  assert.deepEqual(page.events.map(({ event, args, id }) => [event, args, id]), [["kept", [1], "one"]]);

  await emitter.of("/admin").to(admin.id).emit("hi");
  await hears(admin, 1);
  await emitter.of("/admin").in(admin.id).socketsJoin("late");
  await emitter.of("/admin").to("late").emit("joined");
  await hears(admin, 2);
  await emitter.of("/admin").in("late").disconnectSockets();
  await until(() => !admin.connected, "the socket to be disconnected");
  await assert.rejects(emitter.emit("connect"), { code: "invalid" });
  await assert.rejects(emitter.to("r".repeat(256)).emit("e"), { code: "invalid" });
  client.disconnect();
  await emitter.close();
  await server.close();
});

test("namespaces that come and go are followed anew", async () => {
  const server = cluster.serve(adapter(), () => {});
  server.opts.cleanupEmptyChildNamespaces = true;
  server.of(/^\/room-/).on("connection", () => {});
  for (let i = 0; i < 3; ++i) {
    const client = await cluster.connect(server, "/room-1");
    await followed(server.of("/room-1"), client);
    client.disconnect();
    await until(() => !server._nsps.has("/room-1"), "the namespace to go");
  }
  await server.close();
});

test("a server with recovery asked for serves its clients", async () => {
  const server = new Server(0, { adapter: adapter(), transports: ["websocket"], connectionStateRecovery: {} });
  cluster.closeLater(server);
  server.address = `http://127.0.0.1:${server.httpServer.address().port}`;
  server.on("connection", (socket) => {
    socket.emit("welcome", 1);
    socket.emit("question", (answer) => socket.emit("answered", answer));
  });
  const client = await cluster.connect(server);
  client.on("question", (ack) => ack("yes"));
  await until(() => client.heard.some(([event]) => event === "welcome"), "the welcome");
  client.disconnect();
  await server.close();
});
