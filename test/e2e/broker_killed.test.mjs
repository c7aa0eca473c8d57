// P1 to P3 at once: the broker dies by SIGKILL with publishes from both nodes in
// flight.
import assert from "node:assert/strict";
import { publishMany } from "./client.mjs";
import { story } from "./cluster.mjs";
import { until } from "./until.mjs";

const kPublishes = 10_000;

story("10,000 publishes survive a broker that is killed twice in their midst", { timeout: 180_000 }, async (cluster) => {
  const publishers = [await cluster.client(0), await cluster.client(1)];
  const watchers = [await cluster.client(0), await cluster.client(1)];
  for (const watcher of watchers) assert.ok((await watcher.join("lobby")).ok);

  let acknowledged = 0;
  const publishing = Promise.all(publishers.map((publisher, i) =>
    publishMany(publisher, "lobby", {
      prefix: `node ${i} number `,
      count: kPublishes / 2,
      onStored: () => acknowledged++,
    })));
  for (const killAfter of [kPublishes * 0.3, kPublishes * 0.6]) {
    await until(() => acknowledged >= killAfter, () => `${killAfter} answers; ${acknowledged} came`);
    await cluster.broker.kill("SIGKILL");
    assert.ok(acknowledged < kPublishes, "it was killed in their midst");
    await cluster.restartBroker();
  }
  const stored = new Map((await publishing).flatMap((map) => [...map]));
  assert.equal(stored.size, kPublishes);

  const stayed = await Promise.all(watchers.map((watcher) => watcher.hears(kPublishes, "lobby")));
  const late = await cluster.client(1);
  const { replayed, gap } = await late.join("lobby", { from: "start" });
  assert.deepEqual({ replayed, gap }, { replayed: kPublishes, gap: null });
  const heard = await late.hears(kPublishes, "lobby");

  const offsets = new Map(heard.map(({ meta, offset }) => [meta.id, offset]));
  assert.equal(heard.length, kPublishes);
  assert.equal(offsets.size, kPublishes, "each once");
  for (const [id, offset] of stored) assert.equal(offsets.get(id), offset, `${id} is where its answer said`);
  for (const events of stayed) assert.deepEqual(events, heard, "all heard the same, in the same order");
  for (const { others } of watchers) assert.deepEqual(others, [], "and were told of no gap");
});
