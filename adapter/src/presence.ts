// Who is in a room, for applications.
import type { MembersPage, MembersRequest } from "./backplane.js";
import type { BrokerLink } from "./broker_link.js";
import * as limits from "./limits.js";
import { formatPosition } from "./position.js";
import { nodeRoomKey, roomKey } from "./room_key.js";
import { RoomlogError } from "./roomlog_error.js";

export const kMembersPageMax = 1000;
const kMembersDefault = 100;

export interface PageOptions {
  // The page begins beyond this: the last of the page before.
  after?: string;
  // At most so many: 100 if not given, 1,000 at most.
  limit?: number;
}

export interface PresenceOptions extends PageOptions {
  // A page of those who are there, beside how many they are.
  list?: "users" | "sockets";
  // In the place of a list: this user alone; of the room "" also when he was online last.
  user?: string;
}

export interface Presence {
  offset: string; // Who came or went up to here is counted, and nobody after it.
  sockets: number;
  users: number;
  // Of users {user, sockets, away}, of sockets {id, user, away}: `user` is null if nobody
  // knows whose it is; `away`: the connection is lost, and may come back.
  list?: MembersPage["sockets"] | MembersPage["users"];
  more?: boolean; // There are more beyond the page.
  // With `user`, of the room "": when his last socket left the namespace, in milliseconds since 1970.
  // Null while he is online there, and if nobody knows.
  lastSeen?: number | null;
}

export interface Rooms {
  offset: string;
  rooms: { room: string; sockets: number; users: number }[];
  more: boolean;
}

export async function readPresence(
  link: BrokerLink, namespace: string, room: string, options: PresenceOptions,
): Promise<Presence> {
  if (options.user !== undefined) return readUser(link, namespace, room, options.user);
  const what = options.list ?? "counts";
  if (what !== "counts" && what !== "users" && what !== "sockets") {
    throw new RoomlogError("invalid", "list is \"users\" or \"sockets\"");
  }
  const page = await membersOf(link, { room: roomKey(namespace, room), what, ...pageOf(options) });
  return {
    offset: formatPosition(page.at), sockets: page.socketCount, users: page.userCount,
    ...(what === "counts" ? {} : { list: page[what], more: page.more }),
  };
}

async function readUser(link: BrokerLink, namespace: string, room: string, user: string): Promise<Presence> {
  if (typeof user !== "string" || user === "" || Buffer.byteLength(user) > limits.kUserNameBytesMax) {
    throw new RoomlogError("invalid", "user is the name of a user, of at most 255 bytes");
  }
  const page = await membersOf(link, { room: roomKey(namespace, room), what: "user", user, after: "", limit: 1 });
  return {
    offset: formatPosition(page.at), sockets: page.socketCount, users: page.userCount,
    list: page.users, more: false, ...(room === "" ? { lastSeen: page.lastSeenMs || null } : {}),
  };
}

export async function readRooms(link: BrokerLink, namespace: string, options: PageOptions): Promise<Rooms> {
  const page = await membersOf(link, { room: nodeRoomKey(namespace, ""), what: "rooms", ...pageOf(options) });
  return { offset: formatPosition(page.at), rooms: page.rooms, more: page.more };
}

function pageOf({ after = "", limit = kMembersDefault }: PageOptions): { after: string; limit: number } {
  if (!Number.isInteger(limit) || limit < 1) throw new RoomlogError("invalid", `a page of ${limit}`);
  if (typeof after !== "string") throw new RoomlogError("invalid", "after is the last id or name of the page before");
  return { after, limit: Math.min(limit, kMembersPageMax) };
}

export function membersOf(link: BrokerLink, request: MembersRequest): Promise<MembersPage> {
  return new Promise((done, fail) => {
    link.readMembers(request, (error, page) => (error ? fail(error) : done(page!)));
  });
}
