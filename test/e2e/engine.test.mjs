// Whether the engine speaks Engine.IO 4 as the official server does, by polling
// and by WebSocket: raw requests, the engine's rows of the golden table, and the
// official client over each transport.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync, inflateSync } from "node:zlib";
import { Socket as OfficialSocket } from "engine.io-client";
import { WebSocket } from "ws";
import { EngineServer, kEngineUpgrade, within } from "./engine_server.mjs";

after(() => EngineServer.stopAll());

const main = await EngineServer.start();
// A busy machine may keep this process waiting for longer than 200 ms.
const quick = await EngineServer.start("--ping_interval=300ms", "--ping_timeout=1s");

// ---- What the tests stand on ----

function request(server, method, path, { headers = {}, body, signal, agent } = {}) {
  return within(`${method} ${path}`, new Promise((done, fail) => {
    const req = http.request({ port: server.port, method, path, headers, signal, agent }, async (res) => {
      const chunks = [];
      for await (const chunk of res) chunks.push(chunk);
      const raw = Buffer.concat(chunks);
      done({ status: res.statusCode, headers: res.headers, raw, body: raw.toString() });
    });
    req.on("error", fail);
    req.end(body);
  }));
}

const kPolling = "/engine.io/?EIO=4&transport=polling";

class Poller {
  static async open(server, query = "") {
    const poller = new Poller();
    poller.server = server;
    poller.answer = await request(server, "GET", kPolling + query);
    assert.equal(poller.answer.status, 200, poller.answer.body);
    poller.open = JSON.parse(poller.answer.body.slice(1));
    poller.sid = poller.open.sid;
    poller.path = `${kPolling}&sid=${poller.sid}`;
    return poller;
  }

  poll(options) {
    return request(this.server, "GET", this.path, options);
  }

  post(body, headers = { "Content-Type": "text/plain;charset=UTF-8" }) {
    return request(this.server, "POST", this.path, { body, headers });
  }

  // What a session gets that is no more.
  async isGone() {
    const answer = await this.poll();
    assert.equal(answer.status, 400);
    assert.deepEqual(JSON.parse(answer.body), { code: 1, message: "Session ID unknown" });
  }

  async isAlive() {
    assert.equal((await this.post("4alive")).body, "ok");
    assert.match((await this.poll()).body, /4alive$/);
  }

  webSocket(query = "") {
    return new Raw(this.server, `?EIO=4&transport=websocket&sid=${this.sid}${query}`);
  }

  async upgrade() {
    const raw = this.webSocket();
    await raw.opened;
    raw.send("2probe");
    assert.equal(await raw.next(), "3probe");
    return raw;
  }
}

class Raw {
  constructor(server, query = "?EIO=4&transport=websocket", options = {}) {
    this.received = [];
    this.waiting = [];
    this.socket = new WebSocket(`${server.url.replace("http", "ws")}/engine.io/${query}`, options);
    this.socket.on("message", (data, isBinary) => {
      this.received.push(isBinary ? data : data.toString());
      this.waiting.shift()?.();
    });
    this.opened = within("open", new Promise((done) => this.socket.on("open", done)));
    this.closed = new Promise((done) => this.socket.on("close", (code) => done(code)));
    this.socket.on("error", (error) => (this.error = error));
  }

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

  closeCode() {
    return within("the connection closes", this.closed);
  }

  async echoes(text = "4still here") {
    this.send(text);
    assert.equal(await this.next(), text);
  }

  close() {
    this.socket.close();
    return this.closeCode();
  }
}

// ---- Handshake ----

test("polling: the open packet has exactly five keys", async () => {
  const { open, answer } = await Poller.open(main);
  assert.match(open.sid, /^[\w-]{20}$/);
  delete open.sid;
  assert.deepEqual(open, {
    upgrades: ["websocket"], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1000000,
  });
  assert.equal(answer.headers["content-type"], "text/plain; charset=UTF-8");
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.equal(answer.headers["set-cookie"], undefined);
});

for (const [method, query, code, message] of [
  ["GET", "", 0, "Transport unknown"],
  ["GET", "?EIO=4&transport=abc", 0, "Transport unknown"],
  ["GET", "?EIO=4&transport=webtransport", 0, "Transport unknown"],
  ["POST", "?EIO=4&transport=polling", 2, "Bad handshake method"],
  ["OPTIONS", "?EIO=4&transport=polling", 2, "Bad handshake method"],
  ["GET", "?EIO=4&transport=polling&sid=abc", 1, "Session ID unknown"],
  ["GET", "?EIO=4&transport=polling&sid=__proto__", 1, "Session ID unknown"],
  ["POST", "?EIO=4&transport=polling&sid=abc", 1, "Session ID unknown"],
  ["GET", "?EIO=4&transport=websocket", 3, "Bad request"],
  ["GET", "?EIO=3&transport=polling", 5, "Unsupported protocol version"],
  ["GET", "?EIO=abc&transport=polling", 5, "Unsupported protocol version"],
  ["GET", "?transport=polling", 5, "Unsupported protocol version"],
]) {
  test(`${method} "${query}" is refused with code ${code}`, async () => {
    const answer = await request(main, method, `/engine.io/${query}`);
    assert.equal(answer.status, 400);
    assert.equal(answer.headers["content-type"], "application/json");
    assert.deepEqual(JSON.parse(answer.body), { code, message });
  });
}

for (const path of ["/engine.io", "/engine.io?EIO=4&transport=polling", "/", "/other/"]) {
  test(`${path} is not ours`, async () => {
    assert.equal((await request(main, "GET", path)).status, 404);
  });
}

test("what allow_request refuses", async () => {
  const server = await EngineServer.start("--forbid=evil");
  const answer = await request(server, "GET", kPolling, { headers: { "User-Agent": "evil" } });
  assert.equal(answer.status, 403);
  assert.deepEqual(JSON.parse(answer.body), { code: 4, message: "not you" });
  await Poller.open(server);
  await server.stop();
});

test("the cookie, with the first answer only", async () => {
  const server = await EngineServer.start("--cookie");
  const poller = await Poller.open(server);
  assert.deepEqual(poller.answer.headers["set-cookie"],
    [`io=${poller.sid}; Path=/; HttpOnly; SameSite=Lax`]);
  await poller.post("4x");
  assert.equal((await poller.poll()).headers["set-cookie"], undefined);
  const raw = new Raw(server);
  const headers = await new Promise((done) => raw.socket.on("upgrade", (res) => done(res.headers)));
  const { sid } = JSON.parse((await raw.next()).slice(1));
  assert.deepEqual(headers["set-cookie"], [`io=${sid}; Path=/; HttpOnly; SameSite=Lax`]);
  await raw.close();
  await server.stop();
});

test("CORS: preflight, answers, errors", async () => {
  const server = await EngineServer.start("--cors_origins=https://a.example");
  const from = (method, Origin, path = kPolling, headers = {}) =>
    request(server, method, path, { headers: { Origin, ...headers } });
  const preflight = await from("OPTIONS", "https://a.example", kPolling, {
    "Access-Control-Request-Headers": "x-one, x-two" });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers["content-length"], "0");
  assert.equal(preflight.headers["access-control-allow-origin"], "https://a.example");
  assert.equal(preflight.headers["access-control-allow-methods"], "GET,HEAD,PUT,PATCH,POST,DELETE");
  assert.equal(preflight.headers["access-control-allow-headers"], "x-one, x-two");
  assert.equal(preflight.headers["access-control-allow-credentials"], "true");
  assert.equal(preflight.headers.vary, "Origin, Access-Control-Request-Headers");
  const allowed = await from("GET", "https://a.example");
  assert.equal(allowed.status, 200);
  assert.equal(allowed.headers["access-control-allow-origin"], "https://a.example");
  assert.equal(allowed.headers.vary, "Origin");
  const error = await from("GET", "https://a.example", "/engine.io/");
  assert.equal(error.status, 400);
  assert.equal(error.headers["access-control-allow-origin"], "https://a.example");
  const other = await from("GET", "https://b.example");
  assert.equal(other.status, 200);
  assert.equal(other.headers["access-control-allow-origin"], undefined);
  const raw = new Raw(server, undefined, { origin: "https://b.example" });
  assert.match(await raw.next(), /^0/);
  await raw.close();
  await server.stop();
});

// ---- Polling ----

test("messages go both ways, several in one payload", async () => {
  const poller = await Poller.open(main);
  const answer = await poller.post("4hello\x1ebAQIDBA==\x1e4w\u00f6rld");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-type"], "text/html");
  assert.equal(answer.body, "ok");
  const poll = await poller.poll();
  assert.equal(poll.body, "4hello\x1ebAQIDBA==\x1e4w\u00f6rld");
  assert.equal(poll.headers["content-type"], "text/plain; charset=UTF-8");
  assert.equal(poll.headers["cache-control"], "no-store");
});

test("a pending poll is answered when there is something", async () => {
  const poller = await Poller.open(main);
  const poll = poller.poll();
  await poller.post("4later");
  assert.equal((await poll).body, "4later");
});

test("a body in chunks, and one that is announced", async () => {
  const poller = await Poller.open(main);
  const [answer] = await Promise.all([poller.post("4abc", { "Transfer-Encoding": "chunked" })]);
  assert.equal(answer.body, "ok");
  assert.equal((await poller.post("4def", { Expect: "100-continue" })).body, "ok");
  assert.equal((await poller.poll()).body, "4abc\x1e4def");
});

test("a second poll ends the session", async () => {
  const poller = await Poller.open(main);
  const first = poller.poll();
  await sleep(50);
  assert.equal((await poller.poll()).status, 400);
  const told = await first;
  assert.deepEqual([told.status, told.body], [200, "1"]);
  assert.equal((await poller.poll()).status, 400);
  await poller.isGone();
});

test("a second post ends the session", async () => {
  const poller = await Poller.open(main);
  const slow = net.connect(main.port, "127.0.0.1");
  slow.on("error", () => {});
  slow.write(`POST ${poller.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n4abc`);
  await sleep(50);
  const second = await poller.post("4abc");
  assert.deepEqual([second.status, second.body], [400, ""]);
  await poller.isGone();
  slow.destroy();
});

test("a poll that is cut off ends the session", async () => {
  const poller = await Poller.open(main);
  const abort = new AbortController();
  const poll = poller.poll({ signal: abort.signal });
  await sleep(50);
  abort.abort();
  await assert.rejects(poll);
  await sleep(50);
  await poller.isGone();
});

test("a post that is cut off ends the session", async () => {
  const poller = await Poller.open(main);
  const slow = net.connect(main.port, "127.0.0.1");
  slow.end(`POST ${poller.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n4abc`);
  await within("close", new Promise((done) => slow.on("close", done)));
  await poller.isGone();
});

test("the client's close: ok, and 6 for the pending poll", async () => {
  const poller = await Poller.open(main);
  const poll = poller.poll();
  await sleep(50);
  assert.equal((await poller.post("1")).body, "ok");
  const told = await poll;
  assert.deepEqual([told.status, told.body], [200, "6"]);
  await poller.isGone();
});

for (const [what, body] of [["abc", "abc"], ["nothing", ""], ["a ping", "2"], ["no UTF-8", Buffer.from([0x34, 0xff])]]) {
  test(`a post of ${what} is ok, and the end`, async () => {
    const poller = await Poller.open(main);
    const poll = poller.poll();
    await sleep(50);
    const answer = await poller.post(body);
    assert.deepEqual([answer.status, answer.body], [200, "ok"]);
    assert.equal((await poll).body, "1");
    await poller.isGone();
  });
}

test("a post of octets is refused, and the end", async () => {
  const poller = await Poller.open(main);
  const answer = await poller.post("4abc", { "Content-Type": "application/octet-stream" });
  assert.deepEqual([answer.status, answer.body], [400, ""]);
  await poller.isGone();
});

test("a post that is too large is refused; the session lives on", async () => {
  const poller = await Poller.open(main);
  const large = `4${"x".repeat(1_000_000)}`;
  for (const headers of [{}, { "Transfer-Encoding": "chunked" }]) {
    const answer = await poller.post(large, headers);
    assert.deepEqual([answer.status, answer.body], [413, ""]);
  }
  const largest = large.slice(0, 1_000_000);
  assert.equal((await poller.post(largest)).body, "ok");
  assert.equal((await poller.poll()).body, largest);
});

for (const method of ["PUT", "DELETE", "PATCH"]) {
  test(`${method} of a session is 500; the session lives on`, async () => {
    const poller = await Poller.open(main);
    const answer = await request(main, method, poller.path);
    assert.deepEqual([answer.status, answer.body], [500, ""]);
    await poller.isAlive();
  });
}

for (const [what, query] of [
  ["another version", "EIO=3&transport=polling"], ["another transport", "EIO=4&transport=websocket"]]) {
  test(`${what} than the session's is code 3; the session lives on`, async () => {
    const poller = await Poller.open(main);
    const answer = await request(main, "GET", `/engine.io/?${query}&sid=${poller.sid}`);
    assert.deepEqual(JSON.parse(answer.body), { code: 3, message: "Bad request" });
    await poller.isAlive();
  });
}

test("ignored packets", async () => {
  const poller = await Poller.open(main);
  await poller.post("3\x1e5\x1e6\x1e0\x1e3probe");
  await poller.isAlive();
});

for (const [coding, decode] of [["gzip", gunzipSync], ["deflate", inflateSync]]) {
  test(`a large answer is compressed: ${coding}`, async () => {
    const poller = await Poller.open(main);
    const large = `4${"abc".repeat(1000)}`;
    await poller.post(large);
    const answer = await poller.poll({ headers: { "Accept-Encoding": `br, ${coding}` } });
    assert.equal(answer.headers["content-encoding"], coding);
    assert.equal(decode(answer.raw).toString(), large);
    await poller.post("4small");
    const small = await poller.poll({ headers: { "Accept-Encoding": coding } });
    assert.equal(small.headers["content-encoding"], undefined);
    await poller.post(large);
    assert.equal((await poller.poll()).body, large);
  });
}

// ---- Heartbeat ----

test("polling: ping, pong, and the end without", async () => {
  const poller = await Poller.open(quick);
  for (let i = 0; i < 3; ++i) {
    assert.equal((await poller.poll()).body, "2");
    await poller.post("3");
  }
  assert.equal((await poller.poll()).body, "2");
  assert.equal((await poller.poll()).body, "1");
  await poller.isGone();
});

test("a poll after the deadline finds nothing", async () => {
  await Promise.all(Array.from({ length: 5 }, async () => {
    const poller = await Poller.open(quick);
    // At 1.3 s, or, if a busy machine has the ping come late, half of its timeout after it.
    await sleep(2500);
    await poller.isGone();
  }));
});

test("WebSocket: ping, pong, and the end without", async () => {
  const raw = new Raw(quick);
  assert.match(await raw.next(), /^0/);
  for (let i = 0; i < 3; ++i) {
    assert.equal(await raw.next(), "2");
    raw.send("3");
  }
  assert.equal(await raw.next(), "2");
  const pinged = performance.now();
  assert.equal(await raw.closeCode(), 1005);
  assert.ok(performance.now() - pinged > 150);
});

// ---- WebSocket ----

test("WebSocket: an open packet without upgrades, text and binary", async () => {
  const raw = new Raw(main);
  const open = JSON.parse((await raw.next()).slice(1));
  assert.deepEqual(open.upgrades, []);
  await raw.echoes();
  raw.send(Buffer.from([1, 2, 3]));
  assert.deepEqual(await raw.next(), Buffer.from([1, 2, 3]));
  await raw.close();
});

test("b64=1: binary comes as text", async () => {
  const raw = new Raw(main, "?EIO=4&transport=websocket&b64=1");
  await raw.next();
  raw.send(Buffer.from([1, 2, 3, 4]));
  assert.equal(await raw.next(), "bAQIDBA==");
  await raw.close();
});

for (const packet of ["", "2", "2probe", "abc", "7"]) {
  test(`WebSocket: the packet ${JSON.stringify(packet)} closes`, async () => {
    const raw = new Raw(main);
    await raw.next();
    raw.send(packet);
    assert.equal(await raw.closeCode(), 1005);
  });
}

test("WebSocket: ignored packets, and a message that is too large", async () => {
  const raw = new Raw(main);
  await raw.next();
  raw.send("3", "5", "6", "0");
  await raw.echoes();
  raw.send(`4${"x".repeat(1_000_000)}`);
  assert.equal(await raw.closeCode(), 1009);
});

for (const [query, message] of [
  ["?EIO=4&transport=abc", "Transport unknown"],
  ["?EIO=4&transport=websocket&sid=abc", "Session ID unknown"],
  ["?EIO=3&transport=websocket", "Unsupported protocol version"],
  ["?transport=websocket", "Unsupported protocol version"],
]) {
  test(`an upgrade with "${query}" is refused before it is one: ${message}`, async () => {
    const answer = await request(main, "GET", `/engine.io/${query}`, { headers: kEngineUpgrade });
    assert.equal(answer.status, 400);
    assert.equal(answer.headers["content-type"], "text/html");
    assert.equal(answer.body, message);
  });
}

test("an upgrade with transport=polling is closed once it is open", async () => {
  const raw = new Raw(main, "?EIO=4&transport=polling");
  await raw.opened;
  assert.equal(await raw.closeCode(), 1005);
});

// ---- The upgrade ----

test("an upgrade, with what was queued before it", async () => {
  const poller = await Poller.open(main);
  const raw = await poller.upgrade();
  await poller.post("4queued");
  raw.send("5");
  assert.equal(await raw.next(), "4queued");
  await raw.echoes();
  const answer = await poller.poll();
  assert.deepEqual([answer.status, JSON.parse(answer.body)],
    [400, { code: 3, message: "Bad request" }]);
  const again = poller.webSocket();
  assert.equal(await again.closeCode(), 1005);
  await raw.echoes();
  await raw.close();
});

test("a pending poll is let go while a WebSocket probes", async () => {
  const poller = await Poller.open(main);
  const poll = poller.poll();
  const began = performance.now();
  const raw = await poller.upgrade();
  assert.equal((await poll).body, "6");
  assert.ok(performance.now() - began < 1000);
  assert.equal((await poller.poll()).body, "6");
  raw.send("5");
  await raw.echoes();
  await raw.close();
});

test("5 and a poll on another connection, back to back", async () => {
  for (let i = 0; i < 20; ++i) {
    const poller = await Poller.open(main);
    const raw = await poller.upgrade();
    raw.send("5");
    await raw.echoes();
    assert.equal((await poller.poll()).status, 400);
    await raw.close();
  }
});

for (const first of ["4hello", "5", "2", "", Buffer.from([1])]) {
  test(`a probe that begins with ${JSON.stringify(first)} is closed; polling lives on`, async () => {
    const poller = await Poller.open(main);
    const raw = poller.webSocket();
    await raw.opened;
    raw.send(first);
    assert.equal(await raw.closeCode(), 1005);
    await poller.isAlive();
    const second = await poller.upgrade();
    await second.close();
    await poller.isAlive();
  });
}

test("one probe at a time", async () => {
  const poller = await Poller.open(main);
  const raw = await poller.upgrade();
  assert.equal(await poller.webSocket().closeCode(), 1005);
  raw.send("5");
  await raw.echoes();
  await raw.close();
});

test("a session that ends takes its probe along", async () => {
  const poller = await Poller.open(main);
  const raw = await poller.upgrade();
  await poller.post("1");
  assert.equal(await raw.closeCode(), 1005);
});

// ---- The official client ----

function official(server, transports) {
  return new OfficialSocket(server.url, { transports, path: "/engine.io" });
}

for (const [name, server] of [
  ["one loop", main], ["three loops", await EngineServer.start("--threads=3")]]) {
  for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
    test(`the official client, ${name}: ${transports.join(", ")}`, async () => {
      await Promise.all(Array.from({ length: 10 }, async (_, index) => {
        const socket = official(server, transports);
        await within("open", new Promise((done, fail) => {
          socket.on("open", done);
          socket.on("error", fail);
        }));
        const got = [];
        const all = new Promise((done) => socket.on("message", (data) => {
          got.push(data);
          if (got.length === 201) done();
        }));
        const upgraded = new Promise((done) => socket.on("upgrade", done));
        for (let i = 0; i < 100; ++i) socket.send(`${index}-${i}-\u00fc`);
        socket.send(Buffer.from([0, 1, 254, 255]));
        if (transports.length > 1) await within("upgrade", upgraded);
        for (let i = 100; i < 200; ++i) socket.send(`${index}-${i}-\u00fc`);
        await within("all messages", all);
        const texts = got.filter((data) => typeof data === "string");
        assert.deepEqual(texts, Array.from({ length: 200 }, (_, i) => `${index}-${i}-\u00fc`));
        assert.deepEqual([...new Uint8Array(got[100])], [0, 1, 254, 255]);
        const closed = new Promise((done) => socket.on("close", done));
        socket.close();
        await within("close", closed);
      }));
    });
  }
}

test("the official client: the heartbeat keeps it, by polling too", async () => {
  // Whoever answers no ping is gone after 2.3 s, so before the ninth.
  const server = await EngineServer.start("--ping_interval=300ms", "--ping_timeout=2s");
  await Promise.all([["polling"], ["websocket"], ["polling", "websocket"]].map(async (transports) => {
    const socket = official(server, transports);
    let pings = 0;
    await within("nine pings", new Promise((done, fail) => {
      socket.on("ping", () => ++pings === 9 && done());
      socket.on("close", fail);
    }));
    socket.off("close");
    socket.close();
  }));
  await server.stop();
});
