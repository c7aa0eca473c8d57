// The broker under servers on Node.js is killed, stopped, or away: nothing that was
// acknowledged is lost, nothing comes twice, and nobody crashes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAdapter, createEmitter } from "../../adapter/dist/esm/index.js";
import { AdapterCluster, ask, hears } from "./adapter_cluster.mjs";
import { until } from "./until.mjs";

const cluster = new AdapterCluster();
await cluster.startBroker();
await cluster.addServer("js-a");
await cluster.addServer("js-b");
await cluster.addEdge("cpp");

test("the broker is killed among broadcasts: all come, once, in one order", async () => {
  const clients = await Promise.all([0, 1, 2].map((i) => cluster.connect(i)));
  await Promise.all(clients.map((client) => ask(client, "join", "x")));
  for (const client of clients) {
    await until(async () => {
      await ask(clients[0], "emit", { to: ["x"] }, "are you there");
      return client.heard.length > 0;
    }, "the room to be followed");
  }
  await ask(clients[0], "emit", {}, "begin");
  for (const client of clients) {
    await until(() => client.heard.at(-1)?.[0] === "begin", "the beginning");
    client.heard.length = 0;
  }
  const count = 1500;
  let said = 0;
  const saying = Promise.all([0, 1].map(async (i) => {
    for (let n = 0; n < count; ++n) {
      await ask(clients[i], "emit", n % 2 ? {} : { to: ["x"] }, "said", i, n);
      ++said;
    }
  }));
  for (const share of [0.2, 0.6]) {
    await until(() => said >= 2 * count * share, "some events");
    await cluster.broker.kill();
    await cluster.restartBroker();
  }
  await saying;
  await Promise.all(clients.map((client) => hears(client, 2 * count)));
  for (const client of clients) assert.equal(client.heard.length, 2 * count);
  assert.deepEqual(clients[1].heard, clients[0].heard);
  assert.deepEqual(clients[2].heard, clients[0].heard);
  for (const i of [0, 1]) {
    assert.deepEqual(clients[0].heard.filter(([, from]) => from === i).map(([, , n]) => n),
      Array.from({ length: count }, (_, n) => n));
  }
  for (const client of clients) client.disconnect();
});

test("a server that was paused catches up, in order", async () => {
  const [ann, bob] = await Promise.all([0, 1].map((i) => cluster.connect(i)));
  const count = 300;
  cluster.nodes[1].child.kill("SIGSTOP");
  for (let n = 0; n < count; ++n) await ask(ann, "emit", {}, "said", n);
  await hears(ann, count);
  cluster.nodes[1].child.kill("SIGCONT");
  await hears(bob, count);
  assert.deepEqual(bob.heard, ann.heard);
  for (const client of [ann, bob]) client.disconnect();
});

test("a server is killed among publishes: who repeats them elsewhere finds each once", async () => {
  const victim = await cluster.addServer("js-victim");
  const [ann, bob] = await Promise.all([cluster.connect(cluster.nodes.indexOf(victim)), cluster.connect(1)]);
  const count = 300;
  const acknowledged = new Map();
  for (let n = 0; n < count; ++n) {
    ann.emit("publish", "killed", "m", n, `id${n}`, (error, offset) => {
      if (error === null) acknowledged.set(n, offset);
    });
  }
  await until(() => acknowledged.size > 0, "an acknowledgement");
  await victim.kill();
  for (let n = 0; n < count; ++n) {
    const [error, offset, duplicate] = await ask(bob, "publish", "killed", "m", n, `id${n}`);
    assert.equal(error, null);
    if (acknowledged.has(n)) assert.deepEqual([offset, duplicate], [acknowledged.get(n), true]);
  }
  const [, { events }] = await ask(bob, "history", "killed", { last: 1000 });
  assert.deepEqual(events.map(({ id }) => id).sort(), Array.from({ length: count }, (_, n) => `id${n}`).sort());
  for (const client of [ann, bob]) client.disconnect();
});

test("while the broker is away events are kept, up to a bound, and then somebody is told", async () => {
  await cluster.broker.kill();
  const errors = [];
  const server = cluster.serve(createAdapter({
    broker: cluster.brokerAddress, queuedEventsMax: 10, publishTimeout: 60_000, requestsTimeout: 300,
  }));
  const { adapter } = server.sockets;
  adapter.on("error", (error) => errors.push(error));
  const client = await cluster.connect(server);
  for (let n = 0; n < 10; ++n) server.emit("kept", n);
  server.emit("lost");
  await until(() => errors.length === 1, "an error");
  assert.equal(errors[0].code, "unavailable");
  assert.match(errors[0].message, /^event "lost" was not emitted: too many events wait/);
  const unavailable = { code: "unavailable" };
  await assert.rejects(adapter.publish("r", "e", [1]), unavailable);
  await assert.rejects(adapter.serverCount(), unavailable);
  await assert.rejects(server.fetchSockets(), unavailable);
  await assert.rejects(server.serverSideEmitWithAck("e"), unavailable);
  await assert.rejects(server.timeout(100).emitWithAck("e"), /operation has timed out/);
  server.socketsJoin("x");
  await until(() => errors.some(({ message }) => message.startsWith("socketsJoin was not said")), "another error");
  // Without a listener it is a warning, and nothing crashes.
  adapter.removeAllListeners("error");
  const warned = new Promise((done) => process.once("warning", done));
  server.emit("lost");
  assert.match((await warned).message, /^event "lost" was not emitted/);

  await cluster.restartBroker();
  await hears(client, 10);
  assert.deepEqual(client.heard, Array.from({ length: 10 }, (_, n) => ["kept", n]));
  assert.deepEqual((await server.fetchSockets()).map(({ id }) => id).includes(client.id), true);
  client.disconnect();
});

test("an event that waits too long is given up, and that is told", async () => {
  await cluster.broker.kill();
  const server = cluster.serve(createAdapter({ broker: cluster.brokerAddress, publishTimeout: 200 }));
  const told = new Promise((done) => server.sockets.adapter.once("error", done));
  server.emit("late");
  assert.match((await told).message, /^event "late" was not emitted: no answer within 200 ms/);
  const emitter = cluster.closeLater(createEmitter({ broker: cluster.brokerAddress, publishTimeout: 200 }));
  await assert.rejects(emitter.emit("late"), { code: "unavailable" });
  await cluster.restartBroker();
  await until(() => emitter.emit("in time").then(() => true, () => false), "the broker to be found");
});
