// The sessions of one namespace's sockets: what lets a client that was cut off go on at
// any server or C++ edge, also if this server is killed. Their story is in
// docs/decisions/0016-sessions.md and docs/protocol.md.
import { parseClientOffset, placeOf } from "./client_offset.js";
import type { ClientPacket, LocalSocket } from "./client_packet.js";
import type { ClusterNode } from "./cluster_node.js";
import { directRoom, isDirectRoom } from "./direct_room.js";
import type { FollowedRooms } from "./followed_rooms.js";
import type { SessionNotice, SessionRoom } from "./generated/proto/sessions.js";
import * as limits from "./limits.js";
import { MissedEvents, type OwedHistory } from "./missed_events.js";
import type { Replays, ReplayOptions } from "./replay.js";
import { isRoomName, nodeRoomKey } from "./room_key.js";
import { RoomlogError } from "./roomlog_error.js";
import { SessionChanges } from "./session_changes.js";
import { SessionGate } from "./session_gate.js";
import { type RestoredSession, SessionKeeper } from "./session_keeper.js";
import type { RecordedRoom, Session, SessionHost } from "./session.js";
import { formatSessionStart, parseSessionStart } from "./session_start.js";
import { allHeard, hookNamespace, type HookedClient, type HookedSocket } from "./socket_hooks.js";
import { asBuffer, loadValues, storeValues } from "./stored_packet.js";

// What Socket.IO is given of a session that is restored.
export interface SocketSession {
  sid: string;
  pid: string;
  rooms: unknown[];
  data: unknown;
  missedPackets: unknown[][];
}

const kNothingMissed: readonly ClientPacket[] = [];

export class Sessions {
  readonly #node: ClusterNode;
  readonly #namespace: string;
  readonly #followed: FollowedRooms;
  readonly #replays: Replays;
  readonly #host: SessionHost;
  readonly #keeper: SessionKeeper;
  readonly #directRooms = new Map<string, string>();
  readonly #byId = new Map<string, Session>();
  readonly #byPrivateId = new Map<string, Session>();
  readonly #timer: NodeJS.Timeout;
  // Once for all sessions.
  readonly #whenRefused = (error: RoomlogError, session: Session): void => this.#onChangeRefused(session, error);
  readonly #whenFull = (session: Session): void => {
    this.#giveUp(session, new RoomlogError("limit", "too much waits for a change to be durable"));
  };
  // Whose session Socket.IO asks for at this moment.
  #asking: HookedClient | null = null;

  constructor(
    nsp: { name: string }, node: ClusterNode, windowMs: number, followed: FollowedRooms, replays: Replays,
    host: SessionHost,
  ) {
    this.#node = node;
    this.#namespace = nsp.name;
    this.#followed = followed;
    this.#replays = replays;
    this.#host = host;
    this.#keeper = new SessionKeeper(node, nsp.name, windowMs);
    node.listenToNotices(nsp.name, (notice) => this.#onNotice(notice));
    hookNamespace(nsp, {
      isStale: (socket) => this.#isStale(socket),
      beforeConnect: (socket) => this.#open(socket),
      aroundRestore: (client, restore) => {
        this.#asking = client;
        try {
          return restore();
        } finally {
          this.#asking = null;
        }
      },
      answer: (socket, send) => this.#afterChanges(socket.id, send),
    });
    this.#timer = setInterval(() => {
      for (const session of this.#byId.values()) void this.#keepData(session);
    }, limits.kSessionDataIntervalMs);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#keeper.close();
    this.#node.forgetNotices(this.#namespace);
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }
  // The room that carries what is for this socket alone; null if it has no session.
  directRoomOf(id: string): string | null {
    return this.#byId.get(id)?.directRoom ?? null;
  }

  // False: it has no session. Else `send` is called in its time.
  send(id: string, offset: number, send: (socket: LocalSocket) => void): boolean {
    const session = this.#byId.get(id);
    if (!session) return false;
    session.gate.send(offset, () => this.#sendNow(session, send));
    return true;
  }

  #sendNow(session: Session, send: (socket: LocalSocket) => void): void {
    const socket = this.#host.sockets.get(session.id);
    if (socket && this.#byId.get(session.id) === session) send(socket as unknown as LocalSocket);
  }

  // What a client is answered may say that it is in a room, or what is kept of it.
  #afterChanges(id: string, send: () => void): void {
    const session = this.#byId.get(id);
    if (!session?.isConnected) {
      send();
      return;
    }
    const kept = this.#keepData(session);
    if (kept) {
      session.gate.hold();
      void kept.finally(() => session.gate.release());
    }
    session.gate.send(0, send);
  }

  // ---- A client that is new ----

  async #open(socket: HookedSocket): Promise<void> {
    if (this.#byId.has(socket.id) || socket.pid === undefined) return;
    const session = this.#add(socket.id, socket.pid, this.#directRoom(socket.id), socket.client);
    try {
      const data = this.#dataOf(socket.data);
      session.keptData = data.toString("latin1");
      const rooms = ["", session.directRoom, ...this.#roomNames(session.id)];
      this.#followed.holdOwn(session.directRoom);
      await Promise.all(rooms.map((room) => this.#followed.followedFrom(room)));
      const { name, position } = await this.#keeper.open(
        socket.pid, socket.id, rooms, data, this.#host.userOf(socket));
      if (this.#byId.get(session.id) !== session) {
        socket.pid = undefined;
        this.#keeper.end(name); // It has left meanwhile.
        return;
      }
      session.changes.begin(name);
      session.gate.dropThrough(position.offset);
      void this.joined(session.id, this.#roomNames(session.id).filter((room) => !rooms.includes(room)));
    } catch (error) {
      socket.pid = undefined; // So its client does not ask for it.
      this.#forget(session);
      if (!(error instanceof RoomlogError) || error.code !== "timeout") {
        this.#host.warn(error, `socket ${socket.id} cannot be recovered`);
      }
    }
  }

  // There are few of them, and each is kept once.
  #directRoom(socketId: string): string {
    const name = directRoom(this.#node.id, socketId);
    const kept = this.#directRooms.get(name);
    if (kept === undefined) this.#directRooms.set(name, name);
    return kept ?? name;
  }

  #add(id: string, privateId: string, room: string, client: HookedClient | null): Session {
    const session: Session = {
      id, privateId, client, directRoom: room, keptData: "", histories: 0, isConnected: false, isRestored: false,
      isLost: false, missed: kNothingMissed, sentAgain: false, changes: null!, gate: null!,
    };
    session.changes = new SessionChanges(this.#keeper, this.#whenRefused, session);
    session.gate = new SessionGate(limits.kGatedEventsMax, this.#whenFull, session);
    session.gate.hold(); // Until it is connected.
    this.#byId.set(id, session);
    this.#byPrivateId.set(privateId, session);
    return session;
  }

  // It would be told that it has everything. It comes again, and hears the truth.
  #isStale({ id, recovered, client }: HookedSocket): boolean {
    if (!recovered || this.#byId.get(id)?.client === client) return false;
    client.conn.close(true);
    return true;
  }

  #forget(session: Session): void {
    if (this.#byId.get(session.id) !== session) return;
    this.#byId.delete(session.id);
    this.#byPrivateId.delete(session.privateId);
    this.#followed.drop(session.directRoom);
  }

  // Called just before the client is told CONNECT.
  connecting(id: string): void {
    const session = this.#byId.get(id);
    const socket = this.#host.sockets.get(id);
    if (!socket || this.#isStale(socket) || !session || session.isConnected) return;
    session.isConnected = true;
    session.sentAgain = session.missed.length > 0;
    for (const packet of session.missed) this.#sendNow(session, (socket) => packet.sendTo(socket));
    session.missed = kNothingMissed;
    setImmediate(() => void this.#keepData(session)); // The handlers have returned by then.
    queueMicrotask(() => session.gate.release());
  }

  // ---- A client that comes back ----

  async restore(privateId: string, offset: string): Promise<SocketSession | null> {
    const client = this.#asking;
    let restored: RestoredSession;
    try {
      restored = await this.#keeper.restore(privateId, offset);
    } catch {
      return null;
    }
    // Two of one id must not meet; the broker's notice may come later.
    const older = this.#byPrivateId.get(privateId);
    if (older) this.#onFenced(older);
    if (client && restored.record.isInDoubt) {
      // It may keep some of what it was sent the last time. Once it has heard CONNECT it
      // has taken in all of that, and when it comes again its offset says so.
      client._packet({ type: 0, nsp: this.#namespace, data: { sid: restored.record.socketId, pid: privateId } });
      const isHeard = await allHeard(client);
      this.#keeper.detach(restored.name, isHeard ? { answeredAtOnce: true } : { resentNothing: true });
      client.conn.close();
      return new Promise(() => {});
    }
    try {
      return await this.#recover(restored, offset, client);
    } catch (error) {
      this.#keeper.end(restored.name);
      // Perhaps an earlier connection of its own, looked at late, has taken the session:
      // then it is there when the client comes again.
      if (!client || !(error instanceof RoomlogError) || error.code !== "fenced") return null;
      client.conn.close(true);
      return new Promise(() => {});
    }
  }

  async #recover(
    restored: RestoredSession, offset: string, client: HookedClient | null,
  ): Promise<SocketSession> {
    const { name, record, position } = restored;
    const { epoch } = position;
    let has = offset === "" ? null : parseClientOffset(offset);
    if (offset !== "" && !has) throw new RoomlogError("invalid", "it is no offset");
    const openedAt = Number(record.openedAt);
    if (has && (placeOf(has).epoch !== epoch || placeOf(has).offset > position.offset)) {
      throw new RoomlogError("data_loss", "it is an offset of another log");
    }
    // An offset that is not of this session says nothing of it.
    if (has && placeOf(has).offset < openedAt) has = null;
    const cursor = has ? placeOf(has).offset : openedAt;

    const entries = record.rooms.map(({ name: room, from, start }): RecordedRoom => (
      { room: Buffer.from(room).toString(), from: Number(from), start: Buffer.from(start).toString() }));
    const kept = entries.find(({ room }) => isDirectRoom(room))?.room;
    const session = this.#add(record.socketId, name.privateId, kept ?? this.#directRoom(record.socketId),
      client);
    session.isRestored = true;
    session.keptData = asBuffer(record.data).toString("latin1");
    session.changes.begin(name);
    const [data] = record.data.length > 0 ? loadValues(record.data) : [{}];
    const rooms = entries.map(({ room }) => room).filter((room) => room !== "" && !isDirectRoom(room));
    try {
      session.missed = await this.#missedBy(session, entries, rooms, cursor, epoch, has);
    } catch (error) {
      // It may be a later connection's by now.
      if (this.#byId.get(session.id) === session) {
        this.#forget(session);
        this.#host.removeFromRooms(session.id);
      }
      throw error;
    }
    return { sid: session.id, pid: session.privateId, rooms, data: data ?? {}, missedPackets: [] };
  }

  // Puts it in its rooms, and resolves to what its client is owed there up to now.
  async #missedBy(
    session: Session, entries: RecordedRoom[], rooms: string[], cursor: number, epoch: number,
    has: ReturnType<typeof parseClientOffset>,
  ): Promise<ClientPacket[]> {
    // From here on the gate keeps what is said there, and to the socket's own id.
    this.#host.addToRooms(session.id, [session.id, ...rooms]);
    this.#followed.holdOwn(session.directRoom);
    const all = [...new Set(["", session.directRoom, ...rooms])];
    await Promise.all(all.map((room) => this.#followed.followedFrom(room)));
    // The client may have heard more elsewhere than this server has yet.
    const through = Math.max(cursor, ...all.map((room) => this.#followed.placeOf(room)));
    // What a C++ edge has no need of.
    const lacks = ["", session.directRoom].filter((room) => !entries.some((entry) => entry.room === room));
    const joins = lacks.map((room): SessionRoom => (
      { name: Buffer.from(room), from: BigInt(through), start: Buffer.alloc(0) }));
    if (joins.length > 0) await session.changes.add({ joins });

    const missed = new MissedEvents(this.#node, epoch, through);
    for (const { room, from, start } of entries) {
      const key = nodeRoomKey(this.#namespace, room);
      await missed.addRoom({ name: room, key, after: Math.max(from, cursor) },
        (event) => this.#host.packetFor(session.id, room, event, ""));
      if (start === "") continue;
      const history = this.#owedHistory(session, { room, from, start }, cursor, epoch, has);
      if (history) await missed.addHistory(this.#replays, history);
    }
    if (has?.history) session.histories = Math.max(session.histories, has.history.join);
    if (this.#byId.get(session.id) !== session) throw new RoomlogError("fenced", "it came back elsewhere meanwhile");
    session.gate.dropThrough(through);
    return missed.inOrder();
  }

  #owedHistory(
    session: Session, { room, from, start }: RecordedRoom, cursor: number,
    epoch: number, has: ReturnType<typeof parseClientOffset>,
  ): OwedHistory | null {
    const parsed = parseSessionStart(start);
    if (!parsed) throw new RoomlogError("data_loss", "the start of a history is unreadable");
    session.histories = Math.max(session.histories, parsed.join);
    if (from < cursor) return null;
    let { options } = parsed;
    if (has?.history) {
      if (parsed.join < has.history.join) return null;
      if (parsed.join === has.history.join) {
        options = { after: `${epoch.toString(16)}-${has.event.offset.toString(16)}` };
      }
    }
    const suffix = `~${epoch.toString(16)}-${from.toString(16)}~${parsed.join}`;
    return {
      room, options, at: from, packetFor: (event) => this.#host.packetFor(session.id, room, event, suffix),
    };
  }

  // ---- While it is here ----

  #roomNames(id: string): string[] {
    return [...this.#host.roomsOf(id)].map(String).filter((room) => room !== id && isRoomName(this.#namespace, room));
  }

  // The socket has joined rooms. Resolves when its session tells so; until then its
  // client hears nothing more.
  joined(id: string, rooms: readonly string[]): Promise<void> | void {
    const session = this.#byId.get(id);
    if (!session || session.changes.name === null) return undefined;
    const names = rooms.filter((room) => room !== id && isRoomName(this.#namespace, room));
    if (names.length === 0) return undefined;
    session.gate.hold();
    return Promise.all(names.map(async (room) => {
      const from = Math.max(session.gate.floor, await this.#followed.followedFrom(room));
      if (!this.#host.roomsOf(id).has(room)) return undefined; // It has left again.
      return session.changes.add({
        joins: [{ name: Buffer.from(room), from: BigInt(from), start: Buffer.alloc(0) }],
      });
    })).then(() => {}, () => {}).finally(() => session.gate.release());
  }

  left(id: string, rooms: readonly string[]): void {
    const session = this.#byId.get(id);
    if (!session || session.changes.name === null) return;
    const leaves = rooms.filter((room) => room !== id && isRoomName(this.#namespace, room));
    if (leaves.length === 0) return;
    session.gate.hold();
    session.changes.add({ leaves: leaves.map((room) => Buffer.from(room)) })
      .catch(() => {}).finally(() => session.gate.release());
  }

  // A join with history: all else waits, and each event of the history tells by its
  // offset how far it has come. `replay` sends what lies up to the place it is given.
  async replay<T>(
    id: string, room: string, options: ReplayOptions, join: () => void,
    replay: (through: number, suffix: string) => Promise<T>,
  ): Promise<T> {
    const session = this.#byId.get(id)!;
    session.gate.hold();
    try {
      join();
      const from = Math.max(session.gate.floor, await this.#followed.followedFrom(room));
      const number = ++session.histories;
      await session.changes.add({
        joins: [{
          name: Buffer.from(room), from: BigInt(from),
          start: Buffer.from(formatSessionStart({ join: number, options })),
        }],
      }).catch(() => {}); // Then it has no session any more.
      session.gate.sendThrough(from);
      const epoch = this.#node.link.epoch.toString(16);
      return await replay(from, this.#byId.get(id) === session ? `~${epoch}-${from.toString(16)}~${number}` : "");
    } finally {
      session.gate.release();
    }
  }

  #dataOf(data: unknown): Buffer {
    const stored = storeValues([data]);
    if (stored.length <= limits.kSessionDataBytesMax) return stored;
    throw new RoomlogError("limit",
      `its data takes ${stored.length} bytes, more than ${limits.kSessionDataBytesMax}`);
  }

  // Resolves when it is durable; null if it is as it was.
  #keepData(session: Session): Promise<void> | null {
    const socket = this.#host.sockets.get(session.id);
    if (!socket || session.changes.name === null || this.#byId.get(session.id) !== session) return null;
    let data: Buffer;
    try {
      data = this.#dataOf(socket.data);
    } catch (error) {
      this.#giveUp(session, error); // Better no session than one that is no longer true.
      return null;
    }
    const kept = data.toString("latin1");
    if (kept === session.keptData) return null;
    session.keptData = kept;
    return session.changes.add({ hasData: true, data }).catch(() => {});
  }

  // ---- Its end ----

  // The client is lost, and may come back.
  lost(id: string): void {
    const session = this.#byId.get(id);
    if (!session) return;
    void this.#keepData(session);
    if (this.#byId.get(id) !== session) return;
    session.isLost = true;
    session.changes.whenSaid((name) => this.#keeper.detach(name, { resentNothing: !session.sentAgain }));
  }

  // The socket has left all rooms: it is gone, or its program said so.
  leftAll(id: string, rooms: readonly string[]): void {
    const session = this.#byId.get(id);
    if (!session) return;
    if (session.isLost) {
      this.#forget(session);
      return;
    }
    queueMicrotask(() => {
      if (this.#byId.get(id) !== session) return;
      if (this.#host.sockets.has(id)) {
        this.left(id, rooms);
        return;
      }
      this.#forget(session);
      const isBack = session.isRestored && !session.isConnected; // And lost once more.
      session.changes.whenSaid((name) => {
        if (isBack) this.#keeper.detach(name, { resentNothing: true });
        else this.#keeper.end(name);
      });
    });
  }

  // Its socket goes on, but its client will begin anew.
  #giveUp(session: Session, why: unknown): void {
    if (this.#byId.get(session.id) !== session) return;
    this.#host.warn(why, `socket ${session.id} cannot be recovered any more`);
    session.changes.whenSaid((name) => this.#keeper.end(name));
    this.#drop(session);
    if (!session.isConnected) this.#forget(session);
  }

  #drop(session: Session): void {
    this.#byPrivateId.delete(session.privateId);
    session.changes.stop();
    if (session.isConnected) session.gate.open();
  }

  // Events that these sockets should have had are missing for good.
  onGap(ids: Iterable<string>, { room, reason }: { room: string; reason: string }): void {
    for (const id of [...ids]) {
      const session = this.#byId.get(id);
      if (session) this.#giveUp(session, new RoomlogError("data_loss", `room ${JSON.stringify(room)}: ${reason}`));
    }
  }

  // The log has begun a new life: all sessions are over.
  forgetAll(): void {
    for (const session of [...this.#byId.values()]) {
      this.#drop(session);
      if (!session.isConnected) this.#forget(session);
    }
  }

  #onChangeRefused(session: Session, error: RoomlogError): void {
    if (this.#byId.get(session.id) !== session) return;
    // Whoever is told of a change that the session does not have would come back without
    // it, and not know.
    if (error.code !== "fenced" && error.code !== "not_found") {
      this.#host.warn(error, `socket ${session.id} cannot be recovered any more`);
      session.changes.whenSaid((name) => this.#keeper.end(name));
    }
    this.#onFenced(session);
  }

  #onNotice({ privateId, claim, fenced }: SessionNotice): void {
    const session = this.#byPrivateId.get(privateId);
    if (fenced && session?.changes.name?.claim === claim) this.#onFenced(session);
  }

  // Another connection has its session, or it is over. Not told to go: it may be an
  // earlier connection of its own, looked at late, that has taken the session. If its
  // client is there it comes back. What it has not read yet is not waited for, or its
  // end would come when the next one of its id is here, and be taken for that one's.
  #onFenced(session: Session): void {
    const socket = this.#host.sockets.get(session.id);
    session.changes.stop();
    this.#forget(session);
    if (socket) socket.client.conn.close(true);
    else this.#host.removeFromRooms(session.id);
  }
}
