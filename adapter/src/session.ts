// What a session is to the server that has it.
import type { RoomEvent } from "./backplane.js";
import type { ClientPacket } from "./client_packet.js";
import type { SessionChanges } from "./session_changes.js";
import type { SessionGate } from "./session_gate.js";
import type { HookedClient, HookedSocket } from "./socket_hooks.js";

// What the adapter does for its sessions.
export interface SessionHost {
  readonly sockets: ReadonlyMap<string, HookedSocket>;
  addToRooms(id: string, rooms: Iterable<string>): void;
  removeFromRooms(id: string): void;
  roomsOf(id: string): ReadonlySet<unknown>;
  packetFor(id: string, room: string, event: RoomEvent, suffix: string): ClientPacket | null;
  userOf(socket: HookedSocket): string; // Empty: nobody knows.
  warn(error: unknown, what: string): void;
}

// One client's, while this server has it.
export interface Session {
  id: string;
  privateId: string;
  client: HookedClient | null; // Whose it is, if several connections of that id are here.
  changes: SessionChanges<Session>;
  gate: SessionGate<Session>;
  directRoom: string;
  keptData: string; // Its bytes, each a character: a tenth of what a Buffer takes.
  histories: number; // Joins with history, counted.
  isConnected: boolean;
  isRestored: boolean;
  isLost: boolean; // The broker was told that its client is gone.
  missed: readonly ClientPacket[];
  sentAgain: boolean;
}

// A room of a session, as the broker keeps it.
export interface RecordedRoom {
  room: string;
  from: number;
  start: string;
}
