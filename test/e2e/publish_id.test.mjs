// P3: an id is appended once in its room, by whichever node it comes, also
// across a restart of the broker.
import assert from "node:assert/strict";
import { story } from "./cluster.mjs";

for (const [how, signal] of [["stopped", "SIGTERM"], ["killed", "SIGKILL"]]) {
  story(`an id is appended once, through both nodes and after the broker was ${how}`, async (cluster) => {
    const a = await cluster.client(0);
    const b = await cluster.client(1);
    await a.join("lobby");

    // Both at once: one is first, and both get its answer.
    const [one, two] = await Promise.all([
      a.publish("lobby", "message", "through a", { id: "x" }),
      b.publish("lobby", "message", "through b", { id: "x" }),
    ]);
    assert.deepEqual([one.ok, two.ok, one.offset], [true, true, two.offset]);
    assert.deepEqual([one.duplicate, two.duplicate].sort(), [false, true]);

    const again = await a.publish("lobby", "other", "changed", { id: "x" });
    assert.deepEqual(again, { ok: true, offset: one.offset, duplicate: true });

    const elsewhere = await b.publish("corner", "message", "another room", { id: "x" });
    assert.deepEqual([elsewhere.ok, elsewhere.duplicate], [true, false]);

    await cluster.broker.kill(signal);
    await cluster.restartBroker();
    for (const client of [a, b]) {
      const later = await client.publish("lobby", "message", "after the restart", { id: "x" });
      assert.deepEqual(later, { ok: true, offset: one.offset, duplicate: true });
    }

    await a.publish("lobby", "message", "the end");
    const heard = await a.hears(2, "lobby");
    assert.deepEqual(heard.map(({ offset }) => offset).slice(0, 1), [one.offset]);
    assert.deepEqual([heard.length, heard[1].data], [2, "the end"]);
  });
}

story("without an id every publish is an event of its own", async (cluster) => {
  const a = await cluster.client(0);
  const answers = await Promise.all([1, 2, 3].map(() => a.publish("lobby", "message", "same")));
  assert.deepEqual(answers.map(({ duplicate }) => duplicate), [false, false, false]);
  assert.equal(new Set(answers.map(({ offset }) => offset)).size, 3);
});
