// Packets, envelopes and values as bytes: see docs/log-format.md and
// proto/node_messages.proto.
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { Envelope } from "./generated/proto/node_messages.js";
import { kAttachmentsMax } from "./limits.js";
import { RoomlogError } from "./roomlog_error.js";

export interface StoredPacket {
  text: Buffer;
  attachments: Buffer[];
}

// What Socket.IO's encoder makes of a packet: its text, then its attachments.
export type EncodedPacket = readonly (string | ArrayBuffer | ArrayBufferView)[];

// Throws RoomlogError "invalid" if it cannot be stored, or no client could read it.
export function storePacket(encoded: EncodedPacket): { bytes: Buffer; hasAttachments: boolean } {
  const [text, ...attachments] = encoded;
  if (typeof text !== "string") {
    throw new RoomlogError("invalid", "only packets of Socket.IO's own parser can be stored");
  }
  if (attachments.length === 0) return { bytes: Buffer.from(text), hasAttachments: false };
  if (attachments.length > kAttachmentsMax) {
    throw new RoomlogError("invalid", `${attachments.length} attachments are more than ${kAttachmentsMax}`);
  }
  return { bytes: withSizes([Buffer.from(text), ...attachments.map(toBuffer)]), hasAttachments: true };
}

// Takes apart what storePacket() made, and borrows from it. Null: it did not.
export function loadPacket(bytes: Buffer, hasAttachments: boolean): StoredPacket | null {
  if (!hasAttachments) return { text: bytes, attachments: [] };
  const parts = takeParts(bytes);
  if (parts === null || parts.length === 0 || parts.length > 1 + kAttachmentsMax) return null;
  return { text: parts[0]!, attachments: parts.slice(1) };
}

export function addressPacket(envelope: Envelope, packet: Buffer): Buffer {
  const writer = new BinaryWriter();
  Envelope.encode(envelope, writer.fork()).join(); // With its size.
  return packet.length === 0 ? asBuffer(writer.finish()) : Buffer.concat([writer.finish(), packet]);
}

// Null: it is not what addressPacket() made.
export function parseAddressed(bytes: Buffer): { envelope: Envelope; packet: Buffer } | null {
  const size = readVarint(bytes, 0);
  if (size === null || size.value > bytes.length - size.end) return null;
  const end = size.end + size.value;
  const head = bytes.subarray(size.end, end);
  const packet = bytes.subarray(end);
  if (lastParsed?.head.equals(head)) return { envelope: lastParsed.envelope, packet };
  let envelope: Envelope;
  try {
    envelope = Envelope.decode(head);
  } catch {
    return null;
  }
  if (envelope.rooms.length > 0 && envelope.through >= envelope.rooms.length) return null;
  if (head.length <= kRememberedBytesMax) lastParsed = { head: Buffer.from(head), envelope };
  return { envelope, packet };
}

// Events in a row are often for the same sockets. Nobody changes an envelope.
let lastParsed: { head: Buffer; envelope: Envelope } | null = null;
const kRememberedBytesMax = 1024;

// Whether it is not simply a packet for clients.
export function isForNodes(envelope: Envelope): boolean {
  return (envelope.request ?? envelope.socketsJoin ?? envelope.socketsLeave ?? envelope.disconnectSockets ??
    envelope.fetchSockets ?? envelope.serverSideEmit) !== undefined;
}

// ---- Values ----

// The JSON of an array, and the binary attachments that its placeholders name.
export function storeValues(values: readonly unknown[]): Buffer {
  const attachments: Buffer[] = [];
  const json = JSON.stringify(takeBinary(values, attachments));
  return withSizes([Buffer.from(json), ...attachments]);
}

// Throws a RoomlogError "data_loss" if it is not what storeValues() made.
export function loadValues(bytes: Uint8Array): unknown[] {
  const parts = takeParts(asBuffer(bytes));
  if (parts !== null && parts.length > 0) {
    try {
      const values = putBinary(JSON.parse(parts[0]!.toString()), parts.slice(1));
      if (Array.isArray(values)) return values;
    } catch {
      // Told below.
    }
  }
  throw new RoomlogError("data_loss", "values of another node are unreadable");
}

// The packet of an event, as Socket.IO's encoder makes it, where there is none.
export function encodeEvent(namespace: string, values: readonly unknown[]): EncodedPacket {
  const attachments: Buffer[] = [];
  const json = JSON.stringify(takeBinary(values, attachments));
  const type = attachments.length > 0 ? `5${attachments.length}-` : "2";
  return [`${type}${namespace === "/" ? "" : `${namespace},`}${json}`, ...attachments];
}

// The type, how many attachments, and the namespace, which may hold brackets, and no comma.
const kBeforeArray = /^\d+-?(\/[^,]*,)?/;

// The arguments of an event's packet, its name first.
export function decodeEvent(packet: StoredPacket): unknown[] {
  const text = packet.text.toString();
  return putBinary(JSON.parse(text.replace(kBeforeArray, "")), packet.attachments) as unknown[];
}

// As Socket.IO's parser does it.
function takeBinary(value: unknown, attachments: Buffer[], isFromToJson = false): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    attachments.push(toBuffer(value));
    return { _placeholder: true, num: attachments.length - 1 };
  }
  if (Array.isArray(value)) return value.map((element) => takeBinary(element, attachments));
  if (value instanceof Date) return value;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function" && !isFromToJson) {
    return takeBinary(toJSON.call(value), attachments, true);
  }
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, takeBinary(member, attachments)]));
}

function putBinary(value: unknown, attachments: readonly Buffer[]): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((element) => putBinary(element, attachments));
  const members = value as Record<string, unknown>;
  if (members["_placeholder"] === true && typeof members["num"] === "number") {
    const attachment = attachments[members["num"]];
    if (attachment === undefined) throw new RangeError("a placeholder without its attachment");
    return attachment;
  }
  for (const key of Object.keys(members)) members[key] = putBinary(members[key], attachments);
  return members;
}

// ---- Bytes ----

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function toBuffer(bytes: unknown): Buffer {
  if (bytes instanceof ArrayBuffer) return Buffer.from(bytes);
  if (ArrayBuffer.isView(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  throw new RoomlogError("invalid", "an attachment that is neither a Buffer, an ArrayBuffer nor a view of one");
}

function withSizes(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts.flatMap((part) => [varint(part.length), part]));
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  bytes.push(value);
  return Buffer.from(bytes);
}

export function readVarint(bytes: Buffer, at: number): { value: number; end: number } | null {
  let value = 0;
  for (let shift = 0; shift <= 28; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) return null;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, end: at };
  }
  return null;
}

function takeParts(bytes: Buffer): Buffer[] | null {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = readVarint(bytes, at);
    if (size === null || size.value > bytes.length - size.end) return null;
    at = size.end + size.value;
    parts.push(bytes.subarray(size.end, at));
  }
  return parts;
}
