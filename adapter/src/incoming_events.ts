// What a namespace's adapter does with the events of its rooms.
import type { Adapter, BroadcastOptions } from "socket.io-adapter";
import { isLeftOut, recipients, type RoomNames } from "./audience.js";
import type { RoomEvent } from "./backplane.js";
import { ClientPacket, type LocalSocket } from "./client_packet.js";
import type { ClusterNode } from "./cluster_node.js";
import { isDirectRoom } from "./direct_room.js";
import { EventFlag } from "./generated/proto/events.js";
import type { Envelope } from "./generated/proto/node_messages.js";
import * as limits from "./limits.js";
import type { Position } from "./position.js";
import { toWire } from "./remote_socket.js";
import type { Replays } from "./replay.js";
import { completeText, isEventOf, withAckId } from "./room_text.js";
import type { Sessions } from "./sessions.js";
import { isForNodes, loadPacket, loadValues, parseAddressed, type StoredPacket, storeValues } from "./stored_packet.js";

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Any = any;

// What the adapter does to this server's own sockets, and whom it tells of trouble.
export interface LocalSockets {
  fetchSockets(opts: BroadcastOptions): Promise<Any[]>;
  addSockets(opts: BroadcastOptions, rooms: Any[]): void;
  delSockets(opts: BroadcastOptions, rooms: Any[]): void;
  disconnectSockets(opts: BroadcastOptions, close: boolean): void;
  report(error: unknown, what: string): void;
}

export class IncomingEvents {
  readonly #adapter: Adapter;
  readonly #nsp: Any;
  readonly #node: ClusterNode;
  readonly #names: RoomNames;
  readonly #replays: Replays;
  readonly #sessions: Sessions | null;
  readonly #local: LocalSockets;
  #joinAfter: Position | undefined;

  constructor(
    adapter: Adapter, node: ClusterNode, names: RoomNames, replays: Replays, sessions: Sessions | null,
    local: LocalSockets,
  ) {
    this.#adapter = adapter;
    this.#nsp = adapter.nsp;
    this.#node = node;
    this.#names = names;
    this.#replays = replays;
    this.#sessions = sessions;
    this.#local = local;
  }

  // Where in the log the joins of this moment were said, if they were.
  get joinAfter(): Position | undefined {
    return this.#joinAfter;
  }

  onRoomEvent(room: string, event: RoomEvent): void {
    const isAddressed = (event.flags & EventFlag.EVENT_FLAG_ADDRESSED) !== 0;
    const addressed = isAddressed ? parseAddressed(event.packet) : null;
    if (isAddressed && addressed === null) return; // It is no node's.
    const envelope = addressed?.envelope ?? null;
    if (envelope && isForNodes(envelope)) {
      // What a C++ edge asks one socket alone is asked at that edge only.
      if (!isDirectRoom(room)) this.#onNodeEvent(room, envelope, event, addressed!.packet);
      return;
    }
    const bytes = addressed?.packet ?? event.packet;
    const isEphemeral = (event.flags & EventFlag.EVENT_FLAG_EPHEMERAL) !== 0;
    // Made once each, if there is anybody to get it.
    let plain: ClientPacket | null | undefined;
    let forSessions: ClientPacket | null | undefined;
    for (const id of this.#recipients(room, envelope)) {
      if (this.#sessions?.has(id)) {
        if (forSessions === undefined) forSessions = this.#clientPacket(room, event, envelope, bytes, "");
        const packet = forSessions;
        if (packet === null) return;
        this.#sessions.send(id, isEphemeral ? 0 : event.offset, (socket) => packet.sendTo(socket));
        continue;
      }
      if (plain === undefined) plain = this.#clientPacket(room, event, envelope, bytes, null);
      if (plain === null) return;
      const socket: LocalSocket | undefined = this.#nsp.sockets.get(id);
      if (!socket || this.#replays.hold(id, room, event, plain)) continue;
      plain.sendTo(socket);
    }
  }

  #recipients(room: string, envelope: Envelope | null): Iterable<string> {
    if (isDirectRoom(room)) return envelope?.rooms ?? [];
    return recipients(this.#names, this.#adapter.sids.keys(), room, envelope);
  }

  // Null: it is nothing that clients may be sent. `suffix` is for a client that may come
  // back: what stands behind the offset; for others null.
  #clientPacket(
    room: string, event: RoomEvent, envelope: Envelope | null, bytes: Buffer, suffix: string | null,
  ): ClientPacket | null {
    const stored = loadPacket(bytes, (event.flags & EventFlag.EVENT_FLAG_HAS_ATTACHMENTS) !== 0);
    if (!stored || !isEventOf(this.#nsp.name, stored)) return null;
    stored.text = completeText(stored.text, event, room, this.#node.link.epoch, suffix);
    return new ClientPacket(stored, envelope?.volatile ?? false);
  }

  // What a stored event is to one socket; null if it is not for it.
  packetFor(id: string, room: string, event: RoomEvent, suffix: string | null): ClientPacket | null {
    const isAddressed = (event.flags & EventFlag.EVENT_FLAG_ADDRESSED) !== 0;
    const addressed = isAddressed ? parseAddressed(event.packet) : null;
    if (isAddressed && (addressed === null || isForNodes(addressed.envelope))) return null;
    const envelope = addressed?.envelope ?? null;
    if (isDirectRoom(room)) {
      if (!envelope?.rooms.includes(id)) return null;
    } else if ((room === "" && !this.#isMeant(id, envelope)) || isLeftOut(this.#names, envelope, id)) {
      return null;
    }
    return this.#clientPacket(room, event, envelope, addressed?.packet ?? event.packet, suffix);
  }

  // By an event in the namespace's own room.
  #isMeant(id: string, envelope: Envelope | null): boolean {
    if (envelope === null || envelope.rooms.length === 0) return true;
    const name = envelope.rooms[envelope.through]!;
    return name === id || this.#names.members(name).has(id);
  }

  #onNodeEvent(room: string, envelope: Envelope, event: RoomEvent, packet: Buffer): void {
    const target = { rooms: new Set<Any>(envelope.rooms), except: new Set<Any>(envelope.except) };
    const isLogged = (event.flags & EventFlag.EVENT_FLAG_EPHEMERAL) === 0;
    if (envelope.socketsJoin) {
      // What was said in the rooms since, though they were not followed here, is read
      // from the log.
      this.#joinAfter = isLogged ? { epoch: this.#node.link.epoch, offset: event.offset } : undefined;
      this.#local.addSockets(this.#localTarget(target), envelope.socketsJoin.rooms.filter((name) => name !== ""));
      this.#joinAfter = undefined;
    } else if (envelope.socketsLeave) {
      this.#local.delSockets(this.#localTarget(target), this.#localNames(envelope.socketsLeave.rooms));
    } else if (envelope.disconnectSockets) {
      this.#local.disconnectSockets(this.#localTarget(target), envelope.disconnectSockets.close);
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
    if (stored && isEventOf(this.#nsp.name, stored)) {
      for (const id of this.#recipients(room, envelope)) {
        const socket = this.#nsp.sockets.get(id);
        if (socket && !this.#replays.isReplaying(id, room)) asked.push(socket);
      }
    }
    // How many there are is said first, and if there are none, too.
    this.#node.answer(request, { clientCount: { clients: asked.length } });
    if (asked.length === 0) return;
    const ackId: number = this.#nsp._ids++;
    const asking: StoredPacket = { ...stored!, text: withAckId(stored!.text, this.#nsp.name, stored!, ackId) };
    const packet = new ClientPacket(asking, envelope.volatile);
    for (const socket of asked) {
      socket.acks.set(ackId, (...args) => {
        this.#node.answer(request, { clientAck: { values: storeValues(args) } });
      });
      if (!this.#sessions?.send(socket.id, 0, () => packet.sendTo(socket))) packet.sendTo(socket);
    }
    // Whoever asked does not wait any longer.
    setTimeout(() => {
      for (const socket of asked) socket.acks.delete(ackId);
    }, request.timeoutMs).unref();
  }

  async #answerSockets(envelope: Envelope, target: { rooms: Set<Any>; except: Set<Any> }): Promise<void> {
    let sockets = [];
    let bytes = 0;
    for (const socket of await this.#local.fetchSockets(this.#localTarget(target)) as LocalSocket[]) {
      const { one, size } = toWire(
        socket, (error) => this.#local.report(error, `the data of socket ${socket.id} cannot be sent`));
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
      this.#nsp.listeners(event).length > 0;
    if (!isOurs) {
      if (request) this.#node.answer(request, { serverSideAnswer: { handled: false, values: Buffer.alloc(0) } });
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
    this.#nsp._onServerSideEmit(args);
  }
}

// What Socket.IO's namespaces say themselves.
const kReservedServerEvents = new Set(["connect", "connection", "new_namespace"]);
