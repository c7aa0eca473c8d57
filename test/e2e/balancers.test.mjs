// nginx and HAProxy before three nodes, as deploy/ has them.
import assert from "node:assert/strict";
import { startBalancer } from "./balancer.mjs";
import { Client } from "./client.mjs";
import { story } from "./cluster.mjs";
import { until } from "./until.mjs";

const kKinds = { nginx: "conf", haproxy: "cfg" };
const kOptions = { edges: ["node-a", "node-b", "node-c"], edgeFlags: ["--drain_time=2s", "--trusted_proxies=127.0.0.1"] };

for (const [kind, extension] of Object.entries(kKinds)) {
  for (const way of ["round-robin", "sticky"]) {
    const file = `${kind}-${way}.${extension}`;
    // What each way is for.
    const transports = way === "sticky" ? ["polling", "websocket"] : ["polling"];

    story(`${file}: clients are served by all nodes, and stay served when one drains and one dies`, kOptions,
      async (cluster) => {
        const balancer = await startBalancer(cluster, kind, file);
        const clients = await Promise.all(Array.from({ length: 6 }, () => connect(cluster, balancer, transports)));
        if (way === "sticky") {
          for (const { socket } of clients) {
            await until(() => socket.io.engine.transport.name === "websocket", "the upgrade");
          }
        }
        const node = await cluster.client(2);
        let published = 0;
        const publish = async (count) => {
          for (const end = published + count; published < end; published++) {
            await until(async () => (await node.publish("lobby", "message", published, { id: String(published) })).ok, "a publish");
          }
        };
        const allHear = async (what) => {
          for (const client of clients) {
            await until(() => heard(client).at(-1) === published - 1, () => `${what}: ${heard(client)} of ${published}`);
          }
        };
        await publish(5);
        await allHear("at first");
        for (let i = 0; i < clients.length; i++) {
          await clients[i].publish("lobby", "message", published + i, { id: String(published + i) });
        }
        published += clients.length;
        await allHear("what clients say");

        const drained = cluster.edges[0].kill("SIGTERM");
        await publish(10);
        assert.deepEqual(await drained, { code: 0, signal: null });
        await allHear("after a node was drained");
        await cluster.edges[1].kill("SIGKILL");
        await publish(10);
        await allHear("after a node was killed");
        for (const client of clients) {
          assert.deepEqual(heard(client), Array.from({ length: published }, (_, i) => i), "all, once, in order");
        }
      });

    story(`${file}: WebSocket alone needs nothing`, kOptions, async (cluster) => {
      const balancer = await startBalancer(cluster, kind, file);
      const client = await connect(cluster, balancer, ["websocket"]);
      const text = "ü".repeat(200_000);
      assert.equal((await client.publish("lobby", "message", text)).ok, true);
      await until(() => client.events.length === 1, "the event");
      assert.equal(client.events[0].data, text);
    });
  }
}

async function connect(cluster, { address, certificate }, transports) {
  const client = new Client(address, {
    transports, ca: certificate, reconnectionDelay: 50, reconnectionDelayMax: 200, withCredentials: true });
  // Lost again meanwhile, it joins when it is back.
  client.socket.on("connect", () => {
    const last = client.events.at(-1);
    if (!client.socket.recovered) client.join("lobby", last ? { after: last.offset } : {}).catch(() => {});
  });
  cluster.clients.push(client);
  await client.connected();
  await client.join("lobby"); // Answered after the first, so it is there.
  return client;
}

const heard = (client) => client.events.map(({ data }) => data);
