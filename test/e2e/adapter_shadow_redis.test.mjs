// Shadow mode beside the real Redis adapters: silent while all is well, and it names
// the room and what Redis lost when its connections break.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAdapter as createRedis } from "@socket.io/redis-adapter";
import { createAdapter as createRedisStreams } from "@socket.io/redis-streams-adapter";
import { createShadow } from "../../adapter/dist/esm/index.js";
import { AdapterCluster } from "./adapter_cluster.mjs";
import { Redis } from "./redis.mjs";
import { until } from "./until.mjs";

const kGraceMs = 2_000;

// Each with how Redis loses what is emitted within `during`: all on the emitting server's
// one connection, so that Redis does it in this order.
const kPeers = {
  "redis-adapter": {
    adapter: async (redis, publishes) => createRedis(publishes, await redis.client()),
    // Pub/sub keeps nothing for a subscriber that is away.
    lose: (publishes, during) => {
      const cut = publishes.sendCommand(["CLIENT", "KILL", "TYPE", "pubsub"]);
      during();
      return cut;
    },
  },
  "redis-streams-adapter": {
    adapter: async (_, publishes) => createRedisStreams(publishes, { blockTimeInMs: 100 }),
    // The stream is kept for a reader that is away; but not by a Redis that has forgotten it.
    lose: (publishes, during) => {
      const cut = publishes.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
      during();
      return Promise.all([cut, publishes.sendCommand(["FLUSHALL"])]);
    },
  },
};

const cluster = new AdapterCluster();
await cluster.startBroker();

for (const [name, { adapter, lose }] of Object.entries(kPeers)) {
  test(`what ${name} loses is told, and nothing while all is well`, async () => {
    const redis = new Redis();
    cluster.closeLater(redis);
    await redis.start();
    const publishes = await Promise.all([redis.client(), redis.client()]);
    const shadows = await Promise.all(publishes.map(async (client, i) => createShadow({
      broker: cluster.brokerAddress, name: `${name}-${i}`, graceMs: kGraceMs, delivers: await adapter(redis, client),
    })));
    const [one, two] = shadows.map((shadow) => cluster.serve(shadow.adapter, (server) => {
      server.on("connection", (socket) => socket.join(["calm", "unlucky"]));
    }));
    const client = await cluster.connect(two);
    await cluster.connect(one);

    // Of one server what was counted in a room since `before`, but for what is nothing.
    const countsOf = (shadow) => Object.fromEntries(
      shadow.report().map(({ namespace, room, ...counts }) => [room, counts]));
    let before = shadows.map(countsOf);
    const since = (server, room) => Object.fromEntries(Object.entries(countsOf(shadows[server])[room])
      .map(([what, count]) => [what, count - (before[server][room]?.[what] ?? 0)])
      .filter(([, count]) => count !== 0));
    const all = () => JSON.stringify(shadows.map(countsOf));
    const emit = (room, first, count) => {
      for (let n = first; n < first + count; ++n) one.to(room).emit("n", n);
    };
    const heard = () => client.heard.filter(([event]) => event === "n").map(([, n]) => n);

    // Events count once the rooms were followed for as long as one way may be late.
    const begun = performance.now();
    await until(() => {
      one.to("calm").to("unlucky").emit("warm");
      return performance.now() - begun > kGraceMs && shadows.every((shadow) => {
        const { calm, unlucky } = countsOf(shadow);
        return calm?.compared > 10 && unlucky?.compared > 10;
      });
    }, () => `both ways to be there; ${all()}`);
    const warmed = performance.now();
    await until(() => performance.now() - warmed > 2 * kGraceMs, "what began so to be judged");
    before = shadows.map(countsOf);

    emit("calm", 0, 100);
    emit("unlucky", 100, 100);
    await until(() => [0, 1].every((server) => ["calm", "unlucky"].every(
      (room) => since(server, room).compared === 100)), () => `all to come both ways; ${all()}`);
    for (const server of [0, 1]) {
      for (const room of ["calm", "unlucky"]) assert.deepEqual(since(server, room), { compared: 100 }, `${server} ${room}`);
    }

    await lose(publishes[0], () => emit("unlucky", 200, 3));
    await until(() => since(1, "unlucky").lost === 3, () => `three to be lost; ${all()}`);
    // The connection is there again.
    await until(() => {
      one.to("calm").emit("again");
      return client.heard.some(([event]) => event === "again");
    }, "the other server to hear Redis again");
    emit("unlucky", 300, 3);
    await until(() => since(1, "unlucky").compared === 103, () => `the next to come both ways; ${all()}`);
    assert.deepEqual(since(1, "unlucky"), { compared: 103, lost: 3 });
    // Whoever emitted has it without Redis.
    assert.deepEqual(since(0, "unlucky"), { compared: 106 });
    assert.deepEqual(heard().filter((n) => n >= 200), [300, 301, 302]);
  });
}
