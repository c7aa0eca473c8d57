// One Socket.IO server's place in the cluster, shared by the adapters of its
// namespaces.
import type {
  Done, GapReason, PublishAnswer, PublishRequest, RoomEvent, RoomFollower, RoomHandle,
} from "./backplane.js";
import { BrokerLink, type BrokerLinkOptions, randomId } from "./broker_link.js";
import { ClusterRequests } from "./cluster_requests.js";
import { Dismissals } from "./dismissals.js";
import { EventFlag } from "./generated/proto/events.js";
import { NodeAnswer, type Request } from "./generated/proto/node_messages.js";
import { SessionNotice } from "./generated/proto/sessions.js";
import type { Position } from "./position.js";
import { kNodeNamespace, roomKey } from "./room_key.js";
import type { RoomlogError } from "./roomlog_error.js";
import { asBuffer } from "./stored_packet.js";

// Who follows a room. Its calls may follow and end rooms.
export interface RoomListener {
  onEvent(event: RoomEvent): void;
  onFollowing?(head: Position): void;
  onGap?(from: Position, to: Position, reason: GapReason): void;
  onFollowFailed?(error: RoomlogError): void;
}

interface SharedRoom {
  handle: RoomHandle | null; // Null while it waits to be tried again.
  head: Position | null; // Not null: it is followed.
  readonly listeners: Set<RoomListener>;
}

const kFollowAgainMs = 1000;

// The broker counts those who hold a room by their links, and each answers a
// request once; so each server of a process has a node of its own.
export class ClusterNode implements RoomFollower {
  // Names this server in what it says to the others.
  readonly serverId = randomId();
  readonly requests = new ClusterRequests();
  readonly dismissals: Dismissals;
  readonly link: BrokerLink;
  readonly id = `node-js-${randomId().toString(36)}`; // The room that takes its answers.
  // The room that takes what the broker tells of sessions.
  readonly noticeRoom = `${this.id}/sessions`;
  // By namespace.
  readonly #noticeListeners = new Map<string, (notice: SessionNotice) => void>();
  #isFollowingNotices = false;
  readonly #listeners = new Map<RoomHandle, RoomListener>();
  readonly #onClosed: () => void;
  // Rooms that several follow, by their keys.
  readonly #shared = new Map<string, SharedRoom>();
  #users = 0;

  // Throws if `options.broker` is no address.
  constructor(options: BrokerLinkOptions, onClosed: () => void) {
    this.#onClosed = onClosed;
    this.link = new BrokerLink(options, this);
    this.follow(roomKey(kNodeNamespace, this.id), {
      onEvent: ({ packet }) => this.#onAnswer(packet),
    });
    this.dismissals = new Dismissals(this);
  }

  retain(): void {
    ++this.#users;
  }
  // The last one closes the link.
  async release(): Promise<void> {
    if (--this.#users > 0) return;
    this.#onClosed();
    this.dismissals.close();
    await this.link.close();
    this.requests.close();
  }

  listenToNotices(namespace: string, listener: (notice: SessionNotice) => void): void {
    this.#noticeListeners.set(namespace, listener);
    if (this.#isFollowingNotices) return;
    this.#isFollowingNotices = true;
    this.follow(roomKey(kNodeNamespace, this.noticeRoom), { onEvent: ({ packet }) => this.#onNotice(packet) });
  }
  forgetNotices(namespace: string): void {
    this.#noticeListeners.delete(namespace);
  }

  #onNotice(packet: Buffer): void {
    let notice: SessionNotice;
    try {
      notice = SessionNotice.decode(packet);
    } catch {
      return;
    }
    this.#noticeListeners.get(notice.nameSpace)?.(notice);
  }

  follow(key: string, listener: RoomListener, after?: Position): RoomHandle {
    const handle = this.link.follow(key, after);
    this.#listeners.set(handle, listener);
    return handle;
  }
  unfollow(handle: RoomHandle): void {
    this.#listeners.delete(handle);
    this.link.unfollow(handle);
  }
  // As follow(), also for a room that somebody shares already: then it is told that it
  // follows soon. A room that cannot be followed is tried again. Returns what ends it.
  share(key: string, listener: RoomListener): () => void {
    const room = this.#shared.get(key) ?? this.#beginSharing(key);
    room.listeners.add(listener);
    const { head } = room;
    if (head !== null) {
      queueMicrotask(() => {
        if (room.listeners.has(listener)) listener.onFollowing?.(head);
      });
    }
    return () => {
      if (!room.listeners.delete(listener) || room.listeners.size > 0) return;
      this.#shared.delete(key);
      if (room.handle !== null) this.unfollow(room.handle);
    };
  }

  #beginSharing(key: string): SharedRoom {
    const room: SharedRoom = { handle: null, head: null, listeners: new Set() };
    this.#shared.set(key, room);
    const begin = (): void => {
      room.handle = this.follow(key, {
        onEvent: (event) => {
          for (const each of [...room.listeners]) each.onEvent(event);
        },
        onFollowing: (head) => {
          room.head = head;
          for (const each of [...room.listeners]) each.onFollowing?.(head);
        },
        onGap: (...gap) => {
          for (const each of [...room.listeners]) each.onGap?.(...gap);
        },
        onFollowFailed: () => {
          room.handle = room.head = null;
          setTimeout(() => {
            if (this.#shared.get(key) === room && room.handle === null) begin();
          }, kFollowAgainMs).unref();
        },
      });
    };
    begin();
    return room;
  }

  publish(request: PublishRequest, done: Done<PublishAnswer>): void {
    this.link.publish(request, done);
  }

  requestOf(id: bigint, timeoutMs: number): Request {
    return { id, replyRoom: this.id, timeoutMs: Math.min(Math.max(1, Math.ceil(timeoutMs)), 0xffffffff) };
  }

  answer(request: Request, given: Partial<NodeAnswer>): void {
    const answer: NodeAnswer = { ...NodeAnswer.create(), ...given, request: request.id };
    if (request.replyRoom === this.id) {
      this.requests.onAnswer(answer);
      return;
    }
    let room: string;
    try {
      room = roomKey(kNodeNamespace, request.replyRoom);
    } catch {
      return; // Whoever asked is not there.
    }
    const packet = asBuffer(NodeAnswer.encode(answer).finish());
    this.publish({ room, flags: EventFlag.EVENT_FLAG_EPHEMERAL, id: "", packet }, () => {
      // If it is lost, whoever asked has a timeout.
    });
  }

  #onAnswer(packet: Buffer): void {
    let answer: NodeAnswer;
    try {
      answer = NodeAnswer.decode(packet);
    } catch {
      return;
    }
    this.requests.onAnswer(answer);
  }

  // RoomFollower:
  onFollowing(room: RoomHandle, head: Position): void {
    this.#guard(() => this.#listeners.get(room)?.onFollowing?.(head));
  }
  onFollowFailed(room: RoomHandle, error: RoomlogError): void {
    const listener = this.#listeners.get(room);
    this.#listeners.delete(room);
    this.#guard(() => listener?.onFollowFailed?.(error));
  }
  onEvent(event: RoomEvent): void {
    this.#guard(() => this.#listeners.get(event.room)?.onEvent(event));
  }
  onGap(room: RoomHandle, from: Position, to: Position, reason: GapReason): void {
    this.#guard(() => this.#listeners.get(room)?.onGap?.(from, to, reason));
  }

  // What a program's listener throws is its own affair, and shall not stop the link
  // in the middle of a message.
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }
}
