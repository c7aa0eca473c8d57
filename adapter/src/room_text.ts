// The texts of stored events, completed for clients by bytes.
import type { EventView } from "./event_columns.js";
import { EventFlag } from "./generated/proto/events.js";
import { formatPosition } from "./position.js";
import type { StoredPacket } from "./stored_packet.js";

const kBracket = "]".charCodeAt(0);

// Whether it is what may be sent to the clients of a namespace: a packet was made by
// a node and comes back as it was, but a damaged one would make clients close.
export function isEventOf(namespace: string, { text, attachments }: StoredPacket): boolean {
  const head = attachments.length === 0 ? "2" : `5${attachments.length}-`;
  const prefix = namespace === "/" ? `${head}[` : `${head}${namespace},[`;
  return text[text.length - 1] === kBracket && text.subarray(0, Buffer.byteLength(prefix)).toString() === prefix;
}

// The text with what the event's flags say behind its arguments. A client that may come
// back takes the text that an event ends in for its offset: `suffix` is what stands
// behind that while it is sent a history, and null for other clients.
export function completeText(
  text: Buffer, event: EventView, room: string, epoch: number, suffix: string | null,
): Buffer {
  if ((event.flags & EventFlag.EVENT_FLAG_EPHEMERAL) !== 0) return suffix === null ? text : endInNoString(text);
  // Socket.IO's own emits reach other clients as they were said.
  if (suffix === null && (event.flags & EventFlag.EVENT_FLAG_ADDRESSED) !== 0) return text;
  const meta = (event.flags & EventFlag.EVENT_FLAG_ROOM_APPLICATION) === 0 ? ""
    : `,${JSON.stringify({ room, id: event.id === "" ? null : event.id, time: event.timeMs })}`;
  const end = `${meta},"${formatPosition({ epoch, offset: event.offset })}${suffix ?? ""}"]`;
  return Buffer.concat([text.subarray(0, text.length - 1), Buffer.from(end)]);
}

const kQuote = '"'.charCodeAt(0);

function endInNoString(text: Buffer): Buffer {
  if (text[text.length - 2] !== kQuote) return text;
  return Buffer.concat([text.subarray(0, text.length - 1), Buffer.from(",null]")]);
}

// The same with an acknowledgement id, which stands before the array.
export function withAckId(text: Buffer, namespace: string, { attachments }: StoredPacket, id: number): Buffer {
  const head = attachments.length === 0 ? "2" : `5${attachments.length}-`;
  const at = Buffer.byteLength(namespace === "/" ? head : `${head}${namespace},`);
  return Buffer.concat([text.subarray(0, at), Buffer.from(String(id)), text.subarray(at)]);
}
