// How a broker begins and ends.
import assert from "node:assert/strict";
import { publishMany } from "./client.mjs";
import { story } from "./cluster.mjs";
import { until } from "./until.mjs";

story("SIGTERM lets the broker finish: all it answered is there when it is back", async (cluster) => {
  const publishers = [await cluster.client(0), await cluster.client(1)];
  let acknowledged = 0;
  const publishing = Promise.all(publishers.map((publisher, i) =>
    publishMany(publisher, "lobby", { prefix: `${i}-`, count: 2_000, onStored: () => acknowledged++ })));
  await until(() => acknowledged >= 1_000, "some answers");
  assert.deepEqual(await cluster.broker.kill("SIGTERM"), { code: 0, signal: null });
  assert.ok(acknowledged < 4_000, "it ended in their midst");
  await cluster.restartBroker();

  const stored = new Map((await publishing).flatMap((map) => [...map]));
  const late = await cluster.client(0);
  await late.join("lobby", { from: "start" });
  assert.deepEqual(new Map(late.events.map(({ meta, offset }) => [meta.id, offset])), stored);
  assert.equal(late.events.length, 4_000);
});

story("the nodes know at once that the broker closes, and that it is back", async (cluster) => {
  const client = await cluster.client(0);
  await client.join("lobby");
  assert.ok((await client.publish("lobby", "message", "before")).ok);
  await cluster.broker.kill("SIGTERM");
  await until(async () => /has closed/.test((await cluster.health(cluster.edges[0])).text), "the node to say so");
  const publishing = client.publish("lobby", "message", "meanwhile"); // Waits for the broker.
  await cluster.restartBroker();
  assert.ok((await publishing).ok);
  assert.deepEqual((await client.hears(2, "lobby")).map(({ data }) => data), ["before", "meanwhile"]);
});

story("a second broker on the same data is refused, and the first goes on", async (cluster) => {
  const second = cluster.newBroker("second broker");
  second.launch(["--listen=tcp://127.0.0.1:0"]);
  const { code, signal } = await second.ended();
  assert.equal(signal, null);
  assert.notEqual(code, 0);
  const said = second.log.join("\n");
  assert.ok(said.includes(cluster.data), `it names the directory: ${said}`);
  assert.match(said, /in use|another|lock/i, said);

  const a = await cluster.client(0);
  assert.ok((await a.publish("lobby", "message", "still here")).ok);
});

for (const [what, flags] of [
  ["an unknown flag", ["--no_such_flag=1"]],
  ["an unknown durability", ["--durability=sometimes"]],
  ["a bad retention rule", ["--retention=nonsense"]],
  ["an address that is none", ["--listen=nowhere"]],
]) {
  story(`${what} is refused with a reason`, { edges: [] }, async (cluster) => {
    await cluster.broker.kill("SIGTERM"); // Its data directory is free now.
    const refused = cluster.newBroker("refused broker");
    refused.launch(["--listen=tcp://127.0.0.1:0", ...flags]);
    const { code } = await refused.ended();
    assert.notEqual(code, 0);
    const value = flags[0].split("=")[1];
    const said = refused.log.join("\n");
    assert.ok(said.includes(value) || said.includes("no_such_flag"), `it names what is wrong: ${said}`);
  });
}
