// Socket.IO's adapter over the cluster's log.
import { Adapter, type BroadcastOptions } from "socket.io-adapter";
import type { Done, PublishAnswer, RoomEvent } from "./backplane.js";
import { isLeftOut, recipients, RoomNames } from "./audience.js";
import { ClientPacket, type LocalSocket } from "./client_packet.js";
import type { ClusterNode } from "./cluster_node.js";
import { FollowedRooms } from "./followed_rooms.js";
import { EventFlag } from "./generated/proto/events.js";
import { Envelope } from "./generated/proto/node_messages.js";
import { type GapEvent, type HistoryOptions, type HistoryResult, readHistory } from "./history.js";
import * as limits from "./limits.js";
import { formatPosition, type Position } from "./position.js";
import { type FetchedSocket, fromWire, toWire } from "./remote_socket.js";
import { Replays, type ReplayOptions, type ReplayResult } from "./replay.js";
import { looksLikeSocketId, roomKey } from "./room_key.js";
import { completeText, isEventOf, withAckId } from "./room_text.js";
import { RoomlogError } from "./roomlog_error.js";
import {
  addressPacket, encodeEvent, type EncodedPacket, isForNodes, loadPacket, loadValues, parseAddressed,
  type StoredPacket, storePacket, storeValues,
} from "./stored_packet.js";

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
  // Where in the log the joins of this moment were said, if they were.
  #joinAfter: Position | undefined;
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
      onRoomEvent: (room, event) => this.#onRoomEvent(room, event),
      onRoomGap: (room, from, to, reason) =>
        this.#onGap({ room, from: formatPosition(from), to: formatPosition(to), reason }),
      onRoomFailed: (room, error) => this.#report(error, `room ${JSON.stringify(room)} cannot be followed`),
    });
    this.#replays = new Replays(node, this.#namespace, this.#followed);
    // Every socket of the namespace is in the room with the empty name.
    this.#followed.hold("");
    this.on("create-room", (room: unknown) => {
      this.#names.add(room);
      if (this.#isShared(room)) this.#followed.hold(String(room), this.#joinAfter);
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
    // What was emitted here goes to the others; of the rest, nobody is left to hear.
    this.#followed.close();
    await this.#node.release();
  }

  // ---- What this server says ----

  override broadcast(packet: Packet, opts: BroadcastOptions): void {
    // With recovery on, Socket.IO says by broadcast() also what asks one local socket for
    // an acknowledgement.
    if (opts.flags?.local || packet.id !== undefined) {
      super.broadcast(packet, opts);
      return;
    }
    packet.nsp = this.#namespace;
    const encoded = this.nsp.server.encoder.encode(packet); // Throws as Socket.IO does.
    const flags = opts.flags?.volatile ? EventFlag.EVENT_FLAG_EPHEMERAL : 0;
    try {
      this.#publishCopies(encoded, toEnvelope(opts), flags, (error) => {
        if (error) this.#report(error, `${describe(packet)} was not emitted`);
      });
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
    return this.#replays.run(local, room, options, {
      join: () => this.addAll(socket.id, new Set([room])),
      packetFor: (event) => this.#packetFor(socket.id, room, event),
    });
  }

  // ---- Publishing ----

  // One event for each room. Throws a RoomlogError if it cannot be published.
  #publishCopies(encoded: EncodedPacket, envelope: Envelope, flags: number, done: Done<PublishAnswer>): void {
    if (envelope.rooms.length + envelope.except.length > limits.kBroadcastRoomsMax) {
      throw new RoomlogError("limit", `a broadcast names more than ${limits.kBroadcastRoomsMax} rooms`);
    }
    const { bytes, hasAttachments } = storePacket(encoded);
    const all = flags | EventFlag.EVENT_FLAG_ADDRESSED |
      (hasAttachments ? EventFlag.EVENT_FLAG_HAS_ATTACHMENTS : 0);
    // All names are looked at before anything is published.
    const keys = (envelope.rooms.length === 0 ? [""] : envelope.rooms).map(
      (room) => roomKey(this.#namespace, looksLikeSocketId(room) ? "" : room));
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

  // ---- What this server is told ----

  #onRoomEvent(room: string, event: RoomEvent): void {
    const isAddressed = (event.flags & EventFlag.EVENT_FLAG_ADDRESSED) !== 0;
    const addressed = isAddressed ? parseAddressed(event.packet) : null;
    if (isAddressed && addressed === null) return; // It is no node's.
    const envelope = addressed?.envelope ?? null;
    if (envelope && isForNodes(envelope)) {
      this.#onNodeEvent(room, envelope, event, addressed!.packet);
      return;
    }
    const packet = this.#clientPacket(room, event, envelope, addressed?.packet ?? event.packet);
    if (!packet) return;
    for (const id of recipients(this.#names, this.sids.keys(), room, envelope)) {
      const socket: LocalSocket | undefined = this.nsp.sockets.get(id);
      if (!socket || this.#replays.hold(id, room, event, packet)) continue;
      packet.sendTo(socket);
    }
  }

  // Null: it is nothing that clients may be sent.
  #clientPacket(room: string, event: RoomEvent, envelope: Envelope | null, bytes: Buffer): ClientPacket | null {
    const stored = loadPacket(bytes, (event.flags & EventFlag.EVENT_FLAG_HAS_ATTACHMENTS) !== 0);
    if (!stored || !isEventOf(this.#namespace, stored)) return null;
    stored.text = completeText(stored.text, event, room, this.#node.link.epoch);
    return new ClientPacket(stored, envelope?.volatile ?? false);
  }

  // What a stored event is to one socket; null if it is not for it.
  #packetFor(id: string, room: string, event: RoomEvent): ClientPacket | null {
    const isAddressed = (event.flags & EventFlag.EVENT_FLAG_ADDRESSED) !== 0;
    const addressed = isAddressed ? parseAddressed(event.packet) : null;
    if (isAddressed && (addressed === null || isForNodes(addressed.envelope))) return null;
    const envelope = addressed?.envelope ?? null;
    if (isLeftOut(this.#names, envelope, id)) return null;
    return this.#clientPacket(room, event, envelope, addressed?.packet ?? event.packet);
  }

  #onNodeEvent(room: string, envelope: Envelope, event: RoomEvent, packet: Buffer): void {
    const target = { rooms: new Set<Any>(envelope.rooms), except: new Set<Any>(envelope.except) };
    const isLogged = (event.flags & EventFlag.EVENT_FLAG_EPHEMERAL) === 0;
    if (envelope.socketsJoin) {
      // What was said in the rooms since, though they were not followed here, is read
      // from the log.
      this.#joinAfter = isLogged ? { epoch: this.#node.link.epoch, offset: event.offset } : undefined;
      super.addSockets(this.#localTarget(target), envelope.socketsJoin.rooms.filter((name) => name !== ""));
      this.#joinAfter = undefined;
    } else if (envelope.socketsLeave) {
      super.delSockets(this.#localTarget(target), this.#localNames(envelope.socketsLeave.rooms));
    } else if (envelope.disconnectSockets) {
      super.disconnectSockets(this.#localTarget(target), envelope.disconnectSockets.close);
    } else if (envelope.fetchSockets) {
      void this.#answerSockets(envelope, target);
    } else if (envelope.serverSideEmit) {
      this.#answerServer(envelope);
    } else {
      this.#askClients(room, envelope, event, packet);
    }
  }

  // Rooms as they are named here: see RoomNames.
  #localNames(names: Iterable<string>): Any[] {
    return [...names].flatMap((name) => this.#names.localNames(name));
  }
  #localTarget({ rooms, except }: { rooms: Set<Any>; except: Set<Any> }): BroadcastOptions {
    return { rooms: new Set(this.#localNames(rooms)), except: new Set(this.#localNames(except)) };
  }

  #askClients(room: string, envelope: Envelope, event: RoomEvent, bytes: Buffer): void {
    const request = envelope.request!;
    const stored = loadPacket(bytes, (event.flags & EventFlag.EVENT_FLAG_HAS_ATTACHMENTS) !== 0);
    const asked: LocalSocket[] = [];
    if (stored && isEventOf(this.#namespace, stored)) {
      for (const id of recipients(this.#names, this.sids.keys(), room, envelope)) {
        const socket = this.nsp.sockets.get(id);
        if (socket && !this.#replays.isReplaying(id, room)) asked.push(socket);
      }
    }
    // How many there are is said first, and if there are none, too.
    this.#node.answer(request, { clientCount: { clients: asked.length } });
    if (asked.length === 0) return;
    const ackId: number = this.nsp._ids++;
    const asking: StoredPacket = { ...stored!, text: withAckId(stored!.text, this.#namespace, stored!, ackId) };
    const packet = new ClientPacket(asking, envelope.volatile);
    for (const socket of asked) {
      socket.acks.set(ackId, (...args) => {
        this.#node.answer(request, { clientAck: { values: storeValues(args) } });
      });
      packet.sendTo(socket);
    }
    // Whoever asked does not wait any longer.
    setTimeout(() => {
      for (const socket of asked) socket.acks.delete(ackId);
    }, request.timeoutMs).unref();
  }

  async #answerSockets(envelope: Envelope, target: { rooms: Set<Any>; except: Set<Any> }): Promise<void> {
    let sockets = [];
    let bytes = 0;
    for (const socket of await super.fetchSockets(this.#localTarget(target)) as LocalSocket[]) {
      const { one, size } = toWire(
        socket, (error) => this.#report(error, `the data of socket ${socket.id} cannot be sent`));
      sockets.push(one);
      bytes += size;
      if (bytes < limits.kSocketsAnswerBytes) continue;
      this.#node.answer(envelope.request!, { sockets: { sockets, more: true } });
      sockets = [];
      bytes = 0;
    }
    this.#node.answer(envelope.request!, { sockets: { sockets, more: false } });
  }

  #answerServer(envelope: Envelope): void {
    const { server, event, arguments: stored } = envelope.serverSideEmit!;
    const { request } = envelope;
    const isOurs = server !== this.#node.serverId && !kReservedServerEvents.has(event) &&
      this.nsp.listeners(event).length > 0;
    if (!isOurs) {
      if (request) this.#node.answer(request, { serverSideAnswer: { handled: false, values: kNoBytes } });
      return;
    }
    let args: unknown[];
    try {
      args = [event, ...loadValues(stored)];
    } catch {
      return; // It is no node's.
    }
    if (request) {
      let isAnswered = false;
      args.push((...values: unknown[]) => {
        if (isAnswered) return;
        isAnswered = true;
        this.#node.answer(request, { serverSideAnswer: { handled: true, values: storeValues(values) } });
      });
    }
    this.nsp._onServerSideEmit(args);
  }

  // ---- Trouble ----

  #onGap(gap: GapEvent): void {
    if (gap.reason === "epoch") this.#replays.forgetOffsets();
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

const kNoBytes = Buffer.alloc(0);
// What Socket.IO's namespaces say themselves.
const kReservedServerEvents = new Set(["connect", "connection", "new_namespace"]);
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
