// A full disk stops publishing, and says so; reading goes on, nothing that was
// acknowledged is lost, and publishing resumes when there is room. The disk is a
// real one: a tmpfs that the broker alone sees. Mounting it needs root or user
// namespaces; where neither is to be had the broker does not start, and the test
// fails rather than pass for nothing.
import assert from "node:assert/strict";
import { story } from "./cluster.mjs";
import { until } from "./until.mjs";

const kMiB = 1 << 20;
const kDiskBytes = 256 * kMiB;
const kDisks = [
  { name: "has less left than the reserve", reserve: 64 * kMiB, left: 32 * kMiB },
  { name: "has not a byte left", reserve: 0, left: 0 },
];

for (const { name, reserve, left } of kDisks) {
  story(`a disk that ${name} stops publishing and nothing else`, {
    tmpfsBytes: kDiskBytes,
    brokerFlags: [`--disk_reserve=${reserve}`],
    timeout: 180_000,
  }, async (cluster) => {
    const a = await cluster.client(0);
    const b = await cluster.client(1);
    await b.join("lobby");
    const stored = new Map();
    let number = 0;
    // Some weight, so that what the log may have set aside is soon used up.
    const publish = async () => {
      const id = `${number++}`;
      const answer = await a.publish("lobby", "message", { weight: "x".repeat(50_000) }, { id });
      if (answer.ok) stored.set(id, answer.offset);
      return answer;
    };
    for (let i = 0; i < 20; i++) assert.equal((await publish()).ok, true);

    const makeRoom = cluster.fillDisk(left);
    const refused = await until(async () => {
      const answer = await publish();
      return !answer.ok && answer;
    }, "a publish to be refused", 60_000);
    assert.equal(refused.error.code, "unavailable");
    assert.match(refused.error.message, /disk|space|room/i, "the reason is named");
    const health = await until(async () => {
      const { ok, text } = await cluster.health(cluster.edges[0]);
      return !ok && { text };
    }, "health to say so");
    assert.match(health.text, /disk|space|room/i);

    for (const node of [0, 1]) {
      const reader = await cluster.client(node);
      const { ok, replayed, gap } = await reader.join("lobby", { from: "start" });
      assert.deepEqual({ ok, replayed, gap }, { ok: true, replayed: stored.size, gap: null });
      assert.equal((await reader.history("lobby", { limit: 3 })).events.length, 3);
    }
    assert.equal((await publish()).ok, false, "it is still full");

    makeRoom();
    const end = await a.publishUntilStored("lobby", "message", { weight: "" }, "end");
    stored.set("end", end.offset);
    await cluster.healthy();

    const heard = await b.hears(stored.size, "lobby");
    const late = await cluster.client(0);
    await late.join("lobby", { from: "start" });
    assert.deepEqual(late.events, heard);
    assert.deepEqual(new Map(heard.map(({ meta, offset }) => [meta.id, offset])), stored,
      "all that was acknowledged is there, once, and nothing else");
  });
}
