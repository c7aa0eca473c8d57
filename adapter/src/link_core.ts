// The link's deciding part: what it says to the broker, and when. Takes messages
// and ticks, gives messages: no socket, timer or clock. Mirrors node/link/link_core.h.
import type {
  Done, HistoryPage, MembersPage, MembersRequest, PublishAnswer, PublishRequest, ReadRequest, RoomFollower, RoomHandle,
} from "./backplane.js";
import { type EventView, readEventColumns, roomNames, toNumber } from "./event_columns.js";
import {
  BrokerMessage, type Delivery, NodeMessage, type Published, type ReadAnswer,
  type Subscribed, type Welcome,
} from "./generated/proto/backplane.js";
import * as limits from "./limits.js";
import { MemberQuestions } from "./member_questions.js";
import { OrderedRooms } from "./ordered_rooms.js";
import { type PublishBounds, PublishQueue } from "./publish_queue.js";
import { RoomlogError } from "./roomlog_error.js";
import { toError } from "./wire_error.js";

const kProtocolMajor = 1;
const kProtocolMinor = 2;

export interface LinkOptions extends PublishBounds {
  nodeName: string; // UTF-8, 1 to 255 bytes.
  producer: bigint; // Drawn at random for each life of the node, never 0.
  firstSession: bigint; // Where the sessions' numbers begin, likewise.
  heldBytesMax: number;
  deliveryCreditBytes: number;
}

export interface Transport {
  send(header: Uint8Array, payload?: Uint8Array): void;
}

interface OpenRead {
  request: ReadRequest;
  done: Done<HistoryPage>;
  deadline: number;
  sent: boolean;
}

interface FollowedRoom {
  key: string;
  wireHandle: number; // In this session; 0 if not subscribed yet.
  // Where this node was in the log when it was asked to follow, and how often it
  // has asked since.
  since: number;
  sinceEpoch: number;
  asked: number;
}

export class LinkCore {
  readonly #options: LinkOptions;
  readonly #now: () => number; // Milliseconds of a clock that never goes back.
  readonly #transport: Transport;
  readonly #log: (line: string) => void;
  readonly #rooms: OrderedRooms;

  #session: bigint;
  #isWelcome = false;
  #isClosed = false;
  #whyAway = "the broker was not reached yet";
  #publishingStopped = ""; // What the broker says; empty: it goes on.
  #epoch = 0; // 0 before the first welcome.
  #sent = 0; // Sequence numbers of this session: last to the broker, and
  #received = 0; // last from it.
  #consumedBytes = 0;
  #reportedBytes = 0;
  #lastHeard: number;
  #lastSent: number;
  #lastGreeting = -Infinity;

  readonly #publishes: PublishQueue;

  #lastHandle = 0;
  #lastWireHandle = 0;
  readonly #followed = new Map<RoomHandle, FollowedRoom>();
  readonly #byWireHandle = new Map<number, RoomHandle>();
  // Rooms that were asked for, and of which no place is known yet, by their names. The
  // broker may answer with a head that lies beyond what is published after the question;
  // so what is published in such a room waits for the answer.
  readonly #unanswered = new Map<string, number>(); // To wire handles.
  #toSubscribe: RoomHandle[] = [];
  #toUnsubscribe: number[] = [];

  // Refused on the spot, to be told at the end of the turn.
  #refused: (() => void)[] = [];

  readonly #reads = new Map<number, OpenRead>();
  #lastRead = 0;
  #readsSent = 0;
  #readsToSend: number[] = [];
  readonly #memberQuestions = new MemberQuestions();
  #brokerMinor = 0;
  #catchUps = 0; // Reads of what #rooms misses, under way.

  constructor(
    options: LinkOptions, now: () => number, transport: Transport, follower: RoomFollower,
    log: (line: string) => void,
  ) {
    this.#options = options;
    this.#now = now;
    this.#transport = transport;
    this.#log = log;
    this.#publishes = new PublishQueue(options);
    this.#rooms = new OrderedRooms(follower, options.heldBytesMax);
    this.#session = options.firstSession;
    this.#lastHeard = this.#lastSent = now();
  }

  get queuedPublishes(): number {
    return this.#publishes.length;
  }
  get isWelcome(): boolean {
    return this.#isWelcome;
  }
  // The life of the log; 0 before the first welcome.
  get epoch(): number {
    return this.#epoch;
  }
  // How far the follower was told, in this life of the log.
  get place(): number {
    return this.#rooms.place;
  }
  // Why nothing can be published now; null if it can.
  get trouble(): string | null {
    if (!this.#isWelcome) return this.#whyAway;
    return this.#publishingStopped === "" ? null : this.#publishingStopped;
  }

  // ---- What the node asks for ----

  // Appends an event; `done` is told once it is durable. An ephemeral one is handed
  // on instead, after all that was published before it and never twice, and `done`
  // told how many follow the room.
  publish(request: PublishRequest, done: Done<PublishAnswer>): void {
    const refused = this.#publishes.add(request, done, this.#now(), this.#isWelcome ? null : this.#whyAway);
    if (refused) this.#refused.push(() => done(refused));
  }

  // Begins to follow a room, which must not be followed already: from now on, or
  // after a place of the past.
  follow(key: string, after?: { epoch: number; offset: number }): RoomHandle {
    const handle = ++this.#lastHandle;
    this.#followed.set(handle, {
      key, wireHandle: 0, since: this.#rooms.place, sinceEpoch: this.#epoch, asked: 0,
    });
    this.#toSubscribe.push(handle);
    if (after && after.epoch === this.#epoch) this.#rooms.beginAfter(handle, after);
    return handle;
  }

  unfollow(handle: RoomHandle): void {
    const room = this.#followed.get(handle);
    if (!room) return;
    if (room.wireHandle !== 0) {
      this.#byWireHandle.delete(room.wireHandle);
      this.#toUnsubscribe.push(room.wireHandle);
      this.#noteAnswer(room);
    }
    this.#followed.delete(handle);
    this.#rooms.end(handle);
  }

  read(request: ReadRequest, done: Done<HistoryPage>): void {
    if (this.#reads.size >= limits.kWaitingReadsMax) {
      this.#refused.push(() => done(new RoomlogError("unavailable", "too many reads wait already")));
      return;
    }
    this.#reads.set(++this.#lastRead, {
      request, done, deadline: this.#now() + this.#options.publishTimeoutMs, sent: false,
    });
    this.#readsToSend.push(this.#lastRead);
  }

  // Asks who is in a room; the broker answers, and no other server.
  readMembers(request: MembersRequest, done: Done<MembersPage>): void {
    if (!this.#memberQuestions.add(request, done, this.#now() + this.#options.publishTimeoutMs)) {
      this.#refused.push(() => done(new RoomlogError("unavailable", "too many questions wait already")));
    }
  }

  // ---- What the broker says ----

  onMessage(header: Buffer, payload: Buffer): void {
    let message: BrokerMessage;
    try {
      message = BrokerMessage.decode(header);
    } catch {
      this.#protest("a malformed message");
      return;
    }
    if (message.session !== this.#session || this.#isClosed) return;
    try {
      this.#take(message, header.length, payload);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#protest(`a malformed message: ${error.message}`);
    }
  }

  #take(message: BrokerMessage, headerBytes: number, payload: Buffer): void {
    if (message.welcome) {
      if (!this.#isWelcome) this.#onWelcome(message.welcome);
      return;
    }
    if (message.refused) {
      this.#loseSession(`the broker refuses this node: ${message.refused.error?.message}`);
      return;
    }
    if (message.unknown) {
      if (this.#isWelcome) this.#loseSession("the broker does not know this node any more");
      return;
    }
    const sequence = Number(message.sequence);
    if (!this.#isWelcome || sequence <= this.#received) return;
    if (sequence !== this.#received + 1) {
      this.#loseSession("a message of the broker was lost");
      return;
    }
    this.#received = sequence;
    this.#lastHeard = this.#now();
    if (message.delivery || message.readAnswer || message.members) this.#consumedBytes += headerBytes + payload.length;
    if (message.delivery) this.#onDelivery(message.delivery, payload);
    else if (message.published) this.#onPublished(message.published);
    else if (message.subscribed) this.#onSubscribed(message.subscribed);
    else if (message.readAnswer) this.#onReadAnswer(message.readAnswer, payload);
    else if (message.members) this.#memberQuestions.onAnswer(message.members, this.#epoch);
    else if (message.ephemeralAnswer) {
      if (!this.#publishes.onEphemeralAnswer(message.ephemeralAnswer)) {
        this.#protest("an answer to what was not handed to it");
      }
    } else if (message.heartbeat) this.#publishingStopped = message.heartbeat.publishingStopped;
    else if (message.lagging) {
      this.#log("this node lagged behind the broker and catches up from the log");
      this.#subscribeAll();
    } else if (message.closed) this.#loseSession("the broker has closed");
    else if (message.publishOutOfOrder) this.#onOutOfOrder(toNumber(message.publishOutOfOrder.expectedNumber));
    // A newer broker may say things that an older node can do without.
  }

  #onWelcome(welcome: Welcome): void {
    const epoch = toNumber(welcome.epoch);
    this.#isWelcome = true;
    this.#brokerMinor = welcome.protocolMinor;
    this.#publishingStopped = welcome.publishingStopped;
    this.#publishes.onWelcome(toNumber(welcome.publishCredit), toNumber(welcome.publishCreditBytes));
    this.#lastHeard = this.#now();
    if (this.#epoch !== 0 && this.#epoch !== epoch) {
      this.#log("the broker's log has begun a new life: what was there before is lost");
      this.#rooms.changeEpoch();
    }
    this.#epoch = epoch;
    this.#log("the broker is there");
    this.#subscribeAll();
    this.#readsToSend = [...this.#reads.keys()];
    for (const read of this.#reads.values()) read.sent = false;
  }

  #onPublished(published: Published): void {
    if (!this.#publishes.onPublished(published, this.#epoch)) this.#protest("an answer to what was not published");
  }

  #onSubscribed(subscribed: Subscribed): void {
    if (subscribed.handles.length !== subscribed.heads.length) {
      this.#protest("a malformed answer to a subscription");
      return;
    }
    for (let i = 0; i < subscribed.handles.length; ++i) {
      const handle = this.#byWireHandle.get(subscribed.handles[i]!);
      if (handle === undefined) continue; // It was unfollowed.
      const head = { epoch: this.#epoch, offset: toNumber(subscribed.heads[i]!) };
      const room = this.#followed.get(handle)!;
      this.#noteAnswer(room);
      if (this.#rooms.has(handle)) {
        this.#rooms.resume(handle, head);
      } else if (room.asked > 1 && room.since > 0 && room.sinceEpoch === this.#epoch) {
        // The first answer was lost, and with it what was said since then.
        this.#rooms.beginAfter(handle, { epoch: this.#epoch, offset: Math.min(room.since, head.offset) });
        this.#rooms.resume(handle, head);
      } else {
        this.#rooms.begin(handle, head);
      }
    }
    const error = toError(subscribed.error) ?? new RoomlogError("unavailable", "the broker gave no reason");
    for (const wireHandle of subscribed.failedHandles) {
      const handle = this.#byWireHandle.get(wireHandle);
      if (handle === undefined) continue;
      this.#noteAnswer(this.#followed.get(handle)!);
      this.#byWireHandle.delete(wireHandle);
      this.#followed.delete(handle);
      this.#rooms.fail(handle, error);
    }
  }

  #noteAnswer({ key, wireHandle }: FollowedRoom): void {
    if (this.#unanswered.get(key) === wireHandle) this.#unanswered.delete(key);
  }

  #onDelivery(delivery: Delivery, payload: Buffer): void {
    if (!delivery.events) return;
    const events: EventView[] = [];
    for (const event of readEventColumns(delivery.events, payload)) {
      const handle = this.#byWireHandle.get(event.room);
      if (handle === undefined) continue; // It was unfollowed.
      event.room = handle;
      events.push(event);
    }
    this.#rooms.onLive(events);
  }

  #onReadAnswer(wire: ReadAnswer, payload: Buffer): void {
    const number = toNumber(wire.request);
    const read = this.#reads.get(number);
    if (!read?.sent) return;
    const page: HistoryPage = {
      epoch: this.#epoch,
      events: wire.events ? readEventColumns(wire.events, payload) : [],
      trimmedThrough: toNumber(wire.trimmedThrough),
      head: toNumber(wire.head),
      more: wire.more,
    };
    this.#reads.delete(number);
    --this.#readsSent;
    const error = toError(wire.error);
    if (error) read.done(error);
    else read.done(null, page);
  }

  #onOutOfOrder(expected: number): void {
    if (this.#publishes.onOutOfOrder(expected)) return;
    this.#loseSession("the broker expects publishes that this node does not have");
  }

  #loseSession(why: string): void {
    if (this.#isWelcome || why !== this.#whyAway) this.#log(`there is no link to the broker: ${why}`);
    this.#whyAway = why;
    if (this.#isWelcome) this.#rooms.suspend();
    this.#isWelcome = false;
    ++this.#session;
    this.#sent = this.#received = 0;
    this.#consumedBytes = this.#reportedBytes = 0;
    this.#readsSent = 0;
    this.#memberQuestions.restart();
    this.#toUnsubscribe = [];
    this.#byWireHandle.clear();
    this.#unanswered.clear();
    for (const room of this.#followed.values()) room.wireHandle = 0;
    this.#publishes.loseSession(why);
  }

  #protest(what: string): void {
    this.#loseSession(`the broker sent ${what}`);
  }

  // ---- What the node says ----

  #subscribeAll(): void {
    this.#byWireHandle.clear();
    this.#unanswered.clear();
    this.#toUnsubscribe = [];
    this.#rooms.suspend();
    for (const room of this.#followed.values()) room.wireHandle = 0;
    this.#toSubscribe = [...this.#followed.keys()];
  }

  // Call it after each turn: sends what the turn has brought together.
  endTurn(): void {
    if (this.#isClosed) return;
    const refused = this.#refused;
    this.#refused = [];
    for (const tell of refused) tell();
    if (!this.#isWelcome) return;
    for (const { room, after, before } of this.#rooms.takeMissing(limits.kCatchUpsAtOnce - this.#catchUps)) {
      ++this.#catchUps;
      const { key } = this.#followed.get(room)!;
      this.read({ room: key, after, before, eventsMax: limits.kReadEventsMax }, (error, page) => {
        --this.#catchUps;
        if (page) this.#rooms.onRead(room, page);
        else this.#rooms.onReadFailed(room, error!.code === "data_loss"); // The rest passes.
      });
    }
    this.#sendSubscriptions();
    this.#publishes.send((room) => this.#unanswered.has(room), (message, packets) => this.#send(message, packets));
    this.#sendReads();
    for (let readMembers; (readMembers = this.#memberQuestions.takeNext(this.#brokerMinor)) !== null;) this.#send({ readMembers });
    // The broker must hear in time that there is credit again.
    if (this.#consumedBytes - this.#reportedBytes > this.#options.deliveryCreditBytes / 4) {
      this.#send({ heartbeat: {} });
    }
  }

  #sendSubscriptions(): void {
    for (let i = 0; i < this.#toUnsubscribe.length; i += limits.kRoomsPerMessageMax) {
      this.#send({ unsubscribe: { handles: this.#toUnsubscribe.slice(i, i + limits.kRoomsPerMessageMax) } });
    }
    this.#toUnsubscribe = [];
    let handles: number[] = [];
    let keys: string[] = [];
    const send = (): void => {
      if (handles.length > 0) this.#send({ subscribe: { handles, rooms: roomNames(keys) } });
      handles = [];
      keys = [];
    };
    for (const handle of this.#toSubscribe) {
      const room = this.#followed.get(handle);
      if (!room || room.wireHandle !== 0) continue;
      room.wireHandle = ++this.#lastWireHandle;
      ++room.asked;
      this.#byWireHandle.set(room.wireHandle, handle);
      if (!this.#rooms.has(handle)) this.#unanswered.set(room.key, room.wireHandle);
      handles.push(room.wireHandle);
      keys.push(room.key);
      if (handles.length === limits.kRoomsPerMessageMax) send();
    }
    this.#toSubscribe = [];
    send();
  }

  #sendReads(): void {
    let taken = 0;
    for (; taken < this.#readsToSend.length && this.#readsSent < limits.kUnansweredReadsMax; ++taken) {
      const number = this.#readsToSend[taken]!;
      const read = this.#reads.get(number);
      if (!read || read.sent) continue;
      read.sent = true;
      ++this.#readsSent;
      const { room, newestFirst, after, before, sinceMs, eventsMax } = read.request;
      this.#send({
        read: {
          request: BigInt(number),
          room: Buffer.from(room),
          backward: newestFirst ?? false,
          after: BigInt(after ?? 0),
          before: BigInt(before ?? 0),
          sinceMs: BigInt(Math.max(0, Math.floor(sinceMs ?? 0))),
          limit: Math.min(eventsMax, limits.kReadEventsMax),
        },
      });
    }
    this.#readsToSend.splice(0, taken);
  }

  #greet(): void {
    this.#lastGreeting = this.#now();
    this.#transport.send(NodeMessage.encode(NodeMessage.create({
      session: this.#session,
      hello: {
        protocolMajor: kProtocolMajor,
        protocolMinor: kProtocolMinor,
        nodeName: this.#options.nodeName,
        producer: this.#options.producer,
        deliveryCreditBytes: BigInt(this.#options.deliveryCreditBytes),
      },
    })).finish());
  }

  // Call it at least every kGreetingIntervalMs.
  onTick(): void {
    if (this.#isClosed) return;
    const now = this.#now();
    if (this.#isWelcome && now - this.#lastHeard > limits.kBrokerSilenceMaxMs) {
      this.#loseSession(`the broker was silent for ${limits.kBrokerSilenceMaxMs} ms`);
    }
    if (!this.#isWelcome && now - this.#lastGreeting >= limits.kGreetingIntervalMs) this.#greet();
    if (this.#isWelcome && now - this.#lastSent >= limits.kHeartbeatIntervalMs) this.#send({ heartbeat: {} });
    const why = this.#isWelcome ? "" : `: ${this.#whyAway}`;
    const silence = new RoomlogError("unavailable", `no answer within ${this.#options.publishTimeoutMs} ms${why}`);
    this.#publishes.failExpired(now, silence);
    this.#memberQuestions.failExpired(now, silence);
    for (const [number, read] of this.#reads) {
      if (read.deadline > now) break; // They are in the order in which they came.
      this.#reads.delete(number);
      if (read.sent) --this.#readsSent;
      read.done(silence);
    }
  }

  // Says goodbye; nothing may be asked for after it, and what is still open is never
  // answered.
  close(): void {
    if (this.#isWelcome) this.#send({ goodbye: {} });
    this.#isClosed = true;
  }

  #send(body: Partial<NodeMessage>, payload?: Buffer): void {
    const message = NodeMessage.create();
    Object.assign(message, body);
    message.session = this.#session;
    message.sequence = BigInt(++this.#sent);
    message.consumedBytes = BigInt(this.#consumedBytes);
    this.#reportedBytes = this.#consumedBytes;
    this.#lastSent = this.#now();
    this.#transport.send(NodeMessage.encode(message).finish(), payload);
  }
}
