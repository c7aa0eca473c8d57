// What hostile or unlucky clients do to the engine: only they notice, memory
// stays bounded, and no descriptor is left behind.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { WebSocket } from "ws";
import { EngineServer, kEngineUpgrade, within } from "./engine_server.mjs";
import { until } from "./until.mjs";

after(() => EngineServer.stopAll());

const kGrowthBytesMax = 64 << 20;

function descriptors(server) {
  return readdirSync(`/proc/${server.process.pid}/fd`).length;
}

function residentBytes(server) {
  const status = readFileSync(`/proc/${server.process.pid}/status`, "latin1");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1024;
}

function connect(server, bytes) {
  const socket = net.connect(server.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.gone = new Promise((done) => socket.on("close", done));
  socket.on("data", (data) => (socket.text = (socket.text ?? "") + data.toString("latin1")));
  if (bytes) socket.write(bytes);
  return socket;
}

const kHead = `GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n${Object.entries(
  kEngineUpgrade).map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
const kOpen = "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n";

// A client that must not notice anything.
class Witness {
  static async open(server, options) {
    const witness = new Witness();
    witness.socket = new WebSocket(
      `${server.url.replace("http", "ws")}/engine.io/?EIO=4&transport=websocket`, options);
    witness.answers = [];
    await within("open", new Promise((done) => witness.socket.once("message", done)));
    witness.socket.on("message", (data) => witness.answers.shift()?.(data.toString()));
    return witness;
  }

  async isUnharmed() {
    const answer = new Promise((done) => this.answers.push(done));
    this.socket.send("4still here");
    assert.equal(await within("an answer", answer), "4still here");
  }
}

test("10,000 connections opened and dropped, at every stage", { timeout: 180_000 }, async () => {
  const server = await EngineServer.start("--header_time=2s", "--threads=2");
  const witness = await Witness.open(server);
  const before = descriptors(server);
  const memory = residentBytes(server);
  const stages = ["", "GET /engine.io/?EI", kOpen, kHead, `${kHead}\x81\x85\0\0\0\x004hi`];
  for (let round = 0; round < 50; ++round) {
    const sockets = Array.from({ length: 200 }, (_, i) => connect(server, stages[i % stages.length]));
    await Promise.all(sockets.map((socket) => new Promise((done) => socket.once("connect", done))));
    for (const [i, socket] of sockets.entries()) {
      if (i % 2) socket.resetAndDestroy();
      else socket.destroy();
    }
    await Promise.all(sockets.map(({ gone }) => gone));
  }
  await witness.isUnharmed();
  // A few are the loops' own, opened when they are first needed.
  await until(() => descriptors(server) <= before + 10, "every descriptor is given back", 30_000);
  assert.ok(residentBytes(server) - memory < kGrowthBytesMax, "it has grown");
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
});

test("heads that come too slowly, or are too large", async () => {
  const server = await EngineServer.start("--header_time=300ms");
  const witness = await Witness.open(server);
  const slow = Array.from({ length: 100 }, () => connect(server, "GET / HTTP/1.1\r\nA: "));
  await within("slow heads are cut off", Promise.all(slow.map(({ gone }) => gone)));
  for (const bytes of [
    `GET /${"x".repeat(20_000)} HTTP/1.1\r\n\r\n`,
    `GET / HTTP/1.1\r\nA: ${"x".repeat(20_000)}\r\n\r\n`,
    `GET / HTTP/1.1\r\n${"A: b\r\n".repeat(5_000)}\r\n`,
  ]) {
    const socket = connect(server, bytes);
    await within("closed", socket.gone);
    assert.match(socket.text, /^HTTP\/1.1 431 /);
  }
  await witness.isUnharmed();
  await server.stop();
});

test("requests one behind the other on one connection", async () => {
  const server = await EngineServer.start();
  const socket = connect(server, kOpen.repeat(50));
  await until(() => socket.text?.split("HTTP/1.1 200").length === 51, "50 answers");
  // Whoever sends without end while nobody may answer is read up to a bound.
  const { sid } = JSON.parse(/0(\{.*?\})/.exec(socket.text)[1]);
  socket.write(kOpen.replace("polling", `polling&sid=${sid}`) + kOpen.repeat(20_000));
  const memory = residentBytes(server);
  await new Promise((done) => setTimeout(done, 300));
  assert.ok(residentBytes(server) - memory < 8 << 20, "it has read it all");
  socket.destroy();
  await server.stop();
});

test("a WebSocket that does not read costs a bounded buffer, then goes", { timeout: 60_000 }, async () => {
  const server = await EngineServer.start();
  const witness = await Witness.open(server);
  const memory = residentBytes(server);
  const deaf = await Witness.open(server);
  const closed = new Promise((done) => deaf.socket.on("close", done));
  deaf.socket.pause();
  const filler = `4${"x".repeat(100_000)}`;
  for (let i = 0; i < 500; ++i) deaf.socket.send(filler);
  await witness.isUnharmed();
  assert.ok(residentBytes(server) - memory < kGrowthBytesMax, "it has grown");
  deaf.socket.resume();
  await within("the deaf one is closed", closed);
  await witness.isUnharmed();
  await server.stop();
});

test("a poller that does not read costs a bounded buffer, then goes", async () => {
  const server = await EngineServer.start();
  const witness = await Witness.open(server);
  const first = connect(server, kOpen);
  await until(() => first.text?.includes('"sid"'), "the session");
  const { sid } = JSON.parse(/0(\{.*?\})/.exec(first.text)[1]);
  const memory = residentBytes(server);
  const path = `/engine.io/?EIO=4&transport=polling&sid=${sid}`;
  let answer;
  const body = `4${"x".repeat(900_000)}`;
  for (let i = 0; i < 20; ++i) {
    answer = await within("an answer", new Promise((done) => {
      http.request({ port: server.port, method: "POST", path }, async (res) => {
        for await (const _ of res);
        done(res.statusCode);
      }).on("error", () => done(0)).end(body);
    }));
    if (answer !== 200) break;
  }
  assert.ok(residentBytes(server) - memory < kGrowthBytesMax, "it has grown");
  await witness.isUnharmed();
  first.destroy();
  await server.stop();
});

test("half-open connections are noticed by the heartbeat", async () => {
  const server = await EngineServer.start("--ping_interval=200ms", "--ping_timeout=200ms");
  const before = descriptors(server);
  const silent = Array.from({ length: 50 }, () => connect(server, kHead));
  await within("they are cut off", Promise.all(silent.map(({ gone }) => gone)));
  await until(() => descriptors(server) <= before + 10, "descriptors");
  await server.stop();
});

test("one client more than there may be gets 503, on every transport", async () => {
  const server = await EngineServer.start("--clients_max=1", "--threads=2");
  const witness = await Witness.open(server);
  for (const bytes of [kOpen, kHead]) {
    const socket = connect(server, bytes);
    await until(() => socket.text, "an answer");
    assert.match(socket.text, /^HTTP\/1.1 503 /);
    socket.destroy();
  }
  await witness.isUnharmed();
  await server.stop();
});

test("a session's requests find it from any loop", async () => {
  const server = await EngineServer.start("--threads=4");
  for (let i = 0; i < 8; ++i) {
    const ask = (method, path, body) => within(`${method} ${path}`, new Promise((done, fail) => {
      http.request({ port: server.port, method, path, agent: false }, async (res) => {
        let text = "";
        for await (const chunk of res) text += chunk;
        done([res.statusCode, text]);
      }).on("error", fail).end(body);
    }));
    const [, opened] = await ask("GET", "/engine.io/?EIO=4&transport=polling");
    const path = `/engine.io/?EIO=4&transport=polling&sid=${JSON.parse(opened.slice(1)).sid}`;
    for (let j = 0; j < 5; ++j) {
      assert.deepEqual(await ask("POST", path, `4${i}-${j}`), [200, "ok"]);
      assert.deepEqual(await ask("GET", path), [200, `4${i}-${j}`]);
    }
    assert.deepEqual(await ask("POST", path, "1"), [200, "ok"]);
    assert.equal((await ask("GET", path))[0], 400);
  }
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
});

test("shutdown with polls, probes and WebSockets on several loops", async () => {
  const server = await EngineServer.start("--threads=3");
  const witnesses = await Promise.all(Array.from({ length: 9 }, () => Witness.open(server)));
  const closed = witnesses.map(({ socket }) => new Promise((done) => socket.on("close", done)));
  const polls = Array.from({ length: 9 }, () => connect(server, kOpen));
  await until(() => polls.every(({ text }) => text?.includes('"sid"')), "sessions");
  for (const socket of polls) {
    const { sid } = JSON.parse(/0(\{.*?\})/.exec(socket.text)[1]);
    socket.write(kOpen.replace("polling", `polling&sid=${sid}`));
  }
  await witnesses[0].isUnharmed();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  assert.deepEqual(await within("closed", Promise.all(closed)), Array(9).fill(1001));
  await within("polls are answered", Promise.all(polls.map((socket) => socket.gone)));
});

// ---- Options ----

test("compressed messages, for who takes them", async () => {
  const server = await EngineServer.start("--deflate");
  const witness = await Witness.open(server, { perMessageDeflate: { threshold: 0 } });
  assert.match(witness.socket.extensions, /permessage-deflate/);
  await witness.isUnharmed();
  for (const text of ["small", "x".repeat(100_000), "\u00fc".repeat(400_000)]) {
    const answer = new Promise((done) => witness.answers.push(done));
    const before = witness.socket._socket.bytesRead;
    witness.socket.send(`4${text}`);
    assert.equal(await within("an answer", answer), `4${text}`);
    if (text.length > 1024) assert.ok(witness.socket._socket.bytesRead - before < 10_000);
  }
  const closed = new Promise((done) => witness.socket.on("close", done));
  witness.socket.send(`4${"x".repeat(1_000_001)}`);
  assert.equal(await within("closed", closed), 1009);
  const plain = await Witness.open(server, { perMessageDeflate: false });
  await plain.isUnharmed();
  await server.stop();
});

function certificate(directory, name) {
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
    "-nodes", "-days", "2", "-subj", `/CN=${name}`, "-keyout", join(directory, "key.pem"),
    "-out", join(directory, "certificate.pem")], { stdio: "ignore" });
}

test("TLS: both transports, large messages, and a new certificate", async () => {
  const directory = mkdtempSync(join(tmpdir(), "roomlog-tls-"));
  try {
    certificate(directory, "first.example");
    const server = await EngineServer.start("--threads=2",
      `--certificate=${join(directory, "certificate.pem")}`, `--key=${join(directory, "key.pem")}`);
    assert.match(server.url, /^https:/);
    const trusting = { rejectUnauthorized: false };
    const witness = await Witness.open(server, trusting);
    await witness.isUnharmed();
    const large = `4${"x".repeat(900_000)}`;
    const answer = new Promise((done) => witness.answers.push(done));
    witness.socket.send(large);
    assert.equal(await within("an answer", answer), large);
    const ask = (method, path, body) => within(`${method} ${path}`, new Promise((done, fail) => {
      https.request({ port: server.port, method, path, ...trusting }, async (res) => {
        let text = "";
        for await (const chunk of res) text += chunk;
        done([res.statusCode, text]);
      }).on("error", fail).end(body);
    }));
    const [, opened] = await ask("GET", "/engine.io/?EIO=4&transport=polling");
    const path = `/engine.io/?EIO=4&transport=polling&sid=${JSON.parse(opened.slice(1)).sid}`;
    assert.deepEqual(await ask("POST", path, large), [200, "ok"]);
    assert.deepEqual(await ask("GET", path), [200, large]);

    const subject = () => witnessSubject(server);
    assert.equal(await subject(), "first.example");
    writeFileSync(join(directory, "key.pem"), "no key");
    server.process.kill("SIGHUP");
    await witness.isUnharmed();
    assert.equal(await subject(), "first.example");
    certificate(directory, "second.example");
    server.process.kill("SIGHUP");
    await until(async () => (await subject()) === "second.example", "the new certificate");
    await witness.isUnharmed();
    const plain = connect(server, kOpen); // Not TLS: it is cut off, no other notices.
    await within("closed", plain.gone);
    await witness.isUnharmed();
    await server.stop();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

async function witnessSubject(server) {
  const { connect: tlsConnect } = await import("node:tls");
  return within("TLS", new Promise((done, fail) => {
    const socket = tlsConnect({ port: server.port, rejectUnauthorized: false }, () => {
      done(socket.getPeerCertificate().subject.CN);
      socket.destroy();
    });
    socket.on("error", fail);
  }));
}

test("the client bundle, with its tag", async () => {
  const directory = mkdtempSync(join(tmpdir(), "roomlog-client-"));
  try {
    writeFileSync(join(directory, "socket.io.min.js"), "let client;");
    writeFileSync(join(directory, "socket.io.min.js.map"), "{}");
    writeFileSync(join(directory, "other.js"), "let other;");
    const server = await EngineServer.start(`--client_directory=${directory}`);
    const get = async (name, headers) => {
      const answer = await fetch(`${server.url}/engine.io/${name}`, { headers });
      return { status: answer.status, headers: answer.headers, text: await answer.text() };
    };
    const first = await get("socket.io.min.js");
    assert.deepEqual([first.status, first.text], [200, "let client;"]);
    assert.equal(first.headers.get("content-type"), "text/javascript; charset=UTF-8");
    const again = await get("socket.io.min.js", { "If-None-Match": first.headers.get("etag") });
    assert.equal(again.status, 304);
    assert.equal((await get("socket.io.min.js.map")).status, 200);
    assert.equal((await get("socket.io.js")).status, 404);
    assert.equal((await get("other.js")).status, 400); // Engine.IO: no transport.
    await server.stop();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
