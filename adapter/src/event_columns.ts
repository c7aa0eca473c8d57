// Events in and out of their columns: see proto/events.proto.
import { EventColumns, RoomNames } from "./generated/proto/events.js";

export interface EventView {
  offset: number;
  previous: number; // The one before it in the same room; 0 if there is none.
  timeMs: number;
  flags: number; // Bits of EventFlag.
  room: number; // What it means is the message's affair.
  id: string;
  packet: Buffer; // Borrowed from the message.
}

// Numbers of the log count up from where it began; 2^53 of them are enough.
export function toNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError("a number is too large");
  return Number(value);
}

// The bytes may be hostile: throws a RangeError if lists are of unequal length,
// sizes do not add up, or numbers overflow.
export function readEventColumns(columns: EventColumns, blob: Buffer): EventView[] {
  const { count } = columns;
  check("packet_sizes", columns.packetSizes, count, true);
  check("flags", columns.flags, count);
  check("id_sizes", columns.idSizes, count);
  check("rooms", columns.rooms, count);
  check("offset_steps", columns.offsetSteps, count);
  check("time_steps", columns.timeSteps, count);
  check("previous_steps", columns.previousSteps, count);
  const ids = Buffer.from(columns.ids.buffer, columns.ids.byteOffset, columns.ids.length);
  const events: EventView[] = new Array(count);
  let packetAt = 0;
  let idAt = 0;
  let offset = toNumber(columns.firstOffset);
  let timeMs = Number(columns.firstTimeMs);
  for (let i = 0; i < count; ++i) {
    const packetEnd = packetAt + columns.packetSizes[i]!;
    const idEnd = idAt + (columns.idSizes[i] ?? 0);
    if (packetEnd > blob.length) throw new RangeError(`packets overrun their blob at event ${i} of ${count}`);
    if (idEnd > ids.length) throw new RangeError(`ids overrun their list at event ${i} of ${count}`);
    if (columns.offsetSteps.length > 0) offset += toNumber(columns.offsetSteps[i]!);
    else if (i > 0) ++offset;
    if (!Number.isSafeInteger(offset)) throw new RangeError("the offset overflows");
    if (columns.timeSteps.length > 0) timeMs += Number(columns.timeSteps[i]!);
    let previous = 0;
    if (columns.previousSteps.length > 0) {
      previous = offset - Number(columns.previousSteps[i]!);
      if (previous < 0) throw new RangeError("the previous offset is below 0");
    }
    events[i] = {
      offset,
      previous,
      timeMs,
      flags: columns.flags[i] ?? 0,
      room: columns.rooms[i] ?? 0,
      id: idEnd > idAt ? ids.toString("utf8", idAt, idEnd) : "",
      packet: blob.subarray(packetAt, packetEnd),
    };
    packetAt = packetEnd;
    idAt = idEnd;
  }
  if (packetAt !== blob.length || idAt !== ids.length) throw new RangeError("bytes are left over");
  return events;
}

function check(name: string, column: readonly unknown[], count: number, needed = false): void {
  if (column.length === count || (column.length === 0 && !needed)) return;
  throw new RangeError(`column ${name} has ${column.length} entries for ${count} events`);
}

// Brings events together that go to the broker in one message.
export class EventColumnsWriter {
  readonly columns = EventColumns.create();
  readonly rooms = RoomNames.create();
  bytes = 0;
  readonly #roomNames: Buffer[] = [];
  readonly #roomIndexes = new Map<string, number>();
  readonly #packets: Buffer[] = [];
  readonly #ids: Buffer[] = [];

  get count(): number {
    return this.columns.count;
  }

  add(room: string, flags: number, id: string, packet: Buffer): void {
    let index = this.#roomIndexes.get(room);
    if (index === undefined) {
      index = this.#roomIndexes.size;
      this.#roomIndexes.set(room, index);
      const name = Buffer.from(room);
      this.#roomNames.push(name);
      this.rooms.sizes.push(name.length);
    }
    const before = this.columns.count++;
    this.columns.rooms.push(index);
    this.columns.packetSizes.push(packet.length);
    // A column that would hold defaults only is left out.
    if (this.columns.flags.length > 0 || flags !== 0) {
      while (this.columns.flags.length < before) this.columns.flags.push(0);
      this.columns.flags.push(flags);
    }
    if (this.columns.idSizes.length > 0 || id !== "") {
      while (this.columns.idSizes.length < before) this.columns.idSizes.push(0);
      const bytes = Buffer.from(id);
      this.columns.idSizes.push(bytes.length);
      this.#ids.push(bytes);
    }
    this.#packets.push(packet);
    this.bytes += packet.length;
  }

  // The second frame; `columns` and `rooms` are whole after it.
  finish(): Buffer {
    this.rooms.names = joined(this.#roomNames);
    this.columns.ids = joined(this.#ids);
    return joined(this.#packets);
  }
}

export function roomNames(rooms: readonly string[]): RoomNames {
  const names = rooms.map((room) => Buffer.from(room));
  return { sizes: names.map(({ length }) => length), names: joined(names) };
}

function joined(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}
