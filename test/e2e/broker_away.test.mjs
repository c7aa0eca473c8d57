// The broker is away for longer than a publish waits: nodes keep their clients
// and say `unavailable`, never nothing; and all heals.
import assert from "node:assert/strict";
import { story } from "./cluster.mjs";
import { until } from "./until.mjs";

const ways = [
  { how: "killed", leave: (cluster) => cluster.broker.kill("SIGKILL"), return: (cluster) => cluster.restartBroker() },
  { how: "stopped and not closed, as by a cut cable",
    leave: (cluster) => cluster.broker.child.kill("SIGSTOP"),
    return: (cluster) => cluster.broker.child.kill("SIGCONT") },
];

for (const way of ways) {
  story(`a broker that is ${way.how} makes publishes unavailable, and heals`, { timeout: 180_000 }, async (cluster) => {
    const a = await cluster.client(0);
    const b = await cluster.client(1);
    await b.join("lobby");
    assert.ok((await a.publish("lobby", "message", "before", { id: "1" })).ok);
    const { id: connection } = a.socket;

    await way.leave(cluster);
    const answers = await Promise.all(["2", "3"].map((id) => a.publish("lobby", "message", "meanwhile", { id })));
    for (const answer of answers) {
      assert.equal(answer.ok, false);
      assert.equal(answer.error.code, "unavailable");
      assert.notEqual(answer.error.message, "");
    }
    for (const edge of cluster.edges) {
      await until(async () => !(await cluster.health(edge)).ok, `${edge.name} to say that it is not well`);
    }
    assert.deepEqual([a.socket.connected, a.socket.id], [true, connection], "clients stay");

    await way.return(cluster);
    await cluster.healthy();
    // Both may or may not have been appended; sent again they are there once.
    for (const id of ["2", "3"]) await a.publishUntilStored("lobby", "message", "meanwhile", id);
    const live = await a.publishUntilStored("lobby", "message", "after", "4");
    await until(() => b.in("lobby").some(({ offset }) => offset === live.offset), "the live event");
    assert.deepEqual(b.in("lobby").map(({ meta }) => meta.id).sort(), ["1", "2", "3", "4"]);
    assert.equal(b.socket.connected, true);
    assert.deepEqual(b.others, [], "nobody was told of a gap");
  });
}

story("publishes wait out a broker that is back soon", async (cluster) => {
  const a = await cluster.client(0);
  const b = await cluster.client(1);
  await b.join("lobby");
  await cluster.broker.kill("SIGKILL");
  const answers = Array.from({ length: 500 }, (_, i) => a.publish("lobby", "message", i));
  await cluster.restartBroker();
  for (const answer of await Promise.all(answers)) assert.equal(answer.ok, true, JSON.stringify(answer));
  const heard = await b.hears(500, "lobby");
  assert.deepEqual(heard.map(({ data }) => data), Array.from({ length: 500 }, (_, i) => i),
    "in the order in which the client sent them");
});
