// A node dies; its clients go on from another where they left off.
import assert from "node:assert/strict";
import { publishMany } from "./client.mjs";
import { story } from "./cluster.mjs";
import { until } from "./until.mjs";

story("clients of a killed node resume on the other, with nothing lost or repeated", async (cluster) => {
  const moving = await Promise.all([1, 2, 3].map(() => cluster.client(0)));
  const staying = await cluster.client(1);
  for (const client of [...moving, staying]) await client.join("lobby");

  let stored = 0;
  const publisher = await cluster.client(1);
  const publishing = publishMany(publisher, "lobby", { prefix: "", count: 4_000, onStored: () => stored++ });
  await until(() => stored >= 1_000 && moving.every(({ events }) => events.length > 0), "some events");
  await cluster.edges[0].kill("SIGKILL");
  await until(() => moving.every(({ socket }) => !socket.connected), "clients to notice");

  const resumed = await Promise.all(moving.map(async ({ events }) => {
    const client = await cluster.client(1);
    const { ok, gap } = await client.join("lobby", { after: events.at(-1).offset });
    assert.deepEqual({ ok, gap }, { ok: true, gap: null });
    return { before: events, client };
  }));
  await publishing;
  const all = await staying.hears(4_000, "lobby");
  for (const { before, client } of resumed) {
    await until(() => before.length + client.events.length >= all.length, "the rest");
    assert.deepEqual([...before, ...client.events], all);
  }
});

story("a node that is back takes its clients again", async (cluster) => {
  const [edge] = cluster.edges;
  const client = await cluster.client(0);
  await client.join("lobby", { from: "start" });
  const gaps = client.followAcrossReconnects("lobby");
  const publisher = await cluster.client(1);
  await publisher.publish("lobby", "message", "before");
  await client.hears(1, "lobby");

  await edge.kill("SIGKILL");
  await publisher.publish("lobby", "message", "while it was away");
  await edge.start([`--listen=${new URL(edge.address).host}`]);
  await client.hears(2, "lobby");
  await publisher.publish("lobby", "message", "after");
  const heard = await client.hears(3, "lobby");
  assert.deepEqual(heard.map(({ data }) => data), ["before", "while it was away", "after"]);
  assert.deepEqual(gaps, []);
});

story("SIGTERM closes a node in order, and its clients know at once", async (cluster) => {
  const client = await cluster.client(0);
  const ended = new Promise((done) => client.socket.on("disconnect", done));
  assert.ok((await client.publish("lobby", "message", 1)).ok);
  assert.deepEqual(await cluster.edges[0].kill("SIGTERM"), { code: 0, signal: null });
  assert.match(await ended, /transport close|server shutting down|io server disconnect|transport error/);
});
