// The library, from outside: two clients of one server that runs alone, on one
// loop and on several, with the official client.
import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { Program, withTimeout } from "./cluster.mjs";
import { until } from "./until.mjs";

const kHere = fileURLToPath(new URL(".", import.meta.url));
const kBinaries = resolve(process.env.ROOMLOG_BIN ?? join(kHere, "../../bazel-bin"));
const kPatienceMs = 20_000;

const programs = [];
const sockets = [];

after(async () => {
  for (const socket of sockets) socket.disconnect();
  await Promise.all(programs.map((program) => program.kill()));
});

async function startServer(...flags) {
  const server = new Program("library_server", join(kBinaries, "test/e2e/library_server"), flags);
  programs.push(server);
  await server.start();
  return server;
}

// A client that notes all it hears, as [event, ...arguments].
async function connect(server, { path = "/", ...options } = {}) {
  const socket = io(new URL(path, server.address).href, {
    transports: ["websocket"], forceNew: true, ...options });
  sockets.push(socket);
  socket.heard = [];
  socket.onAny((...event) => socket.heard.push(event));
  await until(() => socket.connected, "a client to connect");
  await until(() => socket.heard.some(([event]) => event === "auth"), "the handlers");
  socket.heard.length = 0;
  return socket;
}

// Asks for something; resolves to what was answered, as a list.
function ask(socket, ...event) {
  return withTimeout(
    new Promise((done) => socket.emit(...event, (...answer) => done(answer))), kPatienceMs, event[0]);
}

const hears = (socket, count) =>
  until(() => socket.heard.length >= count, () => `${count} events; ${JSON.stringify(socket.heard)}`);

for (const threads of [1, 3]) {
  const loops = `${threads} ${threads === 1 ? "loop" : "loops"}`;
  const server = await startServer(`--threads=${threads}`);

  test(`${loops}: rooms, exceptions, and everybody but the sender`, async () => {
    const [ann, bob, eve] = await Promise.all([connect(server), connect(server), connect(server)]);
    await Promise.all([ask(ann, "join", "x"), ask(bob, "join", "x"), ask(bob, "join", "y")]);
    await ask(ann, "emit", { to: ["x", "y"] }, "both", 1, { deep: Buffer.from("bytes") });
    await ask(ann, "emit", { to: ["x"], broadcast: true }, "others");
    await ask(ann, "emit", { except: ["y"] }, "not y");
    await ask(ann, "emit", { to: [eve.id] }, "eve alone");
    await ask(ann, "emit", { volatile: true }, "volatile");
    await ask(ann, "emit", {}, "end");
    await Promise.all([hears(ann, 4), hears(bob, 4), hears(eve, 4)]);
    const both = ["both", 1, { deep: Buffer.from("bytes") }];
    assert.deepEqual(ann.heard, [both, ["not y"], ["volatile"], ["end"]]);
    assert.deepEqual(bob.heard, [both, ["others"], ["volatile"], ["end"]]);
    assert.deepEqual(eve.heard, [["not y"], ["eve alone"], ["volatile"], ["end"]]);
    assert.deepEqual(await ask(bob, "rooms"), [[bob.id, "x", "y"]]);
    await ask(bob, "leave", "x");
    assert.deepEqual(await ask(bob, "rooms"), [[bob.id, "y"]]);
    for (const socket of [ann, bob, eve]) socket.disconnect();
  });

  test(`${loops}: all hear one order`, async () => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(server)));
    await Promise.all(clients.map((client) => ask(client, "join", "order")));
    const count = 100;
    await Promise.all(clients.flatMap((client, i) => Array.from({ length: count }, (_, n) =>
      ask(client, "emit", { to: ["order"] }, "said", i, n))));
    await Promise.all(clients.map((client) => hears(client, count * clients.length)));
    for (const client of clients) {
      assert.deepEqual(client.heard, clients[0].heard);
      client.disconnect();
    }
  });

  test(`${loops}: acknowledgements of a broadcast`, async () => {
    const [ann, bob] = await Promise.all([connect(server), connect(server)]);
    await Promise.all([ask(ann, "join", "acks"), ask(bob, "join", "acks")]);
    ann.on("question", (n, done) => done(`ann ${n}`));
    bob.on("question", (n, done) => setTimeout(() => done(Buffer.from("bob")), 20));
    const [error, answers] = await ask(ann, "emit-with-ack", { to: ["acks"] }, "question", 7);
    assert.equal(error, "");
    assert.deepEqual(answers.filter((a) => typeof a === "string"), ["ann 7"]);
    assert.deepEqual(answers.filter((a) => typeof a !== "string"), [Buffer.from("bob")]);
    bob.off("question");
    assert.deepEqual(
      await ask(ann, "emit-with-ack", { to: ["acks"], timeout: 300 }, "question", 8),
      ["operation has timed out", ["ann 8"]]);
    assert.deepEqual(await ask(ann, "emit-with-ack", { to: ["nobody"] }, "question", 9), ["", []]);
    for (const socket of [ann, bob]) socket.disconnect();
  });

  test(`${loops}: the sockets of a room are found, joined, and disconnected`, async () => {
    const [ann, bob] = await Promise.all([
      connect(server), connect(server, { auth: { token: "bob's" } })]);
    await ask(bob, "join", "found");
    await ask(bob, "data", "name", "bob");
    const [error, found] = await ask(ann, "fetch", { to: ["found"] });
    assert.equal(error, "");
    assert.equal(found.length, 1);
    assert.equal(found[0].id, bob.id);
    assert.deepEqual(found[0].rooms, [bob.id, "found"]);
    assert.deepEqual(found[0].data, { node: "node", name: "bob" });
    assert.deepEqual(found[0].auth, { token: "bob's" });
    assert.match(found[0].url, /^\/socket\.io\/\?EIO=4/);

    await ask(ann, "sockets-join", { to: ["found"] }, ["joined"]);
    await until(async () => (await ask(bob, "rooms"))[0].includes("joined"), "bob to be joined");
    // What is said right after reaches who was joined.
    for (let i = 0; i < 20; ++i) ann.emit("join-and-emit", { to: [bob.id] }, `fresh${i}`, i);
    await hears(bob, 20);
    assert.deepEqual(bob.heard, Array.from({ length: 20 }, (_, i) => ["hello", i]));
    await ask(ann, "sockets-leave", { to: [bob.id] }, ["found"]);
    await until(async () => !(await ask(bob, "rooms"))[0].includes("found"), "bob to leave");

    const left = new Promise((done) => bob.once("disconnect", done));
    ann.emit("disconnect-sockets", { to: ["joined"] });
    assert.equal(await left, "io server disconnect");
    ann.disconnect();
  });

  test(`${loops}: history`, async () => {
    const ann = await connect(server);
    const room = `history${threads}`;
    for (let i = 0; i < 5; ++i) await ask(ann, "publish", room, "m", { i }, `id${i}`);
    const [, , duplicate] = await ask(ann, "publish", room, "m", "again", "id4");
    assert.equal(duplicate, true);
    const [refused, replayed] = await ask(ann, "join", room, { last: 3 });
    assert.equal(refused, null);
    assert.equal(replayed, 3);
    assert.deepEqual(ann.heard.map(([event, data, meta]) => [event, data, meta.id]),
      [2, 3, 4].map((i) => ["m", { i }, `id${i}`]));
    await ask(ann, "publish", room, "bin", Buffer.from("bytes"), "");
    await hears(ann, 4);
    assert.deepEqual(ann.heard[3][1], Buffer.from("bytes"));
    const [page] = await ask(ann, "history", room);
    assert.deepEqual(page.map(({ data }) => data.i), [4, 3, 2, 1, 0]);
    ann.disconnect();
  });
}

const server = await startServer("--ping_interval=10s");

test("the client is asked, and answers or does not", async () => {
  const ann = await connect(server);
  ann.on("question", (text, done) => {
    if (text === "answer me") done("yes", Buffer.from("bytes"));
  });
  assert.deepEqual(await ask(ann, "ask-me", 10_000, "answer me"), [null, ["yes", Buffer.from("bytes")]]);
  assert.deepEqual(await ask(ann, "ask-me", 100, "be silent"), ["operation has timed out"]);
  ann.disconnect();
});

for (const transports of [["polling"], ["polling", "websocket"]]) {
  test(`text and bytes by ${transports.join(", then ")}`, async () => {
    const ann = await connect(server, { transports });
    const args = [1, { deep: [Buffer.from([0, 255])] }, "\u00fc", Buffer.alloc(0)];
    for (let i = 0; i < 30; ++i) {
      assert.deepEqual(await ask(ann, "message-with-ack", i, ...args), [i, ...args]);
    }
    ann.emit("message", ...args);
    await hears(ann, 1);
    assert.deepEqual(ann.heard, [["message-back", ...args]]);
    assert.equal(ann.io.engine.transport.name, transports.at(-1));
    ann.disconnect();
  });
}

test("the handshake is there to read", async () => {
  const ann = await connect(server, {
    auth: { a: 1 }, query: { q: "x" }, extraHeaders: { "X-Test": "header" } });
  const [url, header, address, auth] = await ask(ann, "handshake");
  assert.match(url, /[?&]q=x/);
  assert.equal(header, "header");
  assert.equal(address, "127.0.0.1");
  assert.deepEqual(auth, { a: 1 });
  ann.disconnect();
});

test("middleware lets in, refuses, and takes its time", async () => {
  const refusal = (auth) => withTimeout(new Promise((done) => {
    const socket = io(new URL("/guarded", server.address).href, {
      transports: ["websocket"], forceNew: true, auth });
    sockets.push(socket);
    socket.once("connect_error", (error) => {
      done([error.message, error.data]);
      socket.disconnect();
    });
  }), kPatienceMs, "a refusal");
  assert.deepEqual(await refusal({ token: "plain" }), ["refused", undefined]);
  assert.deepEqual(await refusal({ token: "x" }), ["wrong token", { code: 401, token: "x" }]);
  assert.deepEqual(await refusal({ token: "throw" }), ["Internal error", undefined]);
  const socket = io(new URL("/guarded", server.address).href, {
    transports: ["websocket"], forceNew: true, auth: { token: "sesame" } });
  sockets.push(socket);
  const heard = [];
  socket.onAny((...event) => heard.push(event));
  await until(() => heard.length === 2, "the connection");
  assert.deepEqual(heard, [["before", "the connection"], ["auth", { token: "sesame" }]]);
  socket.disconnect();
});

test("namespaces that a pattern takes", async () => {
  const [one, two] = await Promise.all([
    connect(server, { path: "/dynamic-1" }), connect(server, { path: "/dynamic-2" })]);
  await ask(one, "emit", {}, "in the first");
  await hears(one, 1);
  assert.deepEqual(one.heard, [["in the first"]]);
  assert.deepEqual(two.heard, []);
  for (const socket of [one, two]) socket.disconnect();
});

test("handlers that throw or are slow hurt nobody, and are logged", async () => {
  const ann = await connect(server);
  ann.emit("throw");
  ann.emit("sleep");
  await ask(ann, "reserved");
  assert.deepEqual(await ask(ann, "message-with-ack", "still here"), ["still here"]);
  await until(() => server.log.length >= 3, "the log");
  assert.match(server.log.join("\n"), /the handler of "throw" in \/ threw: thrown on purpose/);
  assert.match(server.log.join("\n"), /the handler of "sleep" in \/ held up its loop for 3\d\d/);
  assert.match(server.log.join("\n"), /"connect" is a reserved event name/);
  ann.disconnect();
});

test("close-me ends the connection", async () => {
  const ann = await connect(server, { reconnection: false });
  const ended = new Promise((done) => ann.once("disconnect", done));
  ann.emit("close-me");
  assert.match(await ended, /^(io server disconnect|transport close)$/);
  const bob = await connect(server);
  assert.deepEqual(await ask(bob, "last-reason"), ["server namespace disconnect"]);
  bob.disconnect();
});
