// Whatever bytes come to either port, only their sender notices.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { Dealer } from "zeromq";
import { story, withTimeout } from "./cluster.mjs";
import { until } from "./until.mjs";

const kEndsWithinMs = 20_000;
const kGrowthBytesMax = 64 << 20;

// A message as the protocol frames it: the header's size, the header, the payload.
function framed([header, payload = ""]) {
  const size = [];
  let rest = header.length;
  for (; rest > 127; rest >>>= 7) size.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...size, rest]), Buffer.from(header), Buffer.from(payload)]);
}

// The same bytes on each run.
function randomBytes(length, seed) {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    bytes[i] = seed >>> 24;
  }
  return bytes;
}

// Two clients on two nodes that must not notice anything.
async function witnesses(cluster) {
  const a = await cluster.client(0);
  const b = await cluster.client(1);
  await b.join("lobby");
  const connections = [a.socket.id, b.socket.id];
  const before = new Map(cluster.programs.map((program) => [program, program.residentBytes()]));
  let said = 0;
  return {
    // They go on talking,
    async areUnharmed(what) {
      const answer = await withTimeout(a.publish("lobby", "message", what), 10_000, `an answer after ${what}`);
      assert.equal(answer.ok, true, what);
      const heard = await b.hears(++said, "lobby", 10_000);
      assert.equal(heard.at(-1).data, what);
      assert.deepEqual([a.socket.id, b.socket.id], connections, `connections after ${what}`);
    },
    // and nobody has grown by what was thrown at them.
    areNotHeavier() {
      for (const [program, bytes] of before) {
        const grown = program.residentBytes() - bytes;
        assert.ok(grown < kGrowthBytesMax, `${program.name} grew by ${grown >> 20} MiB`);
      }
    },
  };
}

// Sends `bytes` over TCP and resolves to what came back when the other side has
// closed, or "" when we gave up waiting for that and closed ourselves.
async function throwAt(address, bytes, { mustEnd = false } = {}) {
  const { hostname, port } = new URL(address.replace("tcp:", "http:"));
  const socket = connect(Number(port), hostname);
  let answer = "";
  socket.on("data", (data) => (answer += data.toString("latin1")));
  socket.on("error", () => {}); // A reset is an answer too.
  const closed = new Promise((done) => socket.on("close", () => done(true)));
  socket.on("connect", () => socket.write(bytes));
  if (mustEnd) {
    await withTimeout(
      Promise.race([closed, until(() => answer !== "", "an answer", kEndsWithinMs)]),
      kEndsWithinMs, "the node to answer or to close");
  } else {
    await until(() => socket.writableLength === 0 || socket.destroyed, "the bytes to be taken", kEndsWithinMs)
      .catch(() => {}); // It stopped reading: fine as well.
    socket.end();
    await withTimeout(closed, 500, "its end").catch(() => {});
  }
  socket.destroy();
  return answer;
}

story("hostile bytes on a node's port", { timeout: 240_000 }, async (cluster, t) => {
  const { address } = cluster.edges[0];
  const both = await witnesses(cluster);
  const upgrade = (headers) =>
    `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`;
  const cases = [
    ["random bytes", randomBytes(100_000, 1)],
    ["nothing but line ends", "\r\n".repeat(10_000)],
    ["zeros", Buffer.alloc(100_000)],
    ["TLS", Buffer.from("160301020001000001fc0303", "hex")],
    ["half a request", "GET /socket.io/?EIO=4&tra"],
    ["a request line without end", `GET /${"x".repeat(32 << 20)}`, { mustEnd: true }],
    ["a header without end", `GET / HTTP/1.1\r\nX: ${"x".repeat(32 << 20)}`, { mustEnd: true }],
    ["headers without end", `GET / HTTP/1.1\r\n${"X: y\r\n".repeat(1_000_000)}`, { mustEnd: true }],
    ["a body that is promised large", "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n", { mustEnd: true }],
    ["a length that is no number", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", { mustEnd: true }],
    ["two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", { mustEnd: true }],
    ["an HTTP version from nowhere", "GET / HTTP/9.9\r\n\r\n", { mustEnd: true }],
    ["a way out of the folder", "GET /../../../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", { mustEnd: true, never: /root:/ }],
    ["an encoded way out", "GET /%2e%2e/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", { mustEnd: true, never: /root:/ }],
    ["a NUL in the path", "GET /index.html%00.css HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", { mustEnd: true }],
    ["an upgrade without a key", upgrade("Connection: Upgrade\r\nUpgrade: websocket"), { mustEnd: true }],
    ["an upgrade of another version", upgrade("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), { mustEnd: true }],
  ];
  for (const [name, bytes, options] of cases) {
    await t.test(name, async () => {
      const answer = await throwAt(address, bytes, options);
      if (options?.never) assert.doesNotMatch(answer, options.never);
      await both.areUnharmed(name);
    });
  }

  await t.test("a hundred connections that say nothing, or a little", async () => {
    const { hostname, port } = new URL(address);
    const sockets = Array.from({ length: 100 }, (_, i) => {
      const socket = connect(Number(port), hostname);
      socket.on("error", () => {});
      if (i % 2) socket.write("GET / HT");
      return socket;
    });
    await both.areUnharmed("silence");
    for (const socket of sockets) socket.destroy();
  });

  // What comes after the handshake: raw bytes on a WebSocket.
  const frame = (first, payload, { masked = true } = {}) => {
    const body = Buffer.from(payload);
    const length = body.length < 126 ? [body.length] : body.length < 65536
      ? [126, body.length >> 8, body.length & 255]
      : [127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((by) => (body.length >>> by) & 255)];
    if (masked) length[0] |= 128;
    // A mask of zeros changes nothing.
    return Buffer.concat([Buffer.from([first, ...length, ...(masked ? [0, 0, 0, 0] : [])]), body]);
  };
  const text = (payload) => frame(0x81, payload);
  const nested = (depth) => `42["publish","lobby","message",${"[".repeat(depth)}${"]".repeat(depth)}]`;
  const afterHandshake = [
    ["random frames", randomBytes(50_000, 2)],
    ["a frame without a mask", frame(0x81, "40", { masked: false })],
    ["reserved bits", frame(0xf1, "40")],
    ["a reserved kind", frame(0x83, "40")],
    ["a frame of 2^63 bytes", Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
    ["a frame of 2^40 bytes", Buffer.from([0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
    ["a continuation of nothing", frame(0x80, "40")],
    ["a long ping", frame(0x89, "x".repeat(126))],
    ["a message over the bound", text("4".repeat(1_100_000))],
    ["fragments without end", Buffer.concat([frame(0x01, "4"), ...Array(20).fill(frame(0x00, "x".repeat(100_000)))])],
    ["an empty packet", text("")],
    ["an unknown packet", text("9")],
    ["a ping from the client", text("2")],
    ["an event before connecting", text('42["join","lobby"]')],
    ["JSON that ends early", Buffer.concat([text("40"), text('42["publish","lobby","message",{"a":[1,')])],
    ["JSON nested without end", Buffer.concat([text("40"), text(`42["publish","lobby","message",${"[".repeat(400_000)}`)])],
    ["an attachment that was never announced", Buffer.concat([text("40"), frame(0x82, "x")])],
  ];
  for (const [name, bytes] of afterHandshake) {
    await t.test(`after the handshake: ${name}`, async () => {
      const socket = new WebSocket(`${address.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
      const closed = new Promise((done) => socket.on("close", done));
      socket.on("error", () => {});
      await withTimeout(new Promise((done) => socket.once("message", done)), 10_000, "the handshake");
      socket._socket.write(bytes);
      await withTimeout(closed, kEndsWithinMs, "the node to close the connection").finally(() => socket.terminate());
      await both.areUnharmed(name);
    });
  }

  await t.test("JSON nested as deep as a message can be is refused or kept, and harms nobody", async () => {
    const socket = new WebSocket(`${address.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
    socket.on("error", () => {});
    await withTimeout(new Promise((done) => socket.once("message", done)), 10_000, "the handshake");
    let said = "";
    socket.on("message", (data) => (said += data));
    const closed = new Promise((done) => socket.on("close", done));
    socket.send("40");
    socket.send(nested(400_000).replace("42[", "421["));
    await withTimeout(
      Promise.race([closed, until(() => /431\[/.test(said), "an answer", kEndsWithinMs)]), kEndsWithinMs, "an end");
    socket.terminate();
    assert.doesNotMatch(said, /"ok":true/, "nobody could read it");
    await both.areUnharmed("deep nesting");
  });
  both.areNotHeavier();
});

// What the protocol can say, in protobuf's text form, so that the cases below
// stay true to proto/backplane.proto.
function protocol(direction, kind, input) {
  return execFileSync("protoc", [`--${direction}=roomlog.proto.${kind}`, "proto/backplane.proto"],
    { cwd: fileURLToPath(new URL("../..", import.meta.url)), input });
}
const said = (text) => protocol("encode", "NodeMessage", text);
const understood = (header) => protocol("decode", "BrokerMessage", header).toString();
const hello = (fields) => said(
  `session: 7 hello { ${fields ?? 'protocol_major: 1 node_name: "hostile" producer: 99 delivery_credit_bytes: 1000000'} }`);
const publish = (rooms, events) => said(
  `session: 7 sequence: 1 publish { first_number: 1 rooms { ${rooms} } events { ${events} } }`);
const kRoom = String.raw`sizes: 3 names: "/\000r"`;
// Puts bytes where protoc would refuse them.
function replaced(message, text, hex) {
  const bytes = Buffer.from(message);
  bytes.write(hex, bytes.indexOf(text), "hex");
  return bytes;
}
const kHuge = 2 ** 32 - 1;

story("hostile bytes on the broker's port", { timeout: 240_000 }, async (cluster, t) => {
  const both = await witnesses(cluster);
  const { brokerAddress } = cluster;
  const greeting = Buffer.concat([Buffer.from("ff00000000000000017f0300", "hex"), Buffer.from("NULL"), Buffer.alloc(48)]);
  const cases = [
    ["random bytes", randomBytes(100_000, 3)],
    ["HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["zeros", Buffer.alloc(100_000)],
    ["ones", Buffer.alloc(100_000, 0xff)],
    ["a ZMTP greeting and no more", greeting],
    ["a ZMTP greeting of another version", Buffer.concat([greeting.subarray(0, 10), Buffer.from([99]), greeting.subarray(11)])],
    ["a ZMTP greeting and random bytes", Buffer.concat([greeting, randomBytes(100_000, 4)])],
    ["a ZMTP frame of 2^63 bytes", Buffer.concat([greeting, Buffer.from("06ffffffffffffffff", "hex")])],
    ["a ZMTP command of 2^40 bytes", Buffer.concat([greeting, Buffer.from("060000010000000000", "hex"), randomBytes(10_000, 5)])],
    ["a ZMTP command that lies about its length", Buffer.concat([greeting, Buffer.from("0408ff5245414459", "hex")])],
  ];
  for (const [name, bytes] of cases) {
    await t.test(name, async () => {
      await throwAt(brokerAddress, bytes);
      await both.areUnharmed(name);
    });
  }

  // What a ZeroMQ peer may send. The words of the protocol, misused.
  const messages = [
    ["nothing", [""]],
    ["two nothings", ["", ""]],
    ["many frames", Array(200).fill("x")],
    ["random bytes", [randomBytes(1_000, 6), randomBytes(1_000, 7)]],
    ["a header of 10 MB", [randomBytes(10 << 20, 8)]],
    ["a payload of 10 MB", [said("session: 7 sequence: 1 heartbeat {}"), randomBytes(10 << 20, 9)]],
    ["no greeting before it", [said("session: 7 sequence: 1 heartbeat {}")]],
    ["no session", [said("heartbeat {}")]],
    ["no body", [said("session: 7")]],
    ["a body that nobody knows", [Buffer.concat([said("session: 7"), Buffer.from("fa3e0178", "hex")])]],
    ["a greeting without anything", [hello(" ")]],
    ["a greeting without a name", [hello("protocol_major: 1 producer: 9")]],
    ["a greeting without a producer", [hello('protocol_major: 1 node_name: "hostile"')]],
    ["a name that is not UTF-8", [replaced(hello('protocol_major: 1 node_name: "@@" producer: 9'), "@@", "fffe")]],
    ["a name of 100 kB", [hello(`protocol_major: 1 node_name: "${"x".repeat(100_000)}" producer: 9`)]],
    ["a credit without end", [hello(`protocol_major: 1 node_name: "x" producer: 9 delivery_credit_bytes: ${2n ** 64n - 1n}`)]],
  ];
  const afterGreeting = [
    ["more events than packets", [publish(kRoom, "count: 5 packet_sizes: 1 rooms: 0"), "x"]],
    ["2^32 events", [publish(kRoom, `count: ${kHuge}`), "x"]],
    ["no events", [publish(kRoom, "count: 0"), "x"]],
    ["a packet larger than the payload", [publish(kRoom, `count: 1 packet_sizes: ${kHuge} rooms: 0`), "x"]],
    ["a payload larger than its packets", [publish(kRoom, "count: 1 packet_sizes: 1 rooms: 0"), "x".repeat(1_000)]],
    ["ids beyond what there is", [publish(kRoom, `count: 1 packet_sizes: 1 rooms: 0 id_sizes: ${kHuge}`), "x"]],
    ["a room that is not there", [publish(kRoom, "count: 1 packet_sizes: 1 rooms: 77"), "x"]],
    ["a room name beyond its names", [publish(`sizes: ${kHuge} names: "/"`, "count: 1 packet_sizes: 1 rooms: 0"), "x"]],
    ["a room name that is not UTF-8", [publish(String.raw`sizes: 4 names: "/\000\377\376"`, "count: 1 packet_sizes: 1 rooms: 0"), "x"]],
    ["a room name without a namespace", [publish('sizes: 1 names: "r"', "count: 1 packet_sizes: 1 rooms: 0"), "x"]],
    ["no payload", [publish(kRoom, "count: 1 packet_sizes: 1 rooms: 0")]],
    ["a number that was skipped", [said(
      `session: 7 sequence: 1 publish { first_number: ${2n ** 64n - 1n} rooms { ${kRoom} } events { count: 1 packet_sizes: 1 rooms: 0 } }`), "x"]],
    ["a sequence that was skipped", [said("session: 7 sequence: 99 heartbeat {}")]],
    ["a subscription to nothing", [said("session: 7 sequence: 1 subscribe { handles: 1 handles: 1 rooms {} }")]],
    ["one handle for two rooms", [said(
      String.raw`session: 7 sequence: 1 subscribe { handles: 1 handles: 1 rooms { sizes: 3 sizes: 3 names: "/\000r/\000s" } }`)]],
    ["an end to what was never subscribed", [said(`session: 7 sequence: 1 unsubscribe { handles: ${kHuge} }`)]],
    ["a read of nothing", [said(`session: 7 sequence: 1 read { request: 1 limit: ${kHuge} }`)]],
    ["a read without a namespace", [said('session: 7 sequence: 1 read { request: 1 room: "x" limit: 1 }')]],
    ["more consumed than was ever sent", [said(`session: 7 sequence: 1 consumed_bytes: ${2n ** 64n - 1n} heartbeat {}`)]],
    ["a second greeting", [hello()]],
    ["goodbye", [said("session: 7 sequence: 1 goodbye {}")]],
  ];
  // Sends them as one peer and waits until the broker has answered a greeting
  // that comes last, or has cut the peer off.
  const farewell = framed([hello("protocol_major: 998")]);
  const sendAll = async (...all) => {
    const peer = new Dealer({ linger: 0 });
    peer.connect(brokerAddress);
    const answers = [];
    const hearing = (async () => {
      for await (const frames of peer) answers.push(frames);
    })();
    for (const frames of all) await peer.send(frames);
    await peer.send(farewell);
    await until(() => answers.length > 0, "an answer", 5_000).catch(() => {});
    peer.close();
    await hearing;
    return answers;
  };
  for (const [name, parts] of messages) {
    const frames = parts.length > 2 ? parts : [framed(parts)];
    await t.test(`as a ZeroMQ peer: ${name}`, async () => {
      await sendAll(frames);
      await both.areUnharmed(name);
    });
  }
  for (const [name, bytes] of [
    ["an empty frame", ""],
    ["a header longer than the frame", Buffer.concat([Buffer.from([0x7f]), hello()])],
    ["a size without end", Buffer.alloc(20, 0xff)],
  ]) {
    await t.test(`as a ZeroMQ peer: ${name}`, async () => {
      await sendAll([bytes]);
      await both.areUnharmed(name);
    });
  }
  for (const [name, parts] of afterGreeting) {
    await t.test(`as a greeted node: ${name}`, async () => {
      await sendAll([framed([hello()])], [framed(parts)]);
      await both.areUnharmed(name);
    });
  }
  await t.test("a newer protocol is refused with the reason", async () => {
    const [answer] = await sendAll([framed([hello('protocol_major: 999 node_name: "x" producer: 9')])]);
    assert.ok(answer, "there is an answer");
    const told = understood(answer[0].subarray(1)); // Its size takes one byte.
    assert.match(told, /refused/);
    assert.match(told, /ERROR_CODE_VERSION/);
    assert.match(told, /999/, "it names the version");
  });
  both.areNotHeavier();
});
