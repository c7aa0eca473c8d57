// Connection state recovery, as the official client knows it: a client that was
// cut off comes back on any node, and first of all gets what it missed.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import WebSocket from "ws";
import { Program, withTimeout } from "./cluster.mjs";
import { until } from "./until.mjs";

const kHere = fileURLToPath(new URL(".", import.meta.url));
const kBinaries = resolve(process.env.ROOMLOG_BIN ?? join(kHere, "../../bazel-bin"));
const kPatienceMs = 20_000;

const clusters = [];
after(async () => {
  for (const cluster of clusters) await cluster.destroy();
});

// A broker and two nodes with the library's test program.
class Cluster {
  directory = mkdtempSync(join(tmpdir(), "roomlog-recovery-"));
  programs = [];
  clients = [];

  static async start({ nodeFlags = ["--recovery_window=2m"], brokerFlags = [] } = {}) {
    const cluster = new Cluster();
    clusters.push(cluster);
    cluster.broker = cluster.program(
      "broker", "broker/roomlog-broker", `--data=${join(cluster.directory, "data")}`, ...brokerFlags);
    cluster.brokerAddress = await cluster.broker.start(["--listen=tcp://127.0.0.1:0"]);
    cluster.nodes = ["node-a", "node-b"].map((name) => cluster.program(
      name, "test/e2e/library_server", `--broker=${cluster.brokerAddress}`, `--name=${name}`, ...nodeFlags));
    await Promise.all(cluster.nodes.map((node) => node.start()));
    await cluster.healthy();
    return cluster;
  }

  program(name, path, ...flags) {
    this.programs.push(new Program(name, join(kBinaries, path), flags));
    return this.programs.at(-1);
  }

  async healthy() {
    for (const node of this.nodes.filter(({ child }) => child.exitCode === null && !child.killed)) {
      await until(async () => (await fetch(new URL("/healthz", node.address))).ok, `${node.name} to be healthy`);
    }
  }

  async client(node, options) {
    const client = new Client(this, options);
    this.clients.push(client);
    await client.connect(node);
    return client;
  }

  async destroy() {
    for (const client of this.clients) client.socket.disconnect();
    await Promise.all(this.programs.map((program) => program.kill()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

// The official client, which connects when it is told to, and where.
class Client {
  heard = []; // [event, ...arguments], and ["connect"] where that came.

  constructor(cluster, { transports, namespace = "/" } = {}) {
    this.cluster = cluster;
    this.socket = io(new URL(namespace, cluster.nodes[0].address).href, {
      autoConnect: false, reconnection: false, forceNew: true, ...(transports && { transports }),
    });
    this.socket.on("connect", () => this.heard.push(["connect"]));
    this.socket.onAny((...event) => {
      if (event[0] !== "auth") this.heard.push(event);
    });
  }

  async connect(node) {
    this.socket.io.uri = this.cluster.nodes[node].address;
    this.socket.connect();
    await until(() => this.socket.connected, "a client to connect");
  }

  // Loses its connection, and knows that.
  async drop() {
    const gone = until(() => !this.socket.connected, "a client to be cut off");
    this.socket.io.engine.close();
    await gone;
  }

  ask(...event) {
    return withTimeout(
      new Promise((done) => this.socket.emit(...event, (...answer) => done(answer))), kPatienceMs, event[0]);
  }

  // The names of the events since the last call, "connect" among them.
  take() {
    return this.heard.splice(0).map(([event]) => event);
  }

  hears(count) {
    return until(() => this.heard.length >= count, () => `${count} events; ${this.heard.length} came`);
  }
}

const cluster = await Cluster.start();
const kWays = [["polling"], ["websocket"], undefined];

for (const transports of kWays) {
  for (const back of [0, 1]) {
    const where = back === 0 ? "the same node" : "the other node";
    test(`${transports ?? "the default transports"}: comes back on ${where} to what it missed`, async () => {
      const room = `room-${transports}-${back}`;
      const ann = await cluster.client(0, { transports });
      const ben = await cluster.client(1);
      await ann.ask("join", room);
      await ben.ask("emit", { to: [room] }, "before", 1);
      await ann.hears(2);
      const { id } = ann.socket;
      await ann.drop();
      ann.take();
      for (let i = 0; i < 20; ++i) await ben.ask("emit", { to: [room] }, `missed-${i}`, { i });
      await ben.ask("emit", { to: ["another"] }, "not-for-her");
      await ann.connect(back);
      assert.equal(ann.socket.recovered, true);
      assert.equal(ann.socket.id, id);
      await ben.ask("emit", { to: [room] }, "live");
      await ann.hears(22);
      assert.deepEqual(ann.take(), [...Array.from({ length: 20 }, (_, i) => `missed-${i}`), "connect", "live"]);
      assert.deepEqual((await ann.ask("rooms"))[0], [id, room]);
      assert.deepEqual((await ann.ask("session"))[0].recovered, true);
    });
  }
}

test("comes back before it has heard anything", async () => {
  const ann = await cluster.client(0, { transports: ["websocket"] });
  const { id } = ann.socket;
  await ann.drop();
  await ann.connect(1);
  assert.equal(ann.socket.recovered, true);
  assert.equal(ann.socket.id, id);
});

test("comes back again and again", async () => {
  const ann = await cluster.client(0, { transports: ["websocket"] });
  const ben = await cluster.client(1);
  await ann.ask("join", "again");
  const { id } = ann.socket;
  for (let i = 0; i < 20; ++i) {
    await ann.drop();
    if (i % 3) await ben.ask("emit", { to: ["again"] }, "n", i);
    await ann.connect(i % 2);
    assert.equal(ann.socket.recovered, true, `${i}`);
    assert.equal(ann.socket.id, id);
  }
  const heard = ann.heard.filter(([event]) => event === "n").map(([, i]) => i);
  assert.deepEqual(heard, Array.from({ length: 20 }, (_, i) => i).filter((i) => i % 3));
});

test("what it alone was told is not lost, but for what is volatile or asks", async () => {
  const ann = await cluster.client(0, { transports: ["websocket"] });
  // Said in the turn in which its connection is lost.
  ann.socket.emit("tell-me", "first", 1);
  ann.socket.emit("tell-me-volatile", "volatile", 2);
  ann.socket.emit("ask-me-later", "question", 3);
  ann.socket.emit("tell-me", "last", "text");
  const lost = new Promise((done) => ann.socket.on("disconnect", done));
  ann.socket.io.engine.transport.ws?._socket?.pause?.();
  await new Promise((done) => setTimeout(done, 300));
  ann.socket.io.engine.close();
  await lost;
  ann.take();
  await ann.connect(1);
  assert.equal(ann.socket.recovered, true);
  const heard = ann.take();
  assert.deepEqual(heard.filter((event) => event !== "connect"), ["first", "last"]);
});

test("data is kept, and a broadcast by its id finds it", async () => {
  const ann = await cluster.client(0);
  const ben = await cluster.client(1);
  await ann.ask("data", "colour", "red");
  await ann.drop();
  await ben.ask("emit", { to: [ann.socket.id ?? "nobody"] }, "nothing");
  await ann.connect(1);
  assert.equal((await ann.ask("data", "size", 4))[0].colour, "red");
  ann.take();
  await ben.ask("emit", { to: [ann.socket.id] }, "you");
  await ann.hears(1);
  assert.deepEqual(ann.take(), ["you"]);
});

test("volatile broadcasts, and those that ask, do not come again", async () => {
  const ann = await cluster.client(0);
  const ben = await cluster.client(1);
  await ann.ask("join", "ephemeral");
  await ann.drop();
  ann.take();
  await ben.ask("emit", { to: ["ephemeral"], volatile: true }, "volatile", "text");
  await ben.ask("emit-with-ack", { to: ["ephemeral"], timeout: 200 }, "question");
  await ben.ask("emit", { to: ["ephemeral"] }, "kept");
  await ann.connect(0);
  await ann.hears(2);
  assert.deepEqual(ann.take(), ["kept", "connect"]);
});

test("of two with one private id the later has the session", async () => {
  const ann = await cluster.client(0, { transports: ["websocket"] });
  const { id } = ann.socket;
  const twin = new Client(cluster, { transports: ["websocket"] });
  cluster.clients.push(twin);
  twin.socket._pid = ann.socket._pid;
  const gone = new Promise((done) => ann.socket.once("disconnect", done));
  await twin.connect(1);
  assert.equal(twin.socket.id, id);
  assert.equal(twin.socket.recovered, true);
  assert.equal(await withTimeout(gone, kPatienceMs, "the older to be closed"), "transport close");
});

test("who left by itself begins anew", async () => {
  const ann = await cluster.client(0);
  const { id } = ann.socket;
  ann.socket.disconnect();
  await ann.connect(0);
  assert.equal(ann.socket.recovered, false);
  assert.notEqual(ann.socket.id, id);
  assert.equal((await ann.ask("session"))[0].gap, "expired");
});

test("polling: what was missed stands before the answer to CONNECT", async () => {
  const { address } = cluster.nodes[0];
  const url = (sid) => new URL(`/socket.io/?EIO=4&transport=polling${sid ? `&sid=${sid}` : ""}`, address);
  const open = async () => JSON.parse((await (await fetch(url())).text()).slice(1)).sid;
  const post = async (sid, body) => assert.equal(await (await fetch(url(sid), { method: "POST", body })).text(), "ok");
  const poll = async (sid) => (await (await fetch(url(sid))).text()).split("\x1e");

  const first = await open();
  await post(first, "40");
  const packets = [];
  while (!packets.some((packet) => packet.startsWith('42["auth"'))) packets.push(...await poll(first));
  const connect = packets.find((packet) => packet.startsWith("40"));
  assert.match(connect, /^40\{"sid":"[\w-]{20}","pid":"[\w-]{20}"\}$/);
  const { sid, pid } = JSON.parse(connect.slice(2));
  const auth = packets.find((packet) => packet.startsWith('42["auth"'));
  const offset = JSON.parse(auth.slice(2)).at(-1);
  await post(first, "1");

  const ben = await cluster.client(1);
  await ben.ask("emit", {}, "hello", 1);
  await ben.ask("emit", {}, "hello", 2);
  const second = await open();
  await post(second, `40${JSON.stringify({ pid, offset })}`);
  const [one, two, answer] = await poll(second);
  assert.deepEqual(JSON.parse(one.slice(2)).slice(0, 2), ["hello", 1]);
  assert.deepEqual(JSON.parse(two.slice(2)).slice(0, 2), ["hello", 2]);
  assert.equal(answer, `40{"sid":"${sid}","pid":"${pid}"}`);
});

// What the official client does over a bare WebSocket, cut off where we like: it
// keeps what comes before CONNECT, over connections too, and takes it in then.
class BareClient {
  heard = [];
  kept = [];
  auth = {};

  // Resolves when the server has closed, or once `until` says so of a packet.
  connect(address, until) {
    const url = new URL("/socket.io/?EIO=4&transport=websocket", address);
    url.protocol = "ws";
    this.socket = new WebSocket(url);
    let connected = false;
    let over = false;
    return withTimeout(new Promise((done) => {
      this.socket.on("close", done);
      this.socket.on("message", (data) => {
        const packet = String(data);
        if (over) return; // This was lost.
        if (packet === "2") this.socket.send("3");
        if (packet.startsWith("0")) this.socket.send(`40${JSON.stringify(this.auth)}`);
        if (packet.startsWith("40")) {
          this.answer = JSON.parse(packet.slice(2));
          this.auth.pid = this.answer.pid;
          connected = true;
          for (const event of this.kept.splice(0)) this.take(event);
        }
        if (packet.startsWith("42")) {
          const event = JSON.parse(packet.slice(2));
          if (connected) this.take(event);
          else this.kept.push(event);
        }
        if (until?.(packet)) {
          over = true;
          this.socket.terminate();
          done();
        }
      });
    }), kPatienceMs, "a bare client");
  }

  take(event) {
    if (event[0] !== "auth") this.heard.push(event.slice(0, 2));
    if (typeof event.at(-1) === "string") this.auth.offset = event.at(-1);
  }
}

test("cut off before CONNECT, a client hears nothing twice", async () => {
  const { address } = cluster.nodes[0];
  const ann = new BareClient();
  await ann.connect(address, (packet) => packet.startsWith('42["auth"'));
  const { sid } = ann.answer;
  const ben = await cluster.client(1);
  for (let i = 0; i < 5; ++i) await ben.ask("emit", { to: [sid] }, "n", i);
  await ann.connect(address, (packet) => packet.startsWith('42["n",1'));
  assert.deepEqual(ann.heard, []);
  assert.equal(ann.kept.length, 2);
  // It is let in and cut off, and knows what it has.
  await ann.connect(address);
  assert.equal(ann.answer.sid, sid);
  assert.deepEqual(ann.heard, [["n", 0], ["n", 1]]);
  await ann.connect(cluster.nodes[1].address, (packet) => packet.startsWith("40"));
  assert.equal(ann.answer.sid, sid);
  assert.deepEqual(ann.heard, Array.from({ length: 5 }, (_, i) => ["n", i]));
});

for (const signal of ["SIGTERM", "SIGKILL"]) {
  test(`a node ends by ${signal}: its clients come back on the other`, { timeout: 60_000 }, async () => {
    const cluster = await Cluster.start();
    const ann = await cluster.client(0);
    const ben = await cluster.client(1);
    await ann.ask("join", "room");
    const { id } = ann.socket;
    const gone = until(() => !ann.socket.connected, "a client to be cut off");
    await cluster.nodes[0].kill(signal);
    await gone;
    ann.take();
    await ben.ask("emit", { to: ["room"] }, "missed");
    await ann.connect(1);
    assert.equal(ann.socket.recovered, true);
    assert.equal(ann.socket.id, id);
    assert.deepEqual(ann.take(), ["missed", "connect"]);
  });
}

test("a node alone, with two loops", { timeout: 60_000 }, async () => {
  const alone = new Cluster();
  clusters.push(alone);
  alone.nodes = [alone.program("alone", "test/e2e/library_server", "--threads=2", "--recovery_window=1m")];
  await alone.nodes[0].start();
  const ann = await alone.client(0, { transports: ["websocket"] });
  const ben = await alone.client(0, { transports: ["websocket"] });
  await ann.ask("join", "room");
  const { id } = ann.socket;
  for (let i = 0; i < 6; ++i) {
    await ann.drop();
    ann.take();
    await ben.ask("emit", { to: ["room"] }, "missed", i);
    await ann.connect(0);
    assert.equal(ann.socket.id, id);
    assert.deepEqual(ann.take(), ["missed", "connect"]);
  }
});

test("the broker is killed while a client is away", { timeout: 60_000 }, async () => {
  const cluster = await Cluster.start();
  const ann = await cluster.client(0);
  const ben = await cluster.client(1);
  await ann.ask("join", "room");
  await ben.ask("emit", { to: ["room"] }, "before");
  await ann.hears(2);
  await ann.drop();
  ann.take();
  await cluster.broker.kill("SIGKILL");
  await cluster.broker.start([`--listen=${cluster.brokerAddress}`]);
  await cluster.healthy();
  await ben.ask("emit", { to: ["room"] }, "missed");
  await ann.connect(1);
  assert.equal(ann.socket.recovered, true);
  assert.deepEqual(ann.take(), ["missed", "connect"]);
});

test("the window is over: it begins anew, and the program knows", { timeout: 60_000 }, async () => {
  const cluster = await Cluster.start({ nodeFlags: ["--recovery_window=1s"] });
  const ann = await cluster.client(0);
  await ann.drop();
  await new Promise((done) => setTimeout(done, 1500)); // What is tested is that time has passed.
  await ann.connect(1);
  assert.equal(ann.socket.recovered, false);
  assert.equal((await ann.ask("session"))[0].gap, "expired");
});

test("something it missed is no longer kept: it begins anew", { timeout: 60_000 }, async () => {
  const cluster = await Cluster.start({ brokerFlags: ["--retention=/:room=events:10"] });
  const ann = await cluster.client(0);
  const ben = await cluster.client(1);
  await ann.ask("join", "room");
  await ann.drop();
  for (let i = 0; i < 300; ++i) ben.socket.emit("emit", { to: ["room"] }, "n", i);
  await ben.ask("emit", { to: ["room"] }, "n", 300);
  await ann.connect(1);
  if (!ann.socket.recovered) assert.equal((await ann.ask("session"))[0].gap, "retention");
  else assert.equal(ann.heard.filter(([event]) => event === "n").length, 301);
});

for (const skips of [false, true]) {
  test(`middlewares ${skips ? "are skipped" : "run again"}`, { timeout: 60_000 }, async () => {
    const cluster = await Cluster.start({
      nodeFlags: ["--recovery_window=1m", `--skip_middlewares=${skips}`],
    });
    const ann = await cluster.client(0);
    await ann.drop();
    await ann.connect(1);
    assert.deepEqual((await ann.ask("session"))[0], { recovered: true, gap: null, middlewares: skips ? 0 : 1 });
  });
}
