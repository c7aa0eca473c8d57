// Whom an addressed event is for, among the sockets of one server. Mirrors
// node/rooms/audience.h.
import type { Envelope } from "./generated/proto/node_messages.js";

type Members = ReadonlySet<string>;

// Socket.IO lets programs use any value as the name of a room; in the cluster it is
// text. So a name may stand for several rooms here.
export class RoomNames {
  readonly #rooms: ReadonlyMap<unknown, Set<string>>;
  // Of those that are not text: what they are called in the cluster.
  readonly #others = new Map<string, Set<unknown>>();

  constructor(rooms: ReadonlyMap<unknown, Set<string>>) {
    this.#rooms = rooms;
  }

  add(room: unknown): void {
    if (typeof room === "string") return;
    const name = String(room);
    const rooms = this.#others.get(name) ?? new Set();
    this.#others.set(name, rooms.add(room));
  }
  delete(room: unknown): void {
    if (typeof room === "string") return;
    const name = String(room);
    const rooms = this.#others.get(name);
    rooms?.delete(room);
    if (rooms?.size === 0) this.#others.delete(name);
  }

  localNames(name: string): unknown[] {
    return [name, ...(this.#others.get(name) ?? [])];
  }

  // Its members; a socket is in the room of its own id.
  members(name: string): Members {
    const members = this.#rooms.get(name);
    const others = this.#others.size > 0 ? this.#others.get(name) : undefined;
    if (others === undefined) return members ?? kNobody;
    const all = new Set(members);
    for (const room of others) for (const id of this.#rooms.get(room) ?? []) all.add(id);
    return all;
  }
}

const kNobody: Members = new Set();

// The ids of those whom an event in `room` is to reach. `everybody` are the sockets
// of the namespace. With several rooms a socket gets the event through the first of
// them that it is in, so once.
export function* recipients(
  names: RoomNames, everybody: Iterable<string>, room: string, envelope: Envelope | null,
): Iterable<string> {
  let candidates: Iterable<string>;
  if (room !== "") candidates = names.members(room);
  else if (envelope === null || envelope.rooms.length === 0) candidates = everybody;
  else candidates = names.members(envelope.rooms[envelope.through]!);
  const others = leftOut(names, envelope);
  for (const id of candidates) {
    if (!others.some((members) => members.has(id))) yield id;
  }
}

// Whether a socket in the event's room gets it through another one, or not at all.
export function isLeftOut(names: RoomNames, envelope: Envelope | null, id: string): boolean {
  return leftOut(names, envelope).some((members) => members.has(id));
}

function leftOut(names: RoomNames, envelope: Envelope | null): Members[] {
  if (envelope === null) return [];
  return [...envelope.rooms.slice(0, envelope.through), ...envelope.except].map((name) => names.members(name));
}
