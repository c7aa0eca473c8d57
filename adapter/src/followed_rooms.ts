// The rooms of one namespace that this server follows in the cluster.
import type { GapReason, RoomEvent, RoomHandle } from "./backplane.js";
import type { ClusterNode } from "./cluster_node.js";
import type { Position } from "./position.js";
import { isWatchRoom, nodeRoomKey, roomKey } from "./room_key.js";
import { RoomlogError } from "./roomlog_error.js";

// How long until a room that could not be followed is asked for again.
const kRetryMs = 1000;

export interface RoomsListener {
  onRoomEvent(room: string, event: RoomEvent): void;
  onRoomGap(room: string, from: Position, to: Position, reason: GapReason): void;
  // It is tried again.
  onRoomFailed(room: string, error: RoomlogError): void;
}

interface Followed {
  key: string;
  holders: number;
  handle: RoomHandle | null; // Null while it waits to be tried again.
  isFollowed: boolean;
  begunAt: number; // Where in the log that was.
  waiting: ((from: number) => void)[];
}

export class FollowedRooms {
  readonly #node: ClusterNode;
  readonly #namespace: string;
  readonly #listener: RoomsListener;
  readonly #rooms = new Map<string, Followed>();
  #isClosed = false;

  constructor(node: ClusterNode, namespace: string, listener: RoomsListener) {
    this.#node = node;
    this.#namespace = namespace;
    this.#listener = listener;
  }

  // Holds a room once more: from now on, or after a place of the past. A room that
  // no event can be in is not followed, and told to be so.
  hold(name: string, after?: Position): void {
    const held = this.#rooms.get(name);
    if (held) {
      ++held.holders;
      return;
    }
    let key: string;
    try {
      key = isWatchRoom(name) ? nodeRoomKey(this.#namespace, name) : roomKey(this.#namespace, name);
    } catch (error) {
      this.#listener.onRoomFailed(name, error as RoomlogError);
      return;
    }
    this.#begin(name, key, after);
  }

  // The same for a room of the nodes themselves.
  holdOwn(name: string): void {
    const held = this.#rooms.get(name);
    if (held) ++held.holders;
    else this.#begin(name, nodeRoomKey(this.#namespace, name));
  }

  #begin(name: string, key: string, after?: Position): void {
    const room: Followed = { key, holders: 1, handle: null, isFollowed: false, begunAt: 0, waiting: [] };
    this.#rooms.set(name, room);
    this.#follow(name, room, after);
  }

  drop(name: string): void {
    const room = this.#rooms.get(name);
    if (!room || --room.holders > 0) return;
    this.#rooms.delete(name);
    if (room.handle !== null) this.#node.unfollow(room.handle);
    for (const tell of room.waiting) tell(this.#node.link.place);
  }

  // Resolves when everything that is said in it from then on will come, or when
  // nobody holds it any more: to the place after which it comes, which is now if the
  // room is followed already.
  followedFrom(name: string): Promise<number> {
    const room = this.#rooms.get(name);
    if (!room || room.isFollowed) return Promise.resolve(this.placeOf(name));
    return new Promise((done) => room.waiting.push(done));
  }

  // Of what is said in the room nothing comes any more that is at or before this place.
  placeOf(name: string): number {
    return Math.max(this.#node.link.place, this.#rooms.get(name)?.begunAt ?? 0);
  }

  close(): void {
    this.#isClosed = true;
    for (const room of this.#rooms.values()) {
      if (room.handle !== null) this.#node.unfollow(room.handle);
      for (const tell of room.waiting) tell(this.#node.link.place);
    }
    this.#rooms.clear();
  }

  #follow(name: string, room: Followed, after?: Position): void {
    room.handle = this.#node.follow(room.key, {
      onEvent: (event) => this.#listener.onRoomEvent(name, event),
      onGap: (from, to, reason) => {
        if (reason === "epoch") room.begunAt = to.offset;
        this.#listener.onRoomGap(name, from, to, reason);
      },
      onFollowing: ({ offset }) => {
        room.isFollowed = true;
        room.begunAt = offset;
        for (const tell of room.waiting.splice(0)) tell(offset);
      },
      onFollowFailed: (error) => {
        room.handle = null;
        this.#listener.onRoomFailed(name, error);
        setTimeout(() => {
          if (!this.#isClosed && this.#rooms.get(name) === room) this.#follow(name, room, after);
        }, kRetryMs).unref();
      },
    }, after);
  }
}
