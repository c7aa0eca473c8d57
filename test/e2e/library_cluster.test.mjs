// The library over two nodes and a broker: what one node says or asks reaches
// the sockets, and the servers, of the other.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { Program, withTimeout } from "./cluster.mjs";
import { until } from "./until.mjs";

const kHere = fileURLToPath(new URL(".", import.meta.url));
const kBinaries = resolve(process.env.ROOMLOG_BIN ?? join(kHere, "../../bazel-bin"));
const kPatienceMs = 20_000;

const directory = mkdtempSync(join(tmpdir(), "roomlog-library-"));
const programs = [];
const sockets = [];

after(async () => {
  for (const socket of sockets) socket.disconnect();
  await Promise.all(programs.map((program) => program.kill()));
  rmSync(directory, { recursive: true, force: true });
});

function program(name, path, ...flags) {
  programs.push(new Program(name, join(kBinaries, path), flags));
  return programs.at(-1);
}

const broker = program("broker", "broker/roomlog-broker", `--data=${join(directory, "data")}`);
const brokerAddress = await broker.start(["--listen=tcp://127.0.0.1:0"]);
const nodes = ["node-a", "node-b"].map((name, i) => program(
  name, "test/e2e/library_server", `--broker=${brokerAddress}`, `--name=${name}`, `--threads=${i + 1}`));
await Promise.all(nodes.map((node) => node.start()));
for (const node of nodes) {
  await until(async () => (await fetch(new URL("/healthz", node.address))).ok, `${node.name} to be healthy`);
}

async function connect(node, path = "/") {
  const socket = io(new URL(path, nodes[node].address).href, { transports: ["websocket"], forceNew: true });
  sockets.push(socket);
  socket.heard = [];
  socket.onAny((...event) => socket.heard.push(event));
  await until(() => socket.heard.some(([event]) => event === "auth"), "a client to connect");
  // What is said from here on reaches it.
  await until(async () => {
    await ask(socket, "emit", { to: [socket.id] }, "echo");
    return socket.heard.some(([event]) => event === "echo");
  }, "the namespace to be followed");
  await new Promise((done) => setTimeout(done, 100));
  socket.heard.length = 0;
  return socket;
}

function ask(socket, ...event) {
  return withTimeout(
    new Promise((done) => socket.emit(...event, (...answer) => done(answer))), kPatienceMs, event[0]);
}

const hears = (socket, count) =>
  until(() => socket.heard.length >= count, () => `${count} events; ${JSON.stringify(socket.heard)}`);

test("broadcasts reach both nodes, once and in one order", async () => {
  const [ann, bob] = await Promise.all([connect(0), connect(1)]);
  await Promise.all([ask(ann, "join", "x"), ask(bob, "join", "x"), ask(bob, "join", "y")]);
  const bytes = { deep: [Buffer.from("bytes")] };
  await ask(ann, "emit", { to: ["x", "y"] }, "both", bytes);
  await ask(ann, "emit", { to: ["x"], broadcast: true }, "others");
  await ask(ann, "emit", { to: [bob.id] }, "bob alone");
  await ask(ann, "emit", { volatile: true }, "volatile");
  await ask(ann, "emit", { local: true }, "local");
  await ask(ann, "emit", {}, "end");
  await Promise.all([hears(ann, 4), hears(bob, 5)]);
  assert.deepEqual(ann.heard.filter(([event]) => event !== "local"),
    [["both", bytes], ["volatile"], ["end"]]);
  assert.deepEqual(bob.heard, [["both", bytes], ["others"], ["bob alone"], ["volatile"], ["end"]]);

  ann.heard.length = bob.heard.length = 0;
  const count = 200;
  await Promise.all([ann, bob].flatMap((client, i) => Array.from({ length: count }, (_, n) =>
    ask(client, "emit", n % 10 === 0 ? { volatile: true } : { to: ["x"] }, "said", i, n))));
  await Promise.all([hears(ann, 2 * count), hears(bob, 2 * count)]);
  assert.deepEqual(ann.heard, bob.heard);
  for (const socket of [ann, bob]) socket.disconnect();
});

test("clients of both nodes acknowledge a broadcast", async () => {
  const [ann, bob] = await Promise.all([connect(0), connect(1)]);
  await Promise.all([ask(ann, "join", "acks"), ask(bob, "join", "acks")]);
  ann.on("question", (done) => done("ann"));
  bob.on("question", (done) => done(Buffer.from("bob")));
  const [error, answers] = await ask(ann, "emit-with-ack", { to: ["acks"] }, "question");
  assert.equal(error, "");
  assert.equal(answers.length, 2);
  assert.ok(answers.includes("ann"));
  bob.off("question");
  assert.deepEqual(await ask(ann, "emit-with-ack", { to: ["acks"], timeout: 500 }, "question"),
    ["operation has timed out", ["ann"]]);
  assert.deepEqual(await ask(ann, "emit-with-ack", { to: ["nobody"] }, "question"), ["", []]);
  for (const socket of [ann, bob]) socket.disconnect();
});

test("sockets of the other node are found, joined and disconnected", async () => {
  const [ann, bob] = await Promise.all([connect(0), connect(1)]);
  await ask(bob, "join", "found");
  const [error, found] = await ask(ann, "fetch", { to: ["found"] });
  assert.equal(error, "");
  assert.deepEqual(found.map(({ id, rooms, data }) => ({ id, rooms, data })),
    [{ id: bob.id, rooms: [bob.id, "found"], data: { node: "node-b" } }]);
  const [, all] = await ask(ann, "fetch", {});
  assert.deepEqual(all.map(({ id }) => id).sort(), [ann.id, bob.id].sort());
  // What is said right after reaches who was joined.
  for (let i = 0; i < 50; ++i) ann.emit("join-and-emit", { to: [bob.id] }, `fresh${i}`, i);
  await hears(bob, 50);
  assert.deepEqual(bob.heard.map(([, i]) => i).sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i));
  await ask(ann, "sockets-leave", { to: [bob.id] }, ["found"]);
  await until(async () => !(await ask(bob, "rooms"))[0].includes("found"), "bob to leave");
  const left = new Promise((done) => bob.once("disconnect", done));
  ann.emit("disconnect-sockets", { to: ["fresh0"] });
  assert.equal(await withTimeout(left, kPatienceMs, "bob to be disconnected"), "io server disconnect");
  ann.disconnect();
});

test("servers talk to each other", async () => {
  const [ann, bob] = await Promise.all([connect(0), connect(1)]);
  ann.emit("server-side-emit", "announce", "news");
  await hears(bob, 1);
  assert.deepEqual(bob.heard, [["announced", "news", "node-b"]]);
  assert.deepEqual(ann.heard, []);
  assert.deepEqual(await ask(ann, "server-side-ask", "who-are-you"), ["", ["node-b"]]);
  assert.deepEqual(await ask(bob, "server-side-ask", "who-are-you"), ["", ["node-a"]]);
  const [error, answers] = await ask(ann, "server-side-ask", "say-nothing");
  assert.equal(error, "timeout reached: only 0 responses received out of 1");
  assert.deepEqual(answers, []);
  for (const socket of [ann, bob]) socket.disconnect();
});

test("history is the same on both nodes", async () => {
  const [ann, bob] = await Promise.all([connect(0), connect(1)]);
  for (let i = 0; i < 5; ++i) await ask(ann, "publish", "history", "m", { i }, `id${i}`);
  const [refused, replayed] = await ask(bob, "join", "history", { last: 3 });
  assert.equal(refused, null);
  assert.equal(replayed, 3);
  assert.deepEqual(bob.heard.map(([, { i }]) => i), [2, 3, 4]);
  for (const socket of [ann, bob]) socket.disconnect();
});

test("a node that is gone is not waited for", async () => {
  const ann = await connect(0);
  await nodes[1].kill("SIGTERM");
  await until(async () => {
    const [error, found] = await ask(ann, "fetch", { timeout: 1000 });
    return error === "" && found.length === 1;
  }, "the cluster to know");
  ann.disconnect();
});
