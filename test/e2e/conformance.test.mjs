// Whether the server speaks Engine.IO 4 and Socket.IO 5 as the official one does,
// malformed input included: raw frames by `ws`, and the official client. The
// tables are the golden table of the official server's behaviour, row by row.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { WebSocket } from "ws";

const kHere = fileURLToPath(new URL(".", import.meta.url));
const kBinaries = resolve(kHere, process.env.ROOMLOG_BIN ?? "../../bazel-bin");
const kPatienceMs = 20_000;

// ---- What the tests stand on ----

const servers = [];
const officials = [];

class EchoServer {
  static program = "examples/echo_server";

  static async start(...flags) {
    const server = new this();
    server.process = spawn(join(kBinaries, this.program), flags, {
      stdio: ["ignore", "pipe", "inherit"],
    });
    servers.push(server);
    server.ended = new Promise((done) =>
      server.process.once("exit", (code, signal) => done({ code, signal })));
    server.url = await within("the server listens", new Promise((done, fail) => {
      let text = "";
      server.process.stdout.on("data", (chunk) => {
        text += chunk;
        const match = /listening on (\S+)$/m.exec(text);
        if (match) done(match[1]);
      });
      server.ended.then(() => fail(new Error("the server ended at once")));
    }));
    server.port = Number(new URL(server.url).port);
    return server;
  }

  async stop() {
    this.process.kill("SIGTERM");
    return within("the server ends", this.ended);
  }
}

// The same, with more that can be asked of it.
class LibraryServer extends EchoServer {
  static program = "test/e2e/library_server";
}

// Whatever failed: nothing is left running.
after(() => {
  for (const socket of officials) socket.disconnect();
  for (const server of servers) server.process.kill("SIGKILL");
});

function within(what, promise) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not in time: ${what}`)), kPatienceMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// A WebSocket without a Socket.IO client on it.
class RawClient {
  constructor(server, query = "?EIO=4&transport=websocket") {
    this.received = [];
    this.waiting = [];
    this.socket = new WebSocket(`${server.url.replace("http", "ws")}/socket.io/${query}`);
    this.socket.on("message", (data, isBinary) => {
      this.received.push(isBinary ? data : data.toString());
      this.waiting.shift()?.();
    });
    this.closed = new Promise((done) => this.socket.on("close", (code) => done(code)));
    this.socket.on("error", (error) => (this.error = error));
  }

  // The next packet.
  async next() {
    if (this.received.length === 0) {
      await within("a packet", Promise.race([
        new Promise((done) => this.waiting.push(done)),
        this.closed.then((code) => assert.fail(`closed (${code}) instead of a packet`)),
      ]));
    }
    return this.received.shift();
  }

  send(...packets) {
    for (const packet of packets) this.socket.send(packet);
  }

  // Sends packets, and checks that the connection is still there after them and
  // that nothing was said to them.
  async sendIgnored(...packets) {
    this.send(...packets, '4242["message-with-ack","still here"]');
    assert.equal(await this.next(), '4342["still here"]');
  }

  closeCode() {
    return within("the connection closes", this.closed);
  }

  close() {
    this.socket.close();
    return this.closeCode();
  }

  static async open(server, query) {
    const client = new RawClient(server, query);
    client.handshake = await client.next();
    return client;
  }

  // In the namespace "/".
  static async connect(server) {
    const client = await RawClient.open(server);
    client.send("40");
    assert.match(await client.next(), /^40\{"sid":"[\w-]{20}"\}$/);
    assert.equal(await client.next(), '42["auth",{}]');
    return client;
  }
}

async function lastDisconnectReason(server) {
  const client = await RawClient.connect(server);
  const reason = await lastDisconnectReasonBy(client);
  await client.close();
  return reason;
}

// Who asks again and again does so by one client, whose own end is no reason.
async function lastDisconnectReasonBy(client) {
  client.send('421["last-reason"]');
  const [reason] = JSON.parse((await client.next()).slice("431".length));
  return reason;
}

function request(server, method, path, headers = {}, agent = undefined) {
  return within(`${method} ${path}`, new Promise((done, fail) => {
    const req = http.request({ port: server.port, method, path, headers, agent }, async (res) => {
      let body = "";
      for await (const chunk of res) body += chunk;
      done({ status: res.statusCode, headers: res.headers, body });
    });
    req.on("upgrade", (res, socket) => {
      socket.destroy();
      done({ status: res.statusCode, headers: res.headers, body: "" });
    });
    req.on("error", fail);
    req.end();
  }));
}

const kUpgrade = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

// What comes back for these bytes until the server closes.
function exchange(server, bytes) {
  return within("the server closes", new Promise((done) => {
    const socket = net.connect(server.port, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => (text += chunk));
    socket.on("error", () => {});
    socket.on("close", () => done(text));
    if (bytes) socket.write(bytes);
  }));
}

// Bytes that look random, the same in each run.
function noise(seed, size) {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; ++i) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    bytes[i] = seed >>> 24;
  }
  return bytes;
}

const main = await EchoServer.start("--namespaces=/,/custom");

// ---- Engine.IO ----

test("the open packet has exactly five keys", async () => {
  const client = await RawClient.open(main);
  assert.equal(client.handshake[0], "0");
  const open = JSON.parse(client.handshake.slice(1));
  assert.match(open.sid, /^[\w-]{20}$/);
  delete open.sid;
  assert.deepEqual(open, {
    upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1000000,
  });
  await client.close();
});

for (const [query, message] of [
  ["", "Transport unknown"],
  ["?EIO=4", "Transport unknown"],
  ["?EIO=4&transport=abc", "Transport unknown"],
  ["?EIO=4&transport=websocket&sid=abc", "Session ID unknown"],
  ["?transport=websocket", "Unsupported protocol version"],
  ["?EIO=3&transport=websocket", "Unsupported protocol version"],
  ["?EIO=abc&transport=websocket", "Unsupported protocol version"],
]) {
  test(`an upgrade with "${query}" is refused: ${message}`, async () => {
    const answer = await request(main, "GET", `/socket.io/${query}`, kUpgrade);
    assert.equal(answer.status, 400);
    assert.equal(answer.headers["content-type"], "text/html");
    assert.equal(answer.body, message);
  });
}

for (const [method, query, code, message] of [
  ["GET", "", 0, "Transport unknown"],
  ["POST", "?EIO=4&transport=polling", 2, "Bad handshake method"],
  ["GET", "?EIO=4&transport=webtransport", 0, "Transport unknown"],
  ["GET", "?EIO=4&transport=websocket&sid=abc", 1, "Session ID unknown"],
  ["POST", "?EIO=4&transport=websocket", 2, "Bad handshake method"],
  ["OPTIONS", "?EIO=4&transport=websocket", 2, "Bad handshake method"],
  ["GET", "?EIO=4&transport=websocket", 3, "Bad request"],
]) {
  test(`${method} "${query}" is refused with code ${code}`, async () => {
    const answer = await request(main, method, `/socket.io/${query}`);
    assert.equal(answer.status, 400);
    assert.equal(answer.headers["content-type"], "application/json");
    assert.deepEqual(JSON.parse(answer.body), { code, message });
  });
}

test("a session that speaks WebSocket cannot be upgraded", async () => {
  const client = await RawClient.open(main);
  const { sid } = JSON.parse(client.handshake.slice(1));
  const second = new RawClient(main, `?EIO=4&transport=websocket&sid=${sid}`);
  assert.equal(await second.closeCode(), 1005);
  client.send("40");
  assert.match(await client.next(), /^40/);
  await client.close();
});

test("an origin that is not allowed is refused", async () => {
  const server = await EchoServer.start("--origins=https://a.example");
  const from = (Origin) => request(
    server, "GET", "/socket.io/?EIO=4&transport=websocket", { ...kUpgrade, Origin });
  assert.equal((await from("https://a.example")).status, 101);
  const answer = await from("https://b.example");
  assert.equal(answer.status, 400);
  assert.equal(answer.body, "pages of this origin may not connect here");
  await server.stop();
});

test("one client more than there may be gets 503", async () => {
  const server = await EchoServer.start("--clients_max=1");
  const first = await RawClient.open(server);
  const target = "/socket.io/?EIO=4&transport=websocket";
  assert.equal((await request(server, "GET", target, kUpgrade)).status, 503);
  await first.close();
  const second = await RawClient.open(server);
  await second.close();
  await server.stop();
});

for (const path of ["/socket.io", "/socket.io?EIO=4&transport=websocket", "/engine.io/", "/"]) {
  test(`${path} is not ours`, async () => {
    assert.equal((await request(main, "GET", path)).status, 404);
  });
}

test("heartbeat: a ping after each interval, and the end without a pong", async () => {
  const server = await LibraryServer.start("--ping_interval=300ms", "--ping_timeout=200ms");
  const client = await RawClient.connect(server);
  const began = performance.now();
  for (let i = 1; i <= 3; ++i) {
    assert.equal(await client.next(), "2");
    client.send("3");
  }
  assert.ok(performance.now() - began >= 3 * 300 - 100, "pinged too early");
  assert.equal(await client.next(), "2");
  const pinged = performance.now();
  assert.equal(await client.closeCode(), 1005);
  const waited = performance.now() - pinged;
  assert.ok(waited >= 150, `closed ${waited} ms after the ping`);
  assert.equal(await lastDisconnectReason(server), "ping timeout");
  await server.stop();
});

test("who joins no namespace in time is closed", async () => {
  const server = await EchoServer.start("--connect_timeout=300ms");
  const began = performance.now();
  const [idle, refused, joined] = await Promise.all([
    RawClient.open(server), RawClient.open(server), RawClient.connect(server)]);
  refused.send("3");
  assert.equal(await idle.closeCode(), 1005);
  assert.equal(await refused.closeCode(), 1005);
  assert.ok(performance.now() - began >= 250);
  await joined.sendIgnored();
  await joined.close();
  await server.stop();
});

for (const packet of ["", "2", "2probe", "7", "abc", "\x04"]) {
  test(`the Engine.IO packet ${JSON.stringify(packet)} closes`, async () => {
    const client = await RawClient.connect(main);
    client.send(packet);
    assert.equal(await client.closeCode(), 1005);
  });
}

for (const packet of ["3", "3probe", "5", "6", "0"]) {
  test(`the Engine.IO packet ${JSON.stringify(packet)} is ignored`, async () => {
    const client = await RawClient.connect(main);
    await client.sendIgnored(packet);
    await client.close();
  });
}

test("a client's close packet closes", async () => {
  const client = await RawClient.connect(main);
  client.send("1");
  assert.equal(await client.closeCode(), 1005);
});

// ---- Socket.IO ----

for (const packet of [
  '42["x"]', "43[]", "41", "4abc", "4", "40[]", '40"s"', "40null", "2probe",
  "44{}", "40{", "49",
]) {
  test(`first ${packet} closes`, async () => {
    const client = await RawClient.open(main);
    client.send(packet);
    assert.equal(await client.closeCode(), 1005);
    assert.deepEqual(client.received, []);
  });
}

for (const packet of [
  "40", '44{"message":"x"}', "49", "4", '42/custom,["x"]', "41/custom,",
  "42{}", "42[]", "42[null]", "42[1,", '42["a"]x', '42["connect"]',
  '42["connect_error"]', '42["disconnect"]', '42["disconnecting"]',
  '42["newListener"]', '42["removeListener"]', '41["x"]',
  "42", "421", // Accepted without an event there; closing is the safer choice.
  "43", "43{}",
  '4299999999999999999999["e"]', // An id beyond what JavaScript counts.
  '450-["x"]', "4511-[]", "45x-[]", "45[]", '451-["connect"]', "451-{}", "460-[]", Buffer.from("binary with no header"),
]) {
  test(`then ${packet} closes`, async () => {
    const client = await RawClient.connect(main);
    client.send(packet);
    assert.equal(await client.closeCode(), 1005);
  });
}

for (const packet of [
  '42["error"]', "42[1]", "4399[]", "43[]", '42["x",{"_placeholder":true}]',
]) {
  test(`then ${packet} is taken, or ignored`, async () => {
    const client = await RawClient.connect(main);
    await client.sendIgnored(packet);
    await client.close();
  });
}

for (const [packet, answer] of [
  ["40/nope,", '44/nope,{"message":"Invalid namespace"}'],
  ["40/__proto__,", '44/__proto__,{"message":"Invalid namespace"}'],
  ["40/custom?a=b,", '44/custom?a=b,{"message":"Invalid namespace"}'],
  ['42007["message-with-ack",1]', "437[1]"],
  ['420["message-with-ack"]', "430[]"],
  ['429007199254740991["message-with-ack"]', "439007199254740991[]"],
  ['42["message",{"_placeholder":true,"num":0}]',
    '42["message-back",{"_placeholder":true,"num":0}]'],
  ['42["message","\ud83d\ude00 \u00fc"]', '42["message-back","\ud83d\ude00 \u00fc"]'],
  // `ws` sends a lone surrogate as U+FFFD; as an escape it is passed on.
  ['42["message","\ud83d"]', '42["message-back","\ufffd"]'],
  [String.raw`42["message","\ud83d"]`, '42["message-back","\ufffd"]'],
  // Numbers as JavaScript writes those that it read.
  ['42["message",100000000000000000000,1e400]', '42["message-back",100000000000000000000,null]'],
  ['42["message", 1.0 , -0, 1e21, 1E-7, 0.1 ]', '42["message-back",1,0,1e+21,1e-7,0.1]'],
  ['42["message",{"b":1,"a":{"10":2,"2":3}}]', '42["message-back",{"b":1,"a":{"10":2,"2":3}}]'],
]) {
  test(`then ${packet} gets ${answer}`, async () => {
    const client = await RawClient.connect(main);
    client.send(packet);
    assert.equal(await client.next(), answer);
    await client.sendIgnored();
    await client.close();
  });
}

// Packets with attachments: a text is a message as it is, a Buffer is a binary one.
const kOne = '{"_placeholder":true,"num":0}';
const kTwo = '{"_placeholder":true,"num":1}';
for (const [name, packets] of [
  ["text in place of an attachment", [`451-["x",${kOne}]`, '42["y"]']],
  ["a CONNECT in place of an attachment", [`451-["x",${kOne}]`, "40/custom"]],
  ["an attachment too many", [`451-["message",${kOne}]`, Buffer.from("a"), Buffer.from("b")]],
  ["a placeholder beyond the attachments", [`451-["x",${kTwo}]`, Buffer.from("a")]],
  ["a placeholder below them", ['451-["x",{"_placeholder":true,"num":-1}]', Buffer.from("a")]],
  ["a placeholder with a number as text", ['451-["x",{"_placeholder":true,"num":"0"}]', Buffer.from("a")]],
  ["a placeholder without a number", ['451-["x",{"_placeholder":true}]', Buffer.from("a")]],
  ["an unknown namespace", [`451-/nope,["x",${kOne}]`, Buffer.from("a")]],
]) {
  test(`then ${name} closes`, async () => {
    const client = await RawClient.connect(main);
    client.send(...packets);
    assert.equal(await client.closeCode(), 1005);
  });
}

for (const [packets, answers] of [
  [[`451-["message",${kOne}]`, Buffer.from([0, 255])],
    [`451-["message-back",${kOne}]`, Buffer.from([0, 255])]],
  [[`451-7["message-with-ack",${kOne}]`, Buffer.from("a")], [`461-7[${kOne}]`, Buffer.from("a")]],
  // At any depth; told again in the order in which they stand.
  [[`452-["message",{"x":[${kTwo}]},${kOne},1]`, Buffer.from("a"), Buffer.from("b")],
    [`452-["message-back",{"x":[${kOne}]},${kTwo},1]`, Buffer.from("b"), Buffer.from("a")]],
  [[`451-["message",${kOne},${kOne}]`, Buffer.from("a")],
    [`452-["message-back",${kOne},${kTwo}]`, Buffer.from("a"), Buffer.from("a")]],
  [[`451-["message",1]`, Buffer.from("a")], ['42["message-back",1]']],
  [[`451-["message",${kOne}]`, Buffer.alloc(0)], [`451-["message-back",${kOne}]`, Buffer.alloc(0)]],
]) {
  test(`then ${packets[0]} with its attachments gets ${answers[0]}`, async () => {
    const client = await RawClient.connect(main);
    client.send(...packets);
    for (const answer of answers) assert.deepEqual(await client.next(), answer);
    await client.sendIgnored();
    await client.close();
  });
}

test("ten attachments are taken", async () => {
  const client = await RawClient.connect(main);
  const marks = Array.from({ length: 10 }, (_, num) => JSON.stringify({ _placeholder: true, num }));
  client.send(`4510-["message",${marks}]`, ...marks.map((_, i) => Buffer.from([i])));
  assert.equal(await client.next(), `4510-["message-back",${marks}]`);
  for (let i = 0; i < 10; ++i) assert.deepEqual(await client.next(), Buffer.from([i]));
  await client.close();
});

for (const [packet, answer] of [
  ["40/custom", '42/custom,["auth",{}]'],
  ["40/custom,", '42/custom,["auth",{}]'],
  ['40/custom,{"a":"b"}', '42/custom,["auth",{"a":"b"}]'],
]) {
  test(`first ${packet} joins the namespace`, async () => {
    const client = await RawClient.open(main);
    client.send(packet);
    assert.match(await client.next(), /^40\/custom,\{"sid":"[\w-]{20}"\}$/);
    assert.equal(await client.next(), answer);
    client.send('42/custom,5["message-with-ack",1]');
    assert.equal(await client.next(), "43/custom,5[1]");
    await client.close();
  });
}

test("leaving a namespace leaves the connection", async () => {
  const server = await EchoServer.start("--ping_interval=300ms", "--ping_timeout=10s");
  const client = await RawClient.connect(server);
  client.send("41");
  assert.equal(await client.next(), "2");
  client.send("3", "40");
  assert.match(await client.next(), /^40\{"sid":/);
  await client.close();
  await server.stop();
});

test("the server disconnects a socket, not the connection", async () => {
  const server = await LibraryServer.start();
  const client = await RawClient.connect(server);
  client.send('42["leave-me"]');
  assert.equal(await client.next(), "41");
  client.send("40");
  assert.match(await client.next(), /^40\{"sid":/);
  await client.close();
  await server.stop();
});

test("disconnect reasons, word for word", async () => {
  const server = await LibraryServer.start();
  for (const [reason, end] of [
    ["transport close", (client) => client.close()],
    ["transport close", (client) => (client.socket.terminate(), client.closed)],
    ["transport close", (client) => (client.send("1"), client.closed)],
    ["transport error", (client) => (client.send("2"), client.closed)],
    ["transport error", (client) => (client.send("4".repeat(1_000_001)), client.closed)],
    ["parse error", (client) => (client.send("abc"), client.closed)],
    ["forced close", (client) => (client.send("49"), client.closed)],
    ["forced close", (client) => (client.send("40"), client.closed)],
    ["client namespace disconnect", async (client) => {
      client.send("41", "40");
      assert.match(await client.next(), /^40/);
    }],
    ["server namespace disconnect", async (client) => {
      client.send('42["leave-me"]');
      await client.next();
    }],
    ["forced server close", (client) => (client.send('42["flood"]'), client.closed)],
  ]) {
    const client = await RawClient.connect(server);
    await within(reason, end(client));
    assert.equal(await lastDisconnectReason(server), reason);
    client.socket.terminate();
  }
  await server.stop();
});

// ---- WebSocket ----

test("a message that is too large closes with 1009", async () => {
  const client = await RawClient.connect(main);
  client.send(`42["message","${"x".repeat(1_000_000)}"]`);
  assert.equal(await client.closeCode(), 1009);
});

test("the largest message there may be comes back", async () => {
  const client = await RawClient.connect(main);
  const filler = "x".repeat(1_000_000 - '42["message",""]'.length);
  client.send(`42["message","${filler}"]`);
  assert.equal(await client.next(), `42["message-back","${filler}"]`);
  await client.close();
});

test("fragments and WebSocket pings", async () => {
  const client = await RawClient.connect(main);
  const ponged = new Promise((done) => client.socket.on("pong", (data) => done(data.toString())));
  client.socket.send('42["mess', { fin: false });
  client.socket.ping("are you there");
  client.socket.send("age", { fin: false });
  client.socket.send('",1]', { fin: true });
  assert.equal(await client.next(), '42["message-back",1]');
  assert.equal(await within("a pong", ponged), "are you there");
  await client.close();
});

test("text that is not UTF-8 closes with 1007", async () => {
  const client = await RawClient.connect(main);
  client.socket.send(Buffer.from([0x34, 0x32, 0xff]), { binary: false });
  assert.equal(await client.closeCode(), 1007);
});

test("a client's close code comes back", async () => {
  const client = await RawClient.connect(main);
  client.socket.close(4321, "because");
  assert.equal(await client.closeCode(), 4321);
});

test("frames that came with the handshake are read", async () => {
  const text = await exchange(main, Buffer.concat([
    Buffer.from("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n" +
      Object.entries(kUpgrade).map(([name, value]) => `${name}: ${value}\r\n`).join("") + "\r\n"),
    Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30]), // "40"
    Buffer.from([0x88, 0x80, 0, 0, 0, 0]), // Close.
  ]));
  assert.match(text, /101 Switching Protocols/);
  assert.match(text, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
  assert.match(text, /40\{"sid":"/);
});

test("an unmasked frame closes with 1002", async () => {
  const client = await RawClient.connect(main);
  client.socket._socket.write(Buffer.from([0x81, 0x01, 0x33]));
  assert.equal(await client.closeCode(), 1002);
});

test("ten thousand messages come back in order", async () => {
  const client = await RawClient.connect(main);
  const count = 10_000;
  for (let i = 0; i < count; ++i) client.send(`42["message",${i}]`);
  for (let i = 0; i < count; ++i) assert.equal(await client.next(), `42["message-back",${i}]`);
  await client.close();
});

test("a client that does not read is closed, and no other notices", async () => {
  const server = await LibraryServer.start();
  const deaf = await RawClient.connect(server);
  const other = await RawClient.connect(server);
  deaf.socket.pause();
  const filler = "x".repeat(100_000);
  // More than the kernel may hold for both ends.
  for (let i = 0; i < 1000; ++i) deaf.send(`42["message","${filler}"]`);
  await other.sendIgnored();
  while ((await lastDisconnectReasonBy(other)) !== "forced server close") {
    await other.sendIgnored();
  }
  deaf.socket.terminate();
  await other.close();
  await server.stop();
});

test("hostile bytes close that connection only", async () => {
  const server = await EchoServer.start("--header_time=1s");
  const witness = await RawClient.connect(server);
  const hostile = [];
  for (let i = 0; i < 100; ++i) hostile.push(exchange(server, noise(i, 1 + i * 20)));
  for (let i = 0; i < 100; ++i) {
    hostile.push((async () => {
      const client = await RawClient.connect(server);
      client.socket._socket.write(noise(i, 1 + i * 20));
      // What begins like a frame may wait for more.
      client.socket._socket.end();
      await client.closeCode();
    })());
  }
  await Promise.all(hostile);
  await witness.sendIgnored();
  await witness.close();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
});

// ---- HTTP ----

test("a head that comes too slowly is closed", async () => {
  const server = await EchoServer.start("--header_time=300ms");
  const began = performance.now();
  await Promise.all([exchange(server, ""), exchange(server, "GET / HTTP/1.1\r\nHost: x\r\n")]);
  assert.ok(performance.now() - began >= 290);
  await server.stop();
});

test("a head that is too large is refused", async () => {
  const line = `X-Filler: ${"x".repeat(1000)}\r\n`;
  const text = await exchange(main, `GET / HTTP/1.1\r\nHost: x\r\n${line.repeat(40)}\r\n`);
  assert.match(text, /^HTTP\/1.1 431 /);
});

test("what is not HTTP is refused", async () => {
  assert.match(await exchange(main, "hello\r\n\r\n"), /^HTTP\/1.1 400 /);
  assert.match(await exchange(main, "GET / HTTP/1.1\r\nNo colon\r\n\r\n"), /^HTTP\/1.1 400 /);
});

test("a request with a body is the last on its connection", async () => {
  const text = await exchange(
    main, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n      ");
  assert.equal(text.match(/HTTP\/1.1 /g).length, 1);
  assert.match(text, /connection: close/i);
});

test("health is told", async () => {
  const answer = await request(main, "GET", "/healthz");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(answer.body), { ok: true });
  assert.equal((await request(main, "POST", "/healthz")).status, 405);
});

test("static files", async () => {
  const top = mkdtempSync(join(tmpdir(), "roomlog-static-"));
  const root = join(top, "root");
  mkdirSync(root);
  writeFileSync(join(root, "index.html"), "<p>home");
  const large = "0123456789".repeat(300_000);
  writeFileSync(join(root, "large.txt"), large);
  writeFileSync(join(top, "secret.txt"), "secret");
  symlinkSync("../secret.txt", join(root, "link.txt"));
  const server = await EchoServer.start(`--static=${root}`);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const get = (path, headers) => request(server, "GET", path, headers, agent);
  try {
    const home = await get("/");
    assert.equal(home.status, 200);
    assert.equal(home.body, "<p>home");
    assert.equal(home.headers["content-type"], "text/html; charset=UTF-8");
    assert.equal(home.headers["x-content-type-options"], "nosniff");
    const { etag } = home.headers;
    assert.ok(etag);

    const again = await get("/", { "If-None-Match": etag });
    assert.equal(again.status, 304);
    assert.equal(again.headers.etag, etag);
    assert.equal(again.body, "");

    const head = await request(server, "HEAD", "/large.txt", {}, agent);
    assert.equal(head.status, 200);
    assert.equal(head.headers["content-length"], String(large.length));
    assert.equal((await get("/large.txt")).body, large);

    for (const path of ["/none", "/link.txt", "/../secret.txt", "/%2e%2e/secret.txt"]) {
      assert.equal((await get(path)).status, 404, path);
    }
    const post = await request(server, "POST", "/");
    assert.equal(post.status, 405);
    assert.equal(post.headers.allow, "GET, HEAD");
  } finally {
    agent.destroy();
    await server.stop();
    rmSync(top, { recursive: true });
  }
});

// ---- The official client ----

function official(server, path = "", options = {}) {
  const socket = io(server.url + path, { transports: ["websocket"], forceNew: true, ...options });
  officials.push(socket);
  return socket;
}

function once(emitter, event) {
  return within(event, new Promise((done) => emitter.once(event, (...args) => done(args))));
}

test("official client: events, acknowledgements, auth, namespaces", async () => {
  const socket = official(main, "", { auth: { token: "abc" } });
  assert.deepEqual(await once(socket, "auth"), [{ token: "abc" }]);
  assert.match(socket.id, /^[\w-]{20}$/);
  const back = once(socket, "message-back");
  const args = [1, "2", { "3": [true, null, "\u00fc\n\"\\"] }];
  socket.emit("message", ...args);
  assert.deepEqual(await back, args);
  assert.deepEqual(await socket.timeout(kPatienceMs).emitWithAck("message-with-ack", [1, 2]), [1, 2]);

  const custom = socket.io.socket("/custom");
  await once(custom, "connect");
  assert.notEqual(custom.id, socket.id);
  const left = once(custom, "disconnect");
  custom.disconnect();
  assert.equal((await left)[0], "io client disconnect");
  assert.equal(await socket.timeout(kPatienceMs).emitWithAck("message-with-ack", "x"), "x");
  socket.disconnect();
});

test("official client: bytes, both ways", async () => {
  const socket = official(main);
  const args = [Buffer.from([1, 2, 3]), { deep: [{ bytes: Buffer.from("x") }, null] }, "text"];
  const back = once(socket, "message-back");
  socket.emit("message", ...args);
  assert.deepEqual(await back, args);
  const answer = new Promise((done) =>
    socket.emit("message-with-ack", ...args, (...parts) => done(parts)));
  assert.deepEqual(await within("an answer", answer), args);
  socket.disconnect();
});

test("official client: a namespace that does not exist", async () => {
  const socket = official(main, "/nope");
  const [error] = await once(socket, "connect_error");
  assert.equal(error.message, "Invalid namespace");
  socket.disconnect();
});

test("official client: the server disconnects it, and it comes back", async () => {
  const server = await LibraryServer.start();
  const socket = official(server);
  await once(socket, "connect");
  const left = once(socket, "disconnect");
  socket.emit("leave-me");
  assert.equal((await left)[0], "io server disconnect");
  const first = socket.id;
  socket.connect();
  await once(socket, "connect");
  assert.notEqual(socket.id, first);
  socket.disconnect();
  await server.stop();
});

test("official client: the heartbeat keeps it", async () => {
  const server = await EchoServer.start("--ping_interval=50ms", "--ping_timeout=5s");
  const socket = official(server);
  await once(socket, "connect");
  let pings = 0;
  await within("ten pings", new Promise((done) =>
    socket.io.on("ping", () => ++pings === 10 && done())));
  assert.ok(socket.connected);
  socket.disconnect();
  await server.stop();
});

test("shutdown: clients are told, and who does not answer is cut off", async () => {
  const server = await EchoServer.start();
  const socket = official(server, "", { reconnection: false });
  await once(socket, "connect");
  const raw = await RawClient.connect(server);
  const deaf = await RawClient.connect(server);
  deaf.socket.pause();
  const silent = net.connect(server.port, "127.0.0.1");
  await once(silent, "connect");
  silent.on("error", () => {});
  const left = once(socket, "disconnect");
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  assert.equal((await left)[0], "transport close");
  assert.equal(await raw.closeCode(), 1001);
  deaf.socket.terminate();
  silent.destroy();
});
