// A node is taken out of service: its clients go elsewhere, not all at once.
import assert from "node:assert/strict";
import { story } from "./cluster.mjs";
import { until } from "./until.mjs";

const kClients = 60;

// Clients of the first node that go to the second when they are closed, and on
// with what they missed.
async function movingClients(cluster) {
  const moving = await Promise.all(Array.from({ length: kClients }, () =>
    cluster.client(0, { reconnection: false, transports: ["websocket", "polling"] })));
  return Promise.all(moving.map(async (client) => {
    await client.join("lobby");
    const moved = { client, reason: null, to: null };
    client.socket.on("disconnect", async (reason) => {
      moved.reason = reason;
      const next = await cluster.client(1);
      const last = client.events.at(-1);
      await next.join("lobby", last ? { after: last.offset } : { from: "start" });
      moved.to = next;
    });
    return moved;
  }));
}

story("SIGTERM moves clients away one after another, and those not yet moved are served",
  { edgeFlags: ["--drain_time=3s"] }, async (cluster) => {
    const moving = await movingClients(cluster);
    const publisher = await cluster.client(1);
    await publisher.publish("lobby", "message", "before");
    const ended = cluster.edges[0].kill("SIGTERM");

    await until(async () => /draining/.test((await cluster.health(cluster.edges[0])).text), "it to say that it drains");
    const opening = await fetch(new URL("/socket.io/?EIO=4&transport=polling", cluster.edges[0].address));
    assert.deepEqual([opening.status, await opening.text()], [503, "shutting down"]);

    await until(() => moving.some(({ reason }) => reason), "the first to be closed");
    const staying = moving.filter(({ reason }) => !reason);
    assert.ok(staying.length > kClients / 4, `${staying.length} are left when the first is closed`);
    assert.ok((await staying.at(-1).client.publish("lobby", "message", "meanwhile")).ok);

    assert.deepEqual(await ended, { code: 0, signal: null });
    await until(() => moving.every(({ to }) => to), "all to have moved");
    await publisher.publish("lobby", "message", "after");
    for (const { client, to, reason } of moving) {
      assert.match(reason, /transport close|transport error/); // So they come again by themselves.
      await until(() => to.events.at(-1)?.data === "after", "the last event");
      const heard = [...client.events, ...to.events].map(({ data }) => data);
      assert.deepEqual(heard, ["before", "meanwhile", "after"]);
    }
  });

story("a second signal does not wait for clients", { edgeFlags: ["--drain_time=10m"] }, async (cluster) => {
  const [edge] = cluster.edges;
  const client = await cluster.client(0);
  const other = await cluster.client(0);
  edge.child.kill("SIGTERM");
  await until(async () => /draining/.test((await cluster.health(edge)).text), "it to say that it drains");
  assert.ok(client.socket.connected || other.socket.connected);
  assert.deepEqual(await edge.kill("SIGTERM"), { code: 0, signal: null });
});

story("SIGINT closes all at once", { edgeFlags: ["--drain_time=10m"] }, async (cluster) => {
  const client = await cluster.client(0);
  assert.deepEqual(await cluster.edges[0].kill("SIGINT"), { code: 0, signal: null });
  await until(() => !client.socket.connected, "the client to notice");
});
