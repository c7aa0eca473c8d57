// The rooms by which the log carries what is for one socket. Mirrors
// node/rooms/direct_room.h.
import { kRoomsOfDirectEvents } from "./limits.js";

const kPrefix = "$roomlog/direct/";

// One of a few rooms of the server that opened the socket's session, so that neither
// has each socket a room for ever nor does every server read what is for one socket.
export function directRoom(nodeId: string, socketId: string): string {
  let hash = 0;
  for (let i = 0; i < socketId.length; ++i) hash = (hash * 31 + socketId.charCodeAt(i)) >>> 0;
  return `${kPrefix}${nodeId}/${hash % kRoomsOfDirectEvents}`;
}

export const isDirectRoom = (room: string): boolean => room.startsWith(kPrefix);
