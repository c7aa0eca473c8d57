// Only nodes that the broker knows come to it, with real processes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createAdapter, createEmitter } from "../../adapter/dist/esm/index.js";
import { Server } from "./adapter_cluster.mjs";
import { Client } from "./client.mjs";
import { Program, kBinaries, story } from "./cluster.mjs";
import { until } from "./until.mjs";

const directory = mkdtempSync(join(tmpdir(), "roomlog-curve-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const kKeygen = join(kBinaries, "broker/keygen/roomlog-keygen");
const keygen = (...args) => execFileSync(kKeygen, args, { encoding: "utf8", stdio: "pipe" }).trim();
function makeKey(name) {
  const file = join(directory, `${name}.key`);
  return { file, key: keygen(file) };
}

const broker = makeKey("broker");
const node = makeKey("node");
const stranger = makeKey("stranger");

function allow(file, ...keys) {
  writeFileSync(file, keys.map(({ key }, i) => `${key} node-${i}\n`).join(""));
  return file;
}
const brokerFlags = (list) => [`--key_file=${broker.file}`, `--allowed_nodes=${list}`];
const edgeFlags = ({ file }, theirs = broker) => [`--key_file=${file}`, `--broker_key=${theirs.key}`];

// A node besides those that the story began with.
async function addEdge(cluster, name, flags) {
  const edge = new Program(name, join(kBinaries, "node/roomlog-edge"),
    [`--broker=${cluster.brokerAddress}`, `--name=${name}`, ...flags]);
  cluster.programs.push(edge);
  await edge.start(["--listen=127.0.0.1:0"]);
  return edge;
}
const logged = (program, pattern) =>
  until(() => program.log.find((line) => pattern.test(line)), `${program.name} to log ${pattern}`);

story("nodes with the right keys serve clients as ever", {
  brokerFlags: brokerFlags(allow(join(directory, "right"), node)), edgeFlags: edgeFlags(node),
}, async (cluster) => {
  const [a, b] = [await cluster.client(0), await cluster.client(1)];
  await a.join("lobby");
  assert.ok((await b.publish("lobby", "message", "hello")).ok);
  assert.equal((await a.hears(1, "lobby"))[0].data, "hello");
  await cluster.broker.kill();
  await cluster.restartBroker();
  assert.ok((await b.publish("lobby", "message", "again")).ok);
  await a.hears(2, "lobby");
});

story("a node with no key or a wrong one gets nowhere, and the broker's log says why", {
  edges: ["node"], brokerFlags: brokerFlags(allow(join(directory, "wrong"), node)), edgeFlags: edgeFlags(node),
}, async (cluster) => {
  for (const [name, flags, why] of [
    ["keyless", [], /turned away: it (has no|hung up before it had shown a) key/],
    ["stranger", edgeFlags(stranger), new RegExp(`turned away: its key ${stranger.key} is not in`)],
    ["misled", edgeFlags(node, stranger), /turned away: it takes us for a broker with another key/],
  ]) {
    const edge = await addEdge(cluster, name, flags);
    await logged(cluster.broker, why);
    assert.equal((await cluster.health(edge)).ok, false, name);
    await edge.kill();
  }
  // They come again all the time; the log does not say so each time.
  const lines = cluster.broker.log.filter((line) => line.includes("turned away")).length;
  assert.ok(lines <= 15, `${lines} lines`);
  assert.ok((await (await cluster.client(0)).publish("lobby", "message", 1)).ok);
});

story("servers on Node.js and emitters come with keys, and not without", {
  edges: ["node"], brokerFlags: brokerFlags(allow(join(directory, "servers"), node)), edgeFlags: edgeFlags(node),
}, async (cluster) => {
  const member = await cluster.client(0);
  await member.join("lobby");
  const options = (keys) => ({ broker: cluster.brokerAddress, publishTimeout: 2000, ...keys });
  const right = createEmitter(options({ keyFile: node.file, brokerKey: broker.key }));
  const wrong = [
    createEmitter(options({})),
    createEmitter(options({ keyFile: stranger.file, brokerKey: broker.key })),
    createEmitter(options({ keyFile: node.file, brokerKey: stranger.key })),
  ];
  const server = new Server(0, { adapter: createAdapter(options({ keyFile: node.file, brokerKey: broker.key })) });
  try {
    assert.match((await right.publish("lobby", "message", ["of an emitter"], { meta: true })).offset, /-/);
    await server.of("/").adapter.publish("lobby", "message", ["of a server"], { meta: true });
    assert.deepEqual((await member.hears(2, "lobby")).map(({ data }) => data), ["of an emitter", "of a server"]);
    for (const each of wrong) await assert.rejects(each.publish("lobby", "message", ["stray"]), { code: "unavailable" });
    await logged(cluster.broker, new RegExp(`turned away: its key ${stranger.key} is not in`));
    await logged(cluster.broker, /turned away: it takes us for a broker with another key/);
    assert.deepEqual((await right.publish("lobby", "message", ["after"], { id: "1", meta: true })).duplicate, false);
    assert.equal((await member.hears(3, "lobby")).at(-1).data, "after");
  } finally {
    await Promise.all([server.close(), right.close(), ...wrong.map((each) => each.close())]);
  }
  assert.throws(() => createAdapter(options({ keyFile: node.file })), TypeError);
});

story("nodes are allowed and disallowed while the broker runs", {
  edges: ["node"], brokerFlags: brokerFlags(allow(join(directory, "list"), node)), edgeFlags: edgeFlags(node),
}, async (cluster) => {
  const list = join(directory, "list");
  const late = await addEdge(cluster, "late", edgeFlags(stranger));
  await logged(cluster.broker, /turned away/);
  allow(list, node, stranger);
  await until(async () => (await cluster.health(late)).ok, "the node that is allowed now to come in");
  const client = new Client(late.address);
  cluster.clients.push(client);
  assert.ok((await client.publish("lobby", "message", 1)).ok);

  allow(list, stranger);
  cluster.broker.child.kill("SIGHUP");
  await until(async () => !(await cluster.health(cluster.edges[0])).ok, "the node that is no longer allowed to notice");
  assert.ok((await client.publish("lobby", "message", 2)).ok);
  writeFileSync(list, "nonsense\n");
  await logged(cluster.broker, /may come: .*list:1: /);
  assert.ok((await client.publish("lobby", "message", 3)).ok);
  allow(list, node, stranger);
  await cluster.healthy();
});

story("what goes between node and broker cannot be read on the way", {
  edges: [], brokerFlags: brokerFlags(allow(join(directory, "read"), node)),
}, async (cluster) => {
  // A wire tap: passes everything on, and keeps it.
  const { createServer, connect } = await import("node:net");
  let seen = "";
  const target = new URL(cluster.brokerAddress);
  const tap = createServer((from) => {
    const to = connect(target.port, target.hostname);
    for (const [one, other] of [[from, to], [to, from]]) {
      one.on("data", (bytes) => { seen += bytes.toString("latin1"); other.write(bytes); });
      one.on("close", () => other.destroy()).on("error", () => {});
    }
  });
  await new Promise((done) => tap.listen(0, "127.0.0.1", done));
  cluster.brokerAddress = `tcp://127.0.0.1:${tap.address().port}`;
  try {
    const edge = await addEdge(cluster, "tapped", edgeFlags(node));
    await until(async () => (await cluster.health(edge)).ok, "the node to be healthy");
    const client = new Client(edge.address);
    cluster.clients.push(client);
    assert.ok((await client.publish("lobby", "message", "a secret that is long enough")).ok);
    assert.ok(seen.includes("CURVE"));
    assert.ok(!seen.includes("a secret that is long enough"));
    await edge.kill();
  } finally {
    tap.close();
  }
});

test("roomlog-keygen keeps a secret secret, and loses none", () => {
  assert.equal(keygen("--public", node.file), node.key);
  assert.match(node.key, /^[0-9a-f]{64}$/);
  assert.equal(statSync(node.file).mode & 0o777, 0o600);
  const before = readFileSync(node.file, "utf8");
  assert.throws(() => keygen(node.file), /File exists/);
  assert.equal(readFileSync(node.file, "utf8"), before);
  for (const args of [[], ["--public"], ["--help"], ["a", "b"]]) assert.throws(() => keygen(...args));
});

for (const [what, flags, say] of [
  ["that anybody could reach", ["--listen=tcp://0.0.0.0:0"], /--key_file.*--open/],
  ["that anybody could reach, by a star", ["--listen=tcp://*:0"], /--key_file.*--open/],
  ["with a key and no list", [`--key_file=${broker.file}`], /given together/],
  ["with a list that is not there", brokerFlags("/nowhere"), /--allowed_nodes: \/nowhere: No such file/],
  ["with a public key for a secret one", [`--key_file=${allow(join(directory, "p"), node)}`,
    `--allowed_nodes=${join(directory, "p")}`], /--key_file: .*64 hexadecimal/],
  ["with keys, and open all the same", [...brokerFlags(allow(join(directory, "q"), node)), "--open"], /not open/],
]) {
  test(`a broker ${what} does not start`, async () => {
    const refused = new Program("broker", join(kBinaries, "broker/roomlog-broker"),
      [`--data=${join(directory, "data")}`, "--listen=tcp://127.0.0.1:0", ...flags]);
    refused.launch();
    assert.equal((await refused.ended()).code, 1);
    assert.match(refused.log.join("\n"), say);
  });
}

test("a broker listens where it is told with --open, or with keys", async () => {
  for (const flags of [["--open"], brokerFlags(allow(join(directory, "o"), node))]) {
    const open = new Program("broker", join(kBinaries, "broker/roomlog-broker"),
      [`--data=${join(directory, "data")}`, "--listen=tcp://0.0.0.0:0", ...flags]);
    await open.start();
    assert.equal(open.log.some((line) => line.includes("open: ")), flags.length === 1);
    await open.kill();
  }
});
