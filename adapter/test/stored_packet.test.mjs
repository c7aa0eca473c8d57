// Packets, envelopes and values as bytes.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { completeText, isEventOf, withAckId } from "../dist/esm/room_text.js";
import {
  addressPacket, decodeEvent, encodeEvent, loadPacket, loadValues, parseAddressed, storePacket, storeValues,
} from "../dist/esm/stored_packet.js";

const { Encoder } = createRequire(createRequire(import.meta.url).resolve("socket.io"))("socket.io-parser");

test("an event is read in whatever namespace", () => {
  for (const namespace of ["/", "/a[b", "/a\"]"]) {
    for (const values of [["x", { a: [1] }], ["x", [Buffer.from("bytes")]]]) {
      const { bytes, hasAttachments } = storePacket(encodeEvent(namespace, values));
      assert.deepEqual(decodeEvent(loadPacket(bytes, hasAttachments)), values, namespace);
    }
  }
});

test("events are encoded as Socket.IO's own encoder does it", () => {
  const cases = [
    ["e"],
    ["e", 1, "zwölf", null, [true], { a: { b: 1.5 } }],
    ["e", undefined, new Date(0), new Map([[1, 2]]), NaN],
    ["e", Buffer.from("bytes"), { deep: [new Uint8Array([1, 2]), new ArrayBuffer(3)] }],
    ["e", { toJSON: () => ({ bytes: Buffer.from("x") }) }],
  ];
  for (const namespace of ["/", "/chat"]) {
    for (const args of cases) {
      const theirs = new Encoder().encode({ type: 2, nsp: namespace, data: args });
      const ours = encodeEvent(namespace, args);
      assert.equal(ours[0], theirs[0]);
      assert.deepEqual(storePacket(ours).bytes, storePacket(theirs).bytes);
    }
  }
});

test("a stored packet comes back whole", () => {
  const args = ["e", { bytes: Buffer.from("x"), more: [Buffer.alloc(300, 1)] }, "y"];
  const { bytes, hasAttachments } = storePacket(encodeEvent("/chat", args));
  assert.ok(hasAttachments);
  const loaded = loadPacket(bytes, true);
  assert.ok(isEventOf("/chat", loaded));
  assert.ok(!isEventOf("/", loaded));
  assert.deepEqual(decodeEvent(loaded), args);
});

test("what cannot be stored is refused", () => {
  for (const bad of [
    [Buffer.from("another parser's")],
    ["5[]", new Blob(["x"])],
    ["511-[]", ...Array.from({ length: 11 }, () => Buffer.alloc(1))],
  ]) {
    assert.throws(() => storePacket(bad), { code: "invalid" });
  }
});

test("what nobody stored is refused", () => {
  for (const bytes of ["", "\x05ab", "\xff\xff\xff\xff\xff\xff"]) {
    assert.equal(loadPacket(Buffer.from(bytes, "latin1"), true), null, JSON.stringify(bytes));
    assert.throws(() => loadValues(Buffer.from(bytes, "latin1")), { code: "data_loss" });
  }
  for (const bytes of ["", "\x05ab", "\x05\x0a\x01a\x10\x01"]) {
    assert.equal(parseAddressed(Buffer.from(bytes, "latin1")), null, JSON.stringify(bytes));
  }
  assert.throws(() => loadValues(storeValues([1]).subarray(0, 2)), { code: "data_loss" });
});

test("an envelope stands in front of its packet", () => {
  const envelope = { rooms: ["a", "b"], through: 1, except: ["c"], volatile: true };
  const { envelope: parsed, packet } = parseAddressed(addressPacket(envelope, Buffer.from('2["e"]')));
  assert.equal(packet.toString(), '2["e"]');
  assert.deepEqual({ ...parsed }, {
    ...envelope, request: undefined, socketsJoin: undefined, socketsLeave: undefined, disconnectSockets: undefined,
    fetchSockets: undefined, serverSideEmit: undefined,
  });
});

test("values come back as they were", () => {
  const values = [1, "x", null, { bytes: Buffer.from("b"), list: [Buffer.alloc(0)] }];
  assert.deepEqual(loadValues(storeValues(values)), values);
});

test("meta, offsets and acknowledgement ids are put in by bytes", () => {
  const event = { offset: 0x29, timeMs: 12, id: "i", flags: 0 };
  const complete = (text, flags, suffix = null) =>
    completeText(Buffer.from(text), { ...event, flags }, "r", 10, suffix).toString();
  assert.equal(complete('2["e"]', 0), '2["e","a-29"]');
  assert.equal(complete('2["e",1]', 1), '2["e",1,{"room":"r","id":"i","time":12},"a-29"]');
  assert.equal(complete('2["e",1]', 4), '2["e",1]');
  assert.equal(complete('2["e",1]', 8), '2["e",1]');
  // For clients that may come back.
  assert.equal(complete('2["e",1]', 8, ""), '2["e",1]');
  assert.equal(complete('2["e","x"]', 8, ""), '2["e","x",null]');
  assert.equal(complete('2["e","x"]', 4, ""), '2["e","x","a-29"]');
  assert.equal(complete('2["e","x"]', 0, "~a-30~1"), '2["e","x","a-29~a-30~1"]');
  const asked = (text, namespace, attachments = []) =>
    withAckId(Buffer.from(text), namespace, { attachments }, 17).toString();
  assert.equal(asked('2["e"]', "/"), '217["e"]');
  assert.equal(asked('2/chat,["e"]', "/chat"), '2/chat,17["e"]');
  assert.equal(asked('51-/chat,["e",{}]', "/chat", [Buffer.alloc(1)]), '51-/chat,17["e",{}]');
});
