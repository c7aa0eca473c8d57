// The name of a room in the cluster: "<namespace>\0<room>".
import { kRoomNameBytesMax } from "./limits.js";
import { RoomlogError } from "./roomlog_error.js";

// The namespace in which nodes have their own rooms.
export const kNodeNamespace = "/$node";

// Rooms of the nodes themselves: no program's room has such a name.
const kReservedPrefix = "$roomlog/";

// Throws RoomlogError "invalid" if either cannot be a name.
export function roomKey(namespace: string, room: string): string {
  if (room.startsWith(kReservedPrefix)) {
    throw new RoomlogError("invalid", `names of rooms that begin with ${kReservedPrefix} are reserved`);
  }
  return nodeRoomKey(namespace, room);
}

// Whether it is a room by which a client of an edge watches who is in another, or what is
// kept of a user. It stays there when it comes back to a server on Node.js.
export function isWatchRoom(room: string): boolean {
  return room.startsWith(`${kReservedPrefix}presence/`) || room.startsWith(`${kReservedPrefix}user/`);
}

// The same also for rooms of the nodes themselves.
export function nodeRoomKey(namespace: string, room: string): string {
  checkName("namespace", namespace);
  checkName("room", room);
  return `${namespace}\0${room}`;
}

// Whether events can be in a room of that name.
export function isRoomName(namespace: string, room: string): boolean {
  try {
    roomKey(namespace, room);
    return room !== "";
  } catch {
    return false;
  }
}

function checkName(kind: string, name: string): void {
  // Most names are short, and not measured.
  if (name.length * 3 > kRoomNameBytesMax && Buffer.byteLength(name) > kRoomNameBytesMax) {
    throw new RoomlogError("invalid",
      `a ${kind} name of ${Buffer.byteLength(name)} bytes is longer than ${kRoomNameBytesMax}`);
  }
  if (name.includes("\0")) throw new RoomlogError("invalid", `a ${kind} name may not hold a NUL`);
  if (/\p{Surrogate}/u.test(name)) throw new RoomlogError("invalid", `a ${kind} name is not Unicode`);
}

// A name that may be the id of a socket, on whatever node. An event for it goes
// to the namespace's room, which is right for a room of that name as well.
export function looksLikeSocketId(name: string): boolean {
  return name.length === 20 && /^[A-Za-z0-9_-]+$/.test(name);
}
