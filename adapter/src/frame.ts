// A message between node and broker is one frame: the size of its header as a
// varint32, the header, the payload. See base/zmq_message.h.
import { asBuffer, readVarint, varint } from "./stored_packet.js";

export function joinFrame(header: Uint8Array, payload: Uint8Array = kNoBytes): Buffer {
  return Buffer.concat([varint(header.length), header, payload]);
}

// Borrows from `frame`. Of what was not made so the header is all there is: whoever
// reads it will find it malformed.
export function splitFrame(frame: Uint8Array): { header: Buffer; payload: Buffer } {
  const bytes = asBuffer(frame);
  const size = readVarint(bytes, 0);
  if (size === null || size.value > bytes.length - size.end) return { header: bytes, payload: kNoBytes };
  const end = size.end + size.value;
  return { header: bytes.subarray(size.end, end), payload: bytes.subarray(end) };
}

const kNoBytes = Buffer.alloc(0);
