// Socket.IO's adapter over the cluster's log.
import { Adapter, type BroadcastOptions } from "socket.io-adapter";
import type { Done, PublishAnswer } from "./backplane.js";
import { RoomNames } from "./audience.js";
import type { LocalSocket } from "./client_packet.js";
import type { ClusterNode } from "./cluster_node.js";
import { FollowedRooms } from "./followed_rooms.js";
import { EventFlag } from "./generated/proto/events.js";
import { Envelope } from "./generated/proto/node_messages.js";
import type { Dismissal } from "./generated/proto/users.js";
import { type GapEvent, type HistoryOptions, type HistoryResult, readHistory } from "./history.js";
import { IncomingEvents } from "./incoming_events.js";
import * as limits from "./limits.js";
import { formatPosition } from "./position.js";
import { type PageOptions, type Presence, type PresenceOptions, readPresence, readRooms, type Rooms } from "./presence.js";
import { type PresenceChange, type PresenceWatchOptions, watchPresence } from "./presence_watch.js";
import { type FetchedSocket, fromWire } from "./remote_socket.js";
import { Replays, type ReplayOptions, type ReplayResult } from "./replay.js";
import { looksLikeSocketId, nodeRoomKey, roomKey } from "./room_key.js";
import { RoomlogError } from "./roomlog_error.js";
import { Sessions, type SocketSession } from "./sessions.js";
import { addressPacket, encodeEvent, type EncodedPacket, storePacket, storeValues } from "./stored_packet.js";
import { User } from "./user.js";

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Any = any;

export interface PublishOptions {
  // Appended once per room and id; without one, always. At most 128 bytes.
  id?: string;
  // Members get {room, id, time} before the offset, as from the room application of
  // a C++ edge; there should be one argument then.
  meta?: boolean;
}

export interface PublishResult {
  offset: string;
  // The id was used before in the room; `offset` is that first event's.
  duplicate: boolean;
}

export interface RoomlogAdapterOptions {
  requestsTimeoutMs: number;
  userOf: (socket: Any) => unknown;
}

interface Packet {
  type: number;
  data: unknown[];
  nsp?: string;
  id?: number;
}

// What is said to many is published, and delivered here, as on all other servers,
// when it comes back in the order of the log. Emits:
//  - "error" (RoomlogError) when something that was emitted is lost, or a room cannot
//    be followed. Without a listener it is a process warning, so nothing crashes.
//  - "gap" (GapEvent) when events of a room are missing for good.
export class RoomlogAdapter extends Adapter {
  readonly #node: ClusterNode;
  readonly #options: RoomlogAdapterOptions;
  readonly #names: RoomNames;
  readonly #followed: FollowedRooms;
  readonly #replays: Replays;
  readonly #sessions: Sessions | null;
  readonly #incoming: IncomingEvents;
  readonly #stopListening: () => void;
  // How many nodes the broadcast of this moment goes to: see serverCount().
  #justAsked: Promise<number> | null = null;
  #lastWarning = -Infinity;
  #isClosed = false;

  constructor(nsp: unknown, node: ClusterNode, options: RoomlogAdapterOptions) {
    super(nsp);
    this.#node = node;
    this.#options = options;
    node.retain();
    this.#names = new RoomNames(this.rooms);
    this.#followed = new FollowedRooms(node, this.#namespace, {
      onRoomEvent: (room, event) => this.#incoming.onRoomEvent(room, event),
      onRoomGap: (room, from, to, reason) =>
        this.#onGap({ room, from: formatPosition(from), to: formatPosition(to), reason }),
      onRoomFailed: (room, error) => this.#report(error, `room ${JSON.stringify(room)} cannot be followed`),
    });
    this.#replays = new Replays(node, this.#namespace, this.#followed);
    this.#sessions = this.#makeSessions();
    this.#incoming = new IncomingEvents(this, node, this.#names, this.#replays, this.#sessions, {
      fetchSockets: (opts) => super.fetchSockets(opts),
      addSockets: (opts, rooms) => super.addSockets(opts, rooms),
      delSockets: (opts, rooms) => super.delSockets(opts, rooms),
      disconnectSockets: (opts, close) => super.disconnectSockets(opts, close),
      report: (error, what) => this.#report(error, what),
    });
    this.#stopListening = node.dismissals.listen((dismissal) => this.#onDismissal(dismissal));
    // Every socket of the namespace is in the room with the empty name.
    this.#followed.hold("");
    this.on("create-room", (room: unknown) => {
      this.#names.add(room);
      if (this.#isShared(room)) this.#followed.hold(String(room), this.#incoming.joinAfter);
    });
    this.on("leave-room", (room: unknown, id: string) => this.#replays.forget(id, String(room)));
    this.on("delete-room", (room: unknown) => {
      this.#names.delete(room);
      if (this.#isShared(room)) this.#followed.drop(String(room));
    });
  }

  get #namespace(): string {
    return this.nsp.name;
  }

  // What is for a socket's own room comes in the namespace's.
  #isShared(room: unknown): boolean {
    return !(typeof room === "string" && looksLikeSocketId(room) && this.sids.has(room)) && String(room) !== "";
  }

  override async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sessions?.close();
    this.#stopListening();
    // What was emitted here goes to the others; of the rest, nobody is left to hear.
    this.#followed.close();
    await this.#node.release();
  }

  // ---- Sessions ----

  #makeSessions(): Sessions | null {
    const { connectionStateRecovery: recovery } = this.nsp.server.opts;
    if (!recovery) return null;
    return new Sessions(this.nsp, this.#node, recovery.maxDisconnectionDuration, this.#followed, this.#replays, {
      sockets: this.nsp.sockets,
      addToRooms: (id, rooms) => super.addAll(id, new Set(rooms)),
      removeFromRooms: (id) => super.delAll(id),
      roomsOf: (id) => this.sids.get(id) ?? new Set(),
      packetFor: (id, room, event, suffix) => this.#incoming.packetFor(id, room, event, suffix),
      userOf: (socket) => {
        const user = this.#options.userOf(socket);
        return typeof user === "string" && Buffer.byteLength(user) <= limits.kUserNameBytesMax ? user : "";
      },
      warn: (error, what) => this.#report(error, what),
    });
  }

  override persistSession(session: { sid: string }): void {
    this.#sessions?.lost(session.sid);
  }
  override restoreSession(privateId: string, offset: string): Promise<Any> {
    const none: Promise<SocketSession | null> = Promise.resolve(null);
    return this.#sessions?.restore(privateId, offset) ?? none;
  }

  // With sessions, resolves when the socket is in the rooms also if this server is
  // killed.
  override addAll(id: string, rooms: Set<Any>): Promise<void> | void {
    if (this.#sessions === null) return super.addAll(id, rooms);
    const before = this.sids.get(id);
    const joined = [...rooms].filter((room) => !before?.has(room)).map(String);
    super.addAll(id, rooms);
    if (rooms.has(id)) this.#sessions.connecting(id);
    return joined.length === 0 ? undefined : this.#sessions.joined(id, joined);
  }
  override del(id: string, room: Any): void {
    const wasIn = this.sids.get(id)?.has(room);
    super.del(id, room);
    if (wasIn) this.#sessions?.left(id, [String(room)]);
  }
  override delAll(id: string): void {
    const rooms = this.#sessions?.has(id) ? [...this.sids.get(id) ?? []].map(String) : [];
    super.delAll(id);
    this.#sessions?.leftAll(id, rooms);
  }

  // ---- What this server says ----

  override broadcast(packet: Packet, opts: BroadcastOptions): void {
    // With recovery on, Socket.IO says by broadcast() also what asks one local socket for
    // an acknowledgement.
    const alone = this.#sessions === null ? null : aloneIn(opts);
    const isHere = alone !== null && this.nsp.sockets.has(alone);
    const directRoom = isHere ? this.#sessions!.directRoomOf(alone) : null;
    if (opts.flags?.local || packet.id !== undefined || (isHere && directRoom === null)) {
      // A client would take a text at the end for its offset.
      if (this.#sessions && packet.id === undefined && typeof packet.data.at(-1) === "string") packet.data.push(null);
      super.broadcast(packet, opts);
      return;
    }
    packet.nsp = this.#namespace;
    const encoded = this.nsp.server.encoder.encode(packet); // Throws as Socket.IO does.
    const flags = opts.flags?.volatile ? EventFlag.EVENT_FLAG_EPHEMERAL : 0;
    try {
      this.#publishCopies(encoded, toEnvelope(opts), flags, (error) => {
        if (error) this.#report(error, `${describe(packet)} was not emitted`);
      }, directRoom);
    } catch (error) {
      this.#report(error, `${describe(packet)} was not emitted`);
    }
  }

  override broadcastWithAck(
    packet: Packet, opts: BroadcastOptions, clientCountCallback: (clientCount: number) => void,
    ack: (...args: Any[]) => void,
  ): void {
    if (opts.flags?.local) {
      this.#setJustAsked(Promise.resolve(1));
      super.broadcastWithAck(packet, opts, clientCountCallback, ack);
      return;
    }
    packet.nsp = this.#namespace;
    const encoded = this.nsp.server.encoder.encode(packet);
    const timeoutMs = opts.flags?.timeout ?? this.#options.requestsTimeoutMs;
    let tellReceivers!: (receivers: number) => void;
    // If it never is known, Socket.IO's own timeout tells.
    this.#setJustAsked(new Promise((told) => (tellReceivers = told)));
    const envelope = toEnvelope(opts);
    const id = this.#node.requests.begin(Math.max(1, envelope.rooms.length), timeoutMs, {
      onReceivers: tellReceivers,
      onClientCount: clientCountCallback,
      onClientAck: ack,
      done: (error) => {
        if (error && error.code !== "timeout") this.#report(error, `${describe(packet)} was not emitted`);
      },
    });
    if (id === null) return;
    envelope.request = this.#node.requestOf(id, timeoutMs);
    try {
      this.#publishCopies(encoded, envelope, EventFlag.EVENT_FLAG_EPHEMERAL,
        (error, answer) => this.#node.requests.onPublished(id, error, answer));
    } catch (error) {
      this.#node.requests.onPublished(id, toRoomlogError(error));
    }
  }

  // Socket.IO asks for it right after a broadcast with acknowledgements, and waits for
  // as many counts of clients. Otherwise: the servers (of a C++ edge, its loops) that
  // hold this namespace.
  override serverCount(): Promise<number> {
    if (this.#justAsked) return this.#justAsked;
    // Nobody has this id, so nothing happens but that it is handed on.
    const envelope = Envelope.create({ rooms: ["-".repeat(20)], socketsLeave: { rooms: [] } });
    return new Promise((done, fail) => {
      this.#publishToNamespace(envelope, EventFlag.EVENT_FLAG_EPHEMERAL,
        (error, answer) => (error ? fail(error) : done(answer!.receivers)));
    });
  }

  #setJustAsked(receivers: Promise<number>): void {
    this.#justAsked = receivers;
    queueMicrotask(() => {
      if (this.#justAsked === receivers) this.#justAsked = null;
    });
  }

  // In this order: joins, leaves and disconnects with each other and with events.
  override addSockets(opts: BroadcastOptions, rooms: Any[]): void {
    if (opts.flags?.local) super.addSockets(opts, rooms);
    else this.#control("socketsJoin", { ...toEnvelope(opts), socketsJoin: { rooms: rooms.map(String) } });
  }
  override delSockets(opts: BroadcastOptions, rooms: Any[]): void {
    if (opts.flags?.local) super.delSockets(opts, rooms);
    else this.#control("socketsLeave", { ...toEnvelope(opts), socketsLeave: { rooms: rooms.map(String) } });
  }
  override disconnectSockets(opts: BroadcastOptions, close: boolean): void {
    if (opts.flags?.local) super.disconnectSockets(opts, close);
    else this.#control("disconnectSockets", { ...toEnvelope(opts), disconnectSockets: { close: close ?? false } });
  }

  #control(what: string, envelope: Envelope): void {
    this.#publishToNamespace(envelope, 0, (error) => {
      if (error) this.#report(error, `${what} was not said`);
    });
  }

  // Local sockets as they are, others as what is known of them. Rejects with a
  // RoomlogError "timeout", whose `sockets` are those that were found, if a server
  // does not answer.
  override fetchSockets(opts: BroadcastOptions): Promise<Any[]> {
    if (opts.flags?.local) return super.fetchSockets(opts);
    const timeoutMs = opts.flags?.timeout ?? this.#options.requestsTimeoutMs;
    return new Promise((done, fail) => {
      const id = this.#node.requests.begin(1, timeoutMs, {
        done: (error, answers) => {
          const sockets = answers.sockets.map((one): FetchedSocket | LocalSocket =>
            this.nsp.sockets.get(one.id) ?? fromWire(one));
          if (error) fail(Object.assign(error, { sockets }));
          else done(sockets);
        },
      });
      if (id === null) return;
      const request = this.#node.requestOf(id, timeoutMs);
      this.#publishToNamespace({ ...toEnvelope(opts), fetchSockets: {}, request }, EventFlag.EVENT_FLAG_EPHEMERAL,
        (error, answer) => this.#node.requests.onPublished(id, error, answer));
    });
  }

  override async sockets(rooms: Set<Any>): Promise<Set<string>> {
    const sockets = await this.fetchSockets({ rooms });
    return new Set(sockets.map(({ id }) => id));
  }

  override serverSideEmit(packet: Any[]): void {
    const ack = typeof packet.at(-1) === "function"
      ? packet.pop() as (error: Error | null, responses: unknown[]) => void : null;
    const [event, ...args] = packet;
    const envelope = Envelope.create({
      serverSideEmit: { server: this.#node.serverId, event: String(event), arguments: storeValues(args) },
    });
    if (ack === null) {
      this.#publishToNamespace(envelope, EventFlag.EVENT_FLAG_EPHEMERAL, (error) => {
        if (error) this.#report(error, `serverSideEmit of ${JSON.stringify(event)} was not said`);
      });
      return;
    }
    const timeoutMs = this.#options.requestsTimeoutMs;
    const id = this.#node.requests.begin(1, timeoutMs, { done: (error, { values }) => ack(error, values) });
    if (id === null) return;
    envelope.request = this.#node.requestOf(id, timeoutMs);
    this.#publishToNamespace(envelope, EventFlag.EVENT_FLAG_EPHEMERAL,
      (error, answer) => this.#node.requests.onPublished(id, error, answer));
  }

  // ---- The log of a room ----

  // Says an event in a room, for its members and for its history; they get
  // event(...args, offset). Resolves once it is durable. Rejects with a RoomlogError:
  // after "unavailable", publishing the same id again is safe.
  async publish(room: string, event: string, args: unknown[], options: PublishOptions = {}): Promise<PublishResult> {
    const { bytes, hasAttachments } = storePacket(encodeEvent(this.#namespace, [event, ...args]));
    const flags = (hasAttachments ? EventFlag.EVENT_FLAG_HAS_ATTACHMENTS : 0) |
      (options.meta ? EventFlag.EVENT_FLAG_ROOM_APPLICATION : 0);
    const request = { room: roomKey(this.#namespace, room), flags, id: options.id ?? "", packet: bytes };
    return new Promise((done, fail) => {
      this.#node.publish(request, (error, answer) => {
        if (error) fail(error);
        else done({ offset: formatPosition(answer!.position), duplicate: answer!.duplicate });
      });
    });
  }

  // A page of what was published in a room. Rejects with a RoomlogError.
  async history(room: string, options: HistoryOptions = {}): Promise<HistoryResult> {
    return readHistory(this.#node.link, roomKey(this.#namespace, room), options);
  }

  // Joins `socket` to a room and sends it what was said there before, then, with
  // nothing between lost or repeated, what is said from then on.
  async replay(socket: { id: string }, room: string, options: ReplayOptions = {}): Promise<ReplayResult> {
    const local: LocalSocket | undefined = this.nsp.sockets.get(socket.id);
    if (!local) throw new RoomlogError("invalid", "the socket is not connected to this server");
    roomKey(this.#namespace, room);
    if (this.#sessions?.has(socket.id)) return this.#replayForSession(this.#sessions, local, room, options);
    return this.#replays.run(local, room, options, {
      join: () => this.addAll(socket.id, new Set([room])),
      packetFor: (event) => this.#incoming.packetFor(socket.id, room, event, null),
    });
  }

  #replayForSession(
    sessions: Sessions, socket: LocalSocket, room: string, options: ReplayOptions,
  ): Promise<ReplayResult> {
    return sessions.replay(socket.id, room, options, () => super.addAll(socket.id, new Set([room])),
      (through, suffix) => this.#replays.read(room, options, through, (event) => {
        const packet = this.#incoming.packetFor(socket.id, room, event, suffix);
        packet?.sendTo(socket);
        return packet !== null;
      }));
  }

  // ---- Who is there ----

  // Who is in a room, on whatever server or edge; of the empty name, in the namespace.
  // Told by the broker, so that no slow or dead server is waited for: those who may come
  // back if they are lost, so sockets of servers with connectionStateRecovery. Rejects
  // with a RoomlogError: "unavailable", "invalid".
  async presence(room: string, options: PresenceOptions = {}): Promise<Presence> {
    return readPresence(this.#node.link, this.#namespace, room, options);
  }
  // Calls back when a socket joins the room or leaves it, on whatever server or edge, in
  // order; of the empty name, when it comes or goes. Resolves once it hears of all that
  // comes, to what ends it. Rejects with a RoomlogError: "invalid" (the broker keeps no
  // feed of the room), "unavailable".
  async watchPresence(
    room: string, listener: (change: PresenceChange) => void, options: PresenceWatchOptions = {},
  ): Promise<() => void> {
    return watchPresence(this.#node, this.#namespace, room, listener, options);
  }
  // The rooms of the namespace that somebody is in, by their names.
  async roomsWithMembers(options: PageOptions = {}): Promise<Rooms> {
    return readRooms(this.#node.link, this.#namespace, options);
  }

  // ---- Users ----

  // What is kept of a user, the same on every server and edge, and putting him out.
  user(name: string): User {
    return new User(this.#node, this.#namespace, name);
  }

  #onDismissal({ user, socketId, nameSpace, revokes }: Dismissal): void {
    for (const socket of [...this.nsp.sockets.values()]) {
      const isMeant = user === "" ? socket.id === socketId && nameSpace === this.#namespace
        : this.#options.userOf(socket) === user;
      if (!isMeant) continue;
      const code = revokes ? "revoked" : "dismissed";
      // At once, and not by the log: it goes now.
      socket.packet({ type: kEvent, data: ["roomlog:closed", { code, message: "the server closes this connection" }] });
      socket.disconnect();
    }
  }

  // ---- Publishing ----

  // One event for each room, or in the direct room of the socket that it is for. Throws
  // a RoomlogError if it cannot be published.
  #publishCopies(
    encoded: EncodedPacket, envelope: Envelope, flags: number, done: Done<PublishAnswer>,
    directRoom: string | null = null,
  ): void {
    if (envelope.rooms.length + envelope.except.length > limits.kBroadcastRoomsMax) {
      throw new RoomlogError("limit", `a broadcast names more than ${limits.kBroadcastRoomsMax} rooms`);
    }
    const { bytes, hasAttachments } = storePacket(encoded);
    const all = flags | EventFlag.EVENT_FLAG_ADDRESSED |
      (hasAttachments ? EventFlag.EVENT_FLAG_HAS_ATTACHMENTS : 0);
    // All names are looked at before anything is published.
    const rooms = envelope.rooms.length === 0 ? [""] : envelope.rooms;
    const keys = directRoom !== null ? [nodeRoomKey(this.#namespace, directRoom)]
      : rooms.map((room) => roomKey(this.#namespace, looksLikeSocketId(room) ? "" : room));
    keys.forEach((room, through) => {
      if (envelope.rooms[through] === "") {
        done(null, kNobodyAnswered); // To programs it is a room that nobody is in.
        return;
      }
      const packet = addressPacket({ ...envelope, through }, bytes);
      this.#node.publish({ room, flags: all, id: "", packet }, done);
    });
  }

  #publishToNamespace(envelope: Envelope, flags: number, done: Done<PublishAnswer>): void {
    let room: string;
    try {
      room = roomKey(this.#namespace, "");
    } catch (error) {
      done(toRoomlogError(error));
      return;
    }
    const packet = addressPacket(envelope, kNoBytes);
    this.#node.publish({ room, flags: flags | EventFlag.EVENT_FLAG_ADDRESSED, id: "", packet }, done);
  }

  // ---- Trouble ----

  #onGap(gap: GapEvent): void {
    if (gap.reason === "epoch") {
      this.#replays.forgetOffsets();
      this.#sessions?.forgetAll();
    } else {
      this.#sessions?.onGap(gap.room === "" ? this.sids.keys() : this.#names.members(gap.room), gap);
    }
    this.emit("gap", gap);
  }

  #report(cause: unknown, what: string): void {
    const error = toRoomlogError(cause);
    error.message = `${what}: ${error.message}`;
    if (this.listenerCount("error") > 0) {
      this.emit("error", error);
      return;
    }
    const now = performance.now();
    if (now - this.#lastWarning < limits.kWarningIntervalMs) return;
    this.#lastWarning = now;
    process.emitWarning(`${error.message} (namespace ${this.#namespace}; more like it are not shown for a minute; ` +
      "listen to the adapter's \"error\" to see all)", "RoomlogWarning");
  }
}

const kEvent = 2; // Of Socket.IO's packets.
const kNoBytes = Buffer.alloc(0);
const kNobodyAnswered: PublishAnswer = { position: { epoch: 0, offset: 0 }, duplicate: false, receivers: 0 };

function toEnvelope(opts: BroadcastOptions): Envelope {
  return {
    rooms: names(opts.rooms),
    through: 0,
    except: names(opts.except),
    volatile: opts.flags?.volatile ?? false,
    request: undefined,
    socketsJoin: undefined,
    socketsLeave: undefined,
    disconnectSockets: undefined,
    fetchSockets: undefined,
    serverSideEmit: undefined,
  };
}

// The one room that is meant; null if it is not so simple. A socket's own room is meant
// by socket.emit().
function aloneIn({ rooms, except }: BroadcastOptions): string | null {
  if (rooms.size !== 1 || (except && except.size > 0)) return null;
  const [room] = rooms;
  return typeof room === "string" ? room : null;
}

// Programs may use any value as the name of a room.
function names(rooms: ReadonlySet<unknown> | undefined): string[] {
  const all: string[] = [];
  for (const room of rooms ?? []) all.push(String(room));
  return all;
}

function describe({ data }: Packet): string {
  return `event ${JSON.stringify(String(data?.[0]))}`;
}

function toRoomlogError(error: unknown): RoomlogError {
  return error instanceof RoomlogError ? error : new RoomlogError("invalid", String(error));
}
