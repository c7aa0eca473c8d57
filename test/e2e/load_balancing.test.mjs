// Polling through balancers that send each request to another node.
import assert from "node:assert/strict";
import { request } from "node:http";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "./client.mjs";
import { Program, story } from "./cluster.mjs";
import { roundRobin } from "./round_robin.mjs";
import { until } from "./until.mjs";

const kHere = fileURLToPath(new URL(".", import.meta.url));
const kBinaries = resolve(process.env.ROOMLOG_BIN ?? join(kHere, "../../bazel-bin"));
const kEdges = ["node-a", "node-b", "node-c"];

// A cluster behind such a balancer.
function balancedStory(name, tell) {
  story(name, { edges: kEdges }, async (cluster, t) => {
    const balancer = await roundRobin(cluster.edges.map(({ address }) => address));
    try {
      await tell(cluster, balancer, t);
    } finally {
      balancer.close();
    }
  });
}

async function pollingClient(cluster, address, options = {}) {
  const client = new Client(address, { transports: ["polling"], ...options });
  cluster.clients.push(client);
  await client.connected();
  return client;
}

// One Engine.IO request, by hand.
function engine(address, { sid, method = "GET", body = "" } = {}) {
  const url = new URL(`/socket.io/?EIO=4&transport=polling${sid ? `&sid=${sid}` : ""}`, address);
  return new Promise((done, fail) => {
    const req = request(url, { method }, (res) => {
      let text = "";
      res.setEncoding("utf8");
      res.on("data", (some) => (text += some));
      res.on("end", () => done({ status: res.statusCode, text }));
    });
    req.on("error", fail);
    req.end(body);
  });
}

async function opened(edge) {
  const { text } = await engine(edge.address);
  return JSON.parse(text.slice(1)).sid;
}

balancedStory("clients that poll through round robin hear and say everything, in order", async (cluster, balancer) => {
  const clients = await Promise.all([0, 1, 2, 3].map(() => pollingClient(cluster, balancer.address)));
  for (const client of clients) await client.join("lobby");
  for (let i = 0; i < 40; i++) await clients[i % 4].publish("lobby", "message", i);
  for (const client of clients) {
    await until(() => client.events.length === 40, "all events");
    assert.deepEqual(client.events.map(({ data }) => data), Array.from({ length: 40 }, (_, i) => i));
  }
  for (const count of balancer.counts) assert.ok(count > 20, `${balancer.counts}`);
});

balancedStory("large events go through whole, both ways", async (cluster, balancer) => {
  const [saying, hearing] = [await pollingClient(cluster, balancer.address), await pollingClient(cluster, balancer.address)];
  await hearing.join("lobby");
  const text = "ü".repeat(400_000);
  assert.equal((await saying.publish("lobby", "message", text)).ok, true);
  await until(() => hearing.events.length === 1, "the event");
  assert.equal(hearing.events[0].data, text);
});

story("reading and writing on a node that does not have the session", { edges: kEdges }, async (cluster) => {
  const [a, b, c] = cluster.edges;
  const sid = await opened(a);
  assert.deepEqual(await engine(b.address, { sid, method: "POST", body: "40" }), { status: 200, text: "ok" });
  const { text } = await engine(c.address, { sid });
  assert.match(text, /^40\{"sid":/);
});

story("the heartbeat keeps a client whose every request comes to another node", { edges: [] }, async (cluster) => {
  // Whoever answers no ping is gone after 2.3 s, so before the ninth.
  const nodes = ["a", "b", "c"].map((name) => new Program(name, join(kBinaries, "test/e2e/library_server"), [
    `--broker=${cluster.brokerAddress}`, `--name=${name}`, "--ping_interval=300ms", "--ping_timeout=2s"]));
  cluster.programs.push(...nodes);
  await Promise.all(nodes.map((node) => node.start()));
  for (const { address } of nodes) await until(async () => (await fetch(new URL("/healthz", address))).ok, "the nodes");
  const balancer = await roundRobin(nodes.map(({ address }) => address));
  const { socket } = await pollingClient(cluster, balancer.address, { reconnection: false });
  let pings = 0;
  await new Promise((done, fail) => {
    socket.io.on("ping", () => ++pings === 9 && done());
    socket.on("disconnect", (why) => fail(new Error(`after ${pings} pings: ${why}`)));
  });
  for (const count of balancer.counts) assert.ok(count > 3, `${balancer.counts}`);
  balancer.close();
});

story("closing on another node than the one where the poll waits", { edges: kEdges }, async (cluster) => {
  const [a, b, c] = cluster.edges;
  const isUnknown = ({ status, text }) => status === 400 && JSON.parse(text).message === "Session ID unknown";
  // The two travel on different ways, so the close may come first. Once it does not.
  const answered = async () => {
    const sid = await opened(a);
    const poll = engine(b.address, { sid });
    assert.deepEqual(await engine(c.address, { sid, method: "POST", body: "1" }), { status: 200, text: "ok" });
    const answer = await poll;
    assert.ok(isUnknown(answer) || (answer.status === 200 && answer.text === "6"), JSON.stringify(answer));
    for (const edge of cluster.edges) assert.ok(isUnknown(await engine(edge.address, { sid })), edge.name);
    return answer.status === 200;
  };
  await until(answered, "a poll that is answered by the close");
});

story("a second poll ends the session, wherever it comes", { edges: kEdges }, async (cluster) => {
  const [a, b, c] = cluster.edges;
  const sid = await opened(a);
  await engine(b.address, { sid, method: "POST", body: "40" });
  await engine(a.address, { sid });
  // Whichever comes first waits, and is told that it is over.
  const polls = await Promise.all([engine(b.address, { sid }), engine(c.address, { sid })]);
  assert.deepEqual(polls.map(({ status }) => status).sort(), [200, 400]);
  assert.equal(polls.find(({ status }) => status === 200).text, "1");
});

story("an id that nobody made is refused at once, and one of a node that is gone", { edges: kEdges }, async (cluster) => {
  const [a, b] = cluster.edges;
  const unknown = { code: 1, message: "Session ID unknown" };
  for (const sid of ["x", "AAAAAAAAAAAAAAAAAAAA", "-".repeat(20), "?".repeat(20)]) {
    const { status, text } = await engine(a.address, { sid: encodeURIComponent(sid) });
    assert.deepEqual([status, JSON.parse(text)], [400, unknown], sid);
  }
  const sid = await opened(b);
  const poll = engine(a.address, { sid });
  await b.kill();
  const { status, text } = await poll;
  assert.deepEqual([status, JSON.parse(text)], [400, unknown]);
});

balancedStory("when a node is killed its clients recover through the others", async (cluster, balancer) => {
  const clients = await Promise.all(Array.from({ length: 9 }, () =>
    pollingClient(cluster, balancer.address, { reconnectionDelayMax: 200 })));
  for (const client of clients) await client.join("lobby");
  await clients[0].publish("lobby", "message", "before");
  for (const client of clients) await until(() => client.events.length === 1, "the first event");
  await cluster.edges[0].kill();
  // Clients whose requests fail come again.
  const steady = await cluster.client(1);
  await until(async () => (await steady.publish("lobby", "message", "after")).ok, "a publish");
  for (const client of clients) await until(() => client.events.some(({ data }) => data === "after"), "the last event");
});

balancedStory("when the broker is started again clients go on", async (cluster, balancer) => {
  const client = await pollingClient(cluster, balancer.address, { reconnectionDelayMax: 200 });
  await client.join("lobby");
  await cluster.broker.kill();
  await cluster.restartBroker();
  await cluster.healthy();
  const steady = await cluster.client(1);
  await until(async () => (await steady.publish("lobby", "message", "after", { id: "1" })).ok, "a publish");
  await until(() => client.events.some(({ data }) => data === "after"), "the event");
});
