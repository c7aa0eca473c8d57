// Joins that begin in the past: what a room has said, then what it says, with
// nothing between lost or repeated.
import type { RoomEvent } from "./backplane.js";
import { EventFlag } from "./generated/proto/events.js";
import type { ClientPacket, LocalSocket } from "./client_packet.js";
import type { ClusterNode } from "./cluster_node.js";
import type { FollowedRooms } from "./followed_rooms.js";
import { type GapEvent, readPage } from "./history.js";
import { kReadEventsMax } from "./limits.js";
import { formatPosition, parsePosition } from "./position.js";
import { roomKey } from "./room_key.js";
import { RoomlogError } from "./roomlog_error.js";

// Events that one replay sends, and live ones that it holds meanwhile. Of those
// beyond it the replay reads on instead.
const kReplayEventsMax = 10_000;
const kHeldEventsMax = 1024;

export interface ReplayOptions {
  // At most one of these: where to begin. Without any, with what is said from now on.
  last?: number;
  after?: string;
  since?: number; // Milliseconds since 1970.
  from?: "start";
}

export interface ReplayResult {
  replayed: number;
  offset: string; // The place up to which everything was sent.
  // Set if events that were asked for are gone.
  gap?: { reason: GapEvent["reason"]; from: string; to: string };
}

interface Held {
  offset: number;
  isEphemeral: boolean;
  packet: ClientPacket;
}

interface Replaying {
  held: Held[];
  // Beyond what is held there was more, up to here, which must be read.
  droppedThrough: number;
}

export class Replays {
  readonly #node: ClusterNode;
  readonly #namespace: string;
  readonly #followed: FollowedRooms;
  // By socket and room.
  readonly #replaying = new Map<string, Replaying>();
  // Up to where a replay has sent what this server, which may be behind, has yet to hear.
  readonly #sentThrough = new Map<string, number>();

  constructor(node: ClusterNode, namespace: string, followed: FollowedRooms) {
    this.#node = node;
    this.#namespace = namespace;
    this.#followed = followed;
  }

  isReplaying(id: string, room: string): boolean {
    return this.#replaying.size > 0 && this.#replaying.has(placeOf(id, room));
  }

  // False: the event may be sent at once.
  hold(id: string, room: string, event: RoomEvent, packet: ClientPacket): boolean {
    if (this.#replaying.size === 0 && this.#sentThrough.size === 0) return false;
    const place = placeOf(id, room);
    const replaying = this.#replaying.get(place);
    const isEphemeral = (event.flags & EventFlag.EVENT_FLAG_EPHEMERAL) !== 0;
    if (!replaying) {
      const sentThrough = this.#sentThrough.get(place);
      if (sentThrough === undefined || isEphemeral) return false;
      if (event.offset <= sentThrough) return true;
      this.#sentThrough.delete(place);
      return false;
    }
    if (replaying.held.length < kHeldEventsMax && replaying.droppedThrough === 0) {
      replaying.held.push({ offset: event.offset, isEphemeral, packet });
    } else if (!isEphemeral) {
      replaying.droppedThrough = event.offset;
    }
    return true;
  }

  // The socket has left the room.
  forget(id: string, room: string): void {
    if (this.#sentThrough.size > 0) this.#sentThrough.delete(placeOf(id, room));
  }

  // Offsets of the log's life before this one say nothing.
  forgetOffsets(): void {
    this.#sentThrough.clear();
  }

  async run(
    socket: LocalSocket, room: string, options: ReplayOptions,
    adapter: { join(): void; packetFor(event: RoomEvent): ClientPacket | null },
  ): Promise<ReplayResult> {
    const place = placeOf(socket.id, room);
    if (this.#replaying.has(place)) throw new RoomlogError("invalid", "the socket is joining this room already");
    const start = startOf(options);
    const replaying: Replaying = { held: [], droppedThrough: 0 };
    this.#replaying.set(place, replaying);
    try {
      adapter.join();
      await this.#followed.followedFrom(room);
      const { through, ...result } = await this.#replay(
        roomKey(this.#namespace, room), start, replaying, (event) => send(socket, adapter.packetFor(event)));
      if (socket.rooms.has(room)) this.#sentThrough.set(place, through);
      return result;
    } finally {
      this.#replaying.delete(place);
      if (socket.rooms.has(room)) for (const { packet } of replaying.held) packet.sendTo(socket);
    }
  }

  // What was said in a room up to a place, which must be in the log. `take` tells
  // whether the event was sent.
  async read(
    room: string, options: ReplayOptions, through: number, take: (event: RoomEvent) => boolean,
  ): Promise<ReplayResult> {
    const nothing: Replaying = { held: [], droppedThrough: 0 };
    const { through: _, ...result } =
      await this.#replay(roomKey(this.#namespace, room), startOf(options), nothing, take, through);
    return result;
  }

  async #replay(
    key: string, start: Start, replaying: Replaying, take: (event: RoomEvent) => boolean, end?: number,
  ): Promise<ReplayResult & { through: number }> {
    const { link } = this.#node;
    let { after } = start;
    let gap: ReplayResult["gap"];
    // Where the room is: what comes later is held by now.
    const head = await readPage(link, { room: key, newestFirst: true, eventsMax: 1 });
    const { epoch } = head;
    let through = end ?? head.head;
    const at = (offset: number): string => formatPosition({ epoch, offset });
    if (start.epoch !== undefined && start.epoch !== epoch) {
      gap = { reason: "epoch", from: formatPosition({ epoch: start.epoch, offset: after }), to: at(through) };
      after = through;
    } else if (start.kind === "now") {
      after = through;
    } else if (start.kind === "last") {
      after = await this.#before(key, through, start.last);
    }
    let replayed = 0;
    while (after < through || replaying.droppedThrough > after) {
      if (replaying.droppedThrough > 0) {
        // What was held is among what is read now.
        through = Math.max(through, replaying.droppedThrough);
        replaying.held = [];
        replaying.droppedThrough = 0;
      }
      const page = await readPage(link, {
        room: key, after, before: through + 1, eventsMax: kReadEventsMax,
        ...(start.kind === "since" ? { sinceMs: start.since } : {}),
      });
      if (page.epoch !== epoch) {
        gap ??= { reason: "epoch", from: at(after), to: formatPosition({ epoch: page.epoch, offset: page.head }) };
        break;
      }
      if (page.trimmedThrough > after && start.kind === "after") {
        gap ??= { reason: "retention", from: at(after), to: at(page.trimmedThrough) };
      }
      for (const event of page.events) {
        if (take(event)) ++replayed;
        after = event.offset;
      }
      if (replayed >= kReplayEventsMax && after < through) {
        gap ??= { reason: "limit", from: at(after), to: at(through) };
        after = through;
      }
      if (!page.more) after = Math.max(after, through);
    }
    replaying.held = replaying.held.filter(({ offset, isEphemeral }) => isEphemeral || offset > after);
    return { replayed, offset: at(after), through: after, ...(gap ? { gap } : {}) };
  }

  // The place before the last `count` events up to `through`.
  async #before(key: string, through: number, count: number): Promise<number> {
    let left = Math.min(count, kReplayEventsMax);
    let before = through + 1;
    while (left > 0) {
      const page = await readPage(this.#node.link, { room: key, newestFirst: true, before, eventsMax: left });
      if (page.events.length === 0) return page.trimmedThrough;
      before = page.events[0]!.offset;
      left -= page.events.length;
      if (!page.more) break;
    }
    return before - 1;
  }
}

type Start = { after: number; epoch?: number } & (
  | { kind: "now" | "after" | "start" } | { kind: "last"; last: number } | { kind: "since"; since: number });

function startOf({ last, after, since, from }: ReplayOptions): Start {
  if ([last, after, since, from].filter((one) => one !== undefined).length > 1) {
    throw new RoomlogError("invalid", "replay takes one of last, after, since and from");
  }
  if (last !== undefined) return { kind: "last", after: 0, last };
  if (since !== undefined) return { kind: "since", after: 0, since };
  if (from === "start") return { kind: "start", after: 0 };
  if (after === undefined) return { kind: "now", after: 0 };
  const position = parsePosition(after);
  if (!position) throw new RoomlogError("invalid", `not an offset: ${JSON.stringify(after)}`);
  return { kind: "after", after: position.offset, epoch: position.epoch };
}

function send(socket: LocalSocket, packet: ClientPacket | null): boolean {
  packet?.sendTo(socket);
  return packet !== null;
}

const placeOf = (id: string, room: string): string => `${id}\0${room}`;
