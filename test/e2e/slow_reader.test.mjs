// A client that does not read costs its node a bounded buffer and nobody any
// delay; when it reads again it gets everything, once.
import assert from "node:assert/strict";
import { story } from "./cluster.mjs";

const kEvents = 8_000;
const kEventBytes = 12_000; // 96 MB in all, far beyond what sockets may hold.
const kGrowthBytesMax = 64 << 20;

story("a client that stops reading is bounded, and catches up", { timeout: 180_000 }, async (cluster) => {
  const slow = await cluster.client(0);
  const fast = await cluster.client(0);
  for (const client of [slow, fast]) await client.join("lobby", { from: "start" });
  slow.followAcrossReconnects("lobby"); // It may be closed; then it resumes.
  const publisher = await cluster.client(1);
  const data = "x".repeat(kEventBytes);
  const publish = async (from, to) => {
    for (let i = from; i < to; i += 50) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => publisher.publish("lobby", "message", data)));
      for (const { ok } of answers) assert.ok(ok);
    }
    await fast.hears(to, "lobby");
  };

  await publish(0, 1_000); // So that what the node grows to anyway is there.
  await slow.hears(1_000, "lobby");
  const before = cluster.edges[0].residentBytes();
  slow.socket.io.engine.transport.ws.pause();
  await publish(1_000, kEvents);
  assert.ok(slow.events.length < kEvents, "it did not read");
  const growth = cluster.edges[0].residentBytes() - before;
  assert.ok(growth < kGrowthBytesMax, `the node grew by ${growth >> 20} MiB`);

  slow.socket.io.engine.transport.ws.resume();
  const heard = await slow.hears(kEvents, "lobby", 60_000);
  assert.deepEqual(heard.map(({ offset }) => offset), fast.in("lobby").map(({ offset }) => offset));
  assert.deepEqual(slow.others, [], "it was told of no gap");
});
