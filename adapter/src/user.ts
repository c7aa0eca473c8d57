// A user of the cluster: what is kept of him, and putting him out. His record is the
// last event of a room of its own; docs/decisions/0028-users.md.
import type { HistoryPage, RoomEvent } from "./backplane.js";
import type { ClusterNode } from "./cluster_node.js";
import { EventFlag } from "./generated/proto/events.js";
import { Dismissal, UserOperation } from "./generated/proto/users.js";
import { readPage } from "./history.js";
import { formatPosition, parsePosition } from "./position.js";
import { kNodeNamespace, nodeRoomKey } from "./room_key.js";
import { RoomlogError } from "./roomlog_error.js";
import { asBuffer, decodeEvent } from "./stored_packet.js";

const kUserRoomPrefix = "$roomlog/user/";

export interface UserState {
  state: Record<string, unknown> | null; // Null: there is none.
  version: string | null; // Of its last change.
  expires: number | null; // When it ends, in milliseconds since 1970; null: never.
}

export interface UserChangeOptions {
  // Only if this is its version, or null: only if there is no state. Else the promise is
  // rejected with a RoomlogError "conflict".
  version?: string | null;
  // So many milliseconds does it last. Without it a set() lasts for good, and a merge()
  // as long as what there was.
  ttl?: number;
  // Done once per user and id. At most 128 bytes.
  id?: string;
}

export interface UserChanged {
  version: string;
  // The id was used before; `version` is of that first change.
  duplicate: boolean;
}

// What a watcher hears first, and whenever it changes.
export interface WatchedUserState extends UserState {
  user: string;
  // Null: it is what there was when watching began, or after changes that were missed.
  change: "set" | "merge" | "delete" | "expire" | null;
}

export class User {
  readonly name: string;
  readonly #node: ClusterNode;
  readonly #room: string;

  // Throws a RoomlogError "invalid" if nobody can have that name.
  constructor(node: ClusterNode, namespace: string, name: string) {
    if (name === "") throw new RoomlogError("invalid", "a user needs a name");
    this.name = name;
    this.#node = node;
    this.#room = nodeRoomKey(namespace, `${kUserRoomPrefix}${name}`);
  }

  async get(): Promise<UserState> {
    return stateOf(await this.#readLast());
  }
  // Puts an object in the place of what there was. Rejects with a RoomlogError: "conflict",
  // "invalid" (no object, or larger than 64 KiB), "unavailable", "limit".
  set(state: object, options: UserChangeOptions = {}): Promise<UserChanged> {
    return this.#change({ set: Buffer.from(JSON.stringify(state)) }, options);
  }
  // Merges into what there is (RFC 7396): null takes a member away.
  merge(patch: object, options: UserChangeOptions = {}): Promise<UserChanged> {
    return this.#change({ merge: Buffer.from(JSON.stringify(patch)) }, options);
  }
  // Resolves to null if there was none.
  async remove(options: UserChangeOptions = {}): Promise<UserChanged | null> {
    try {
      return await this.#change({ remove: true }, options);
    } catch (error) {
      if (error instanceof RoomlogError && error.code === "not_found") return null;
      throw error;
    }
  }

  // Calls back with what there is, and then with each change, in their order. Returns
  // what ends it.
  watch(listener: (state: WatchedUserState) => void): () => void {
    let isOver = false;
    let told = -1; // The offset of what was told last.
    const tell = (event: RoomEvent, change: WatchedUserState["change"]): void => {
      if (isOver || event.offset <= told) return;
      told = event.offset;
      const body = bodyOf(event);
      listener({ user: this.name, ...stateOf({ event, epoch: this.#node.link.epoch }), change: change ?? body.change });
    };
    const begin = async (): Promise<void> => {
      const last = await this.#readLast();
      if (isOver || told >= (last?.event.offset ?? 0)) return;
      told = last?.event.offset ?? 0;
      listener({ user: this.name, ...stateOf(last), change: null });
    };
    const beginSoon = (): void => {
      begin().catch(() => {
        if (!isOver) setTimeout(beginSoon, kRetryMs).unref();
      });
    };
    const stop = this.#node.share(this.#room, {
      onEvent: (event) => tell(event, null),
      onFollowing: beginSoon,
      onGap: (_from, _to, reason) => {
        if (reason === "epoch") told = -1;
        beginSoon();
      },
    });
    return () => {
      isOver = true;
      stop();
    };
  }

  // Closes his sockets on all nodes: on servers on Node.js those of which the adapter's
  // `userOf` tells that they are his.
  disconnect(): Promise<void> {
    return this.#dismiss(false);
  }
  // The same, and C++ edges refuse his tokens that were issued until now. revokedAt()
  // tells it to programs that check tokens themselves.
  revoke(): Promise<void> {
    return this.#dismiss(true);
  }
  // Until when his tokens were revoked, in milliseconds since 1970; null: never.
  async revokedAt(): Promise<number | null> {
    return (await this.#node.dismissals.known()).get(this.name) ?? null;
  }

  #dismiss(revokes: boolean): Promise<void> {
    const packet = asBuffer(Dismissal.encode({ ...Dismissal.create(), user: this.name, revokes }).finish());
    return new Promise((done, fail) => {
      this.#node.publish({ room: nodeRoomKey(kNodeNamespace, "dismissals"), flags: 0, id: "", packet },
        (error) => (error ? fail(error) : done()));
    });
  }

  #change(change: Partial<UserOperation>, { version, ttl, id = "" }: UserChangeOptions): Promise<UserChanged> {
    const operation = { ...UserOperation.create(), ...change };
    if (version !== undefined) {
      // Offsets are never used again, whatever life of the log they are of.
      operation.ifVersion = version === null ? 0n : offsetOf(version);
    }
    if (ttl !== undefined) {
      if (!Number.isInteger(ttl) || ttl < 1) throw new RoomlogError("invalid", "ttl is a whole number of milliseconds");
      operation.ttlMs = BigInt(ttl);
    }
    const packet = asBuffer(UserOperation.encode(operation).finish());
    return new Promise((done, fail) => {
      this.#node.publish({ room: this.#room, flags: EventFlag.EVENT_FLAG_USER, id, packet }, (error, answer) => {
        if (!error) done({ version: formatPosition(answer!.position), duplicate: answer!.duplicate });
        else fail(error.code === "fenced" ? new RoomlogError("conflict", error.message) : error);
      });
    });
  }

  async #readLast(): Promise<Last | null> {
    const page: HistoryPage = await readPage(this.#node.link, { room: this.#room, newestFirst: true, eventsMax: 1 });
    const event = page.events.at(-1);
    return event ? { event, epoch: page.epoch } : null;
  }
}

function offsetOf(version: string): bigint {
  const position = parsePosition(version);
  if (!position) throw new RoomlogError("invalid", `${JSON.stringify(version)} is no version`);
  return BigInt(position.offset);
}

// How long until what could not be read is asked for again.
const kRetryMs = 1000;

interface Last {
  event: RoomEvent | HistoryPage["events"][number];
  epoch: number;
}

interface Body {
  change: WatchedUserState["change"];
  state: Record<string, unknown> | null;
  expires: number | null;
}

function bodyOf({ packet }: { packet: Buffer }): Body {
  const [, body] = decodeEvent({ text: packet, attachments: [] }) as [string, Body];
  return body;
}

const kNothing: UserState = { state: null, version: null, expires: null };

function stateOf(last: Last | null): UserState {
  if (last === null) return kNothing;
  const { state, expires } = bodyOf(last.event);
  if (state === null || (expires !== null && expires <= Date.now())) return kNothing;
  return { state, version: formatPosition({ epoch: last.epoch, offset: last.event.offset }), expires };
}
