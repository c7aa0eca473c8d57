// What the adapter knows of the cluster's rooms. Mirrors node/link/backplane.h.
import type { EventView } from "./event_columns.js";
import type { Position } from "./position.js";
import type { RoomlogError } from "./roomlog_error.js";

export interface PublishRequest {
  room: string; // A roomKey().
  flags: number; // Bits of EventFlag.
  id: string; // Appended once per room and id; empty: always.
  packet: Buffer;
}

export interface PublishAnswer {
  position: Position;
  // The id was used before in the room; `position` is that first event's.
  duplicate: boolean;
  // Of an ephemeral event: how many nodes it was handed to, this one included if
  // it follows the room. `position` means nothing then.
  receivers: number;
  // What a session's operation is answered by: see proto/sessions.proto. An answer
  // that was given again lacks it.
  session?: Uint8Array;
}

// A page of a room's log: after < offset < before, not older than `sinceMs`.
export interface ReadRequest {
  room: string;
  newestFirst?: boolean;
  after?: number;
  before?: number;
  sinceMs?: number;
  eventsMax: number;
}

export interface HistoryPage {
  epoch: number; // What all the offsets here belong to.
  events: EventView[]; // Always oldest first.
  trimmedThrough: number; // Everything up to here is gone.
  head: number; // The room's last event when the page was read.
  more: boolean; // More events match than the page holds.
}

// Who is in a room; of the room with the empty name also which rooms of its namespace
// somebody is in.
export interface MembersRequest {
  room: string;
  what: "counts" | "sockets" | "users" | "rooms" | "user";
  user?: string; // Of "user": a page of users with him or nobody on it.
  after: string; // The page begins beyond this id or name.
  limit: number;
}

export interface MembersPage {
  at: Position; // Who came or went up to here is counted, and nobody after it.
  socketCount: number;
  userCount: number;
  sockets: { id: string; user: string | null; away: boolean }[];
  users: { user: string; sockets: number; away: boolean }[];
  rooms: { room: string; sockets: number; users: number }[];
  more: boolean;
  lastSeenMs: number; // Of "user" and the room ""; 0 while he is online, and if nobody knows.
  hasFeed: boolean; // Who comes and goes is told in a room of its own.
}

export type Done<T> = (error: RoomlogError | null, answer?: T) => void;

// A followed room, as whoever follows it names it. Never used twice.
export type RoomHandle = number;

// An event of a followed room; `event.room` is its handle.
export type RoomEvent = EventView;

// Why events are missing.
export type GapReason = "retention" | "epoch" | "limit" | "damage";

export interface RoomFollower {
  // From here on the room is followed: every event after `head` will come. Said in its
  // place in the order: of no room does anything come any more that is at or before
  // `head`.
  onFollowing(room: RoomHandle, head: Position): void;
  // It cannot be followed. The handle is gone.
  onFollowFailed(room: RoomHandle, error: RoomlogError): void;
  // In the order of the log, over all rooms, and of each room without a gap unless
  // onGap() said so before.
  onEvent(event: RoomEvent): void;
  // Of this room everything after `from` up to and with `to` is missing for good.
  onGap(room: RoomHandle, from: Position, to: Position, reason: GapReason): void;
}
