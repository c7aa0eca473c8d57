// The link's deciding part: what it says to the broker, and when. Takes messages
// and ticks, gives messages: no socket, timer or clock. Mirrors node/link/link_core.h.
import type {
  Done, HistoryPage, PublishAnswer, PublishRequest, ReadRequest, RoomFollower, RoomHandle,
} from "./backplane.js";
import { EphemeralQueue } from "./ephemeral_queue.js";
import { EventColumnsWriter, type EventView, readEventColumns, roomNames, toNumber } from "./event_columns.js";
import {
  BrokerMessage, type Delivery, type Error as WireError, ErrorCode, NodeMessage, type Published, type ReadAnswer,
  type Subscribed, type Welcome,
} from "./generated/proto/backplane.js";
import { EventFlag } from "./generated/proto/events.js";
import * as limits from "./limits.js";
import { OrderedRooms } from "./ordered_rooms.js";
import { Queue } from "./queue.js";
import { RoomlogError, type RoomlogErrorCode } from "./roomlog_error.js";

const kProtocolMajor = 1;
const kProtocolMinor = 0;

export interface LinkOptions {
  nodeName: string; // UTF-8, 1 to 255 bytes.
  producer: bigint; // Drawn at random for each life of the node, never 0.
  firstSession: bigint; // Where the sessions' numbers begin, likewise.
  publishTimeoutMs: number;
  queuedPublishesMax: number;
  queuedPublishBytesMax: number;
  heldBytesMax: number;
  deliveryCreditBytes: number;
}

export interface Transport {
  send(header: Uint8Array, payload?: Uint8Array): void;
}

interface OpenPublish {
  request: PublishRequest;
  done: Done<PublishAnswer> | null; // Null once it was told.
  deadline: number;
  givenUp: boolean; // Told because its time was over.
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

  // In the order of their numbers. The first `#sentPublishes` were sent in this
  // session.
  readonly #publishes = new Queue<OpenPublish>();
  #firstNumber = 1; // Of #publishes.at(0).
  #sentPublishes = 0;
  #sentPublishBytes = 0;
  #queuedPublishBytes = 0;
  // Those that were sent in this session and given up before the broker answered:
  // until it does they use credit.
  readonly #givenUp = new Queue<{ number: number; bytes: number }>();
  #givenUpBytes = 0;
  readonly #ephemeral = new EphemeralQueue();
  #publishCredit = 0;
  #publishCreditBytes = 0;

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
  #catchUps = 0; // Reads of what #rooms misses, under way.

  constructor(
    options: LinkOptions, now: () => number, transport: Transport, follower: RoomFollower,
    log: (line: string) => void,
  ) {
    this.#options = options;
    this.#now = now;
    this.#transport = transport;
    this.#log = log;
    this.#rooms = new OrderedRooms(follower, options.heldBytesMax);
    this.#session = options.firstSession;
    this.#lastHeard = this.#lastSent = now();
  }

  get queuedPublishes(): number {
    return this.#publishes.length + this.#ephemeral.openEvents;
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
    const refused = this.#refusal(request);
    if (refused) {
      this.#refused.push(() => done(refused));
      return;
    }
    const deadline = this.#now() + this.#options.publishTimeoutMs;
    if ((request.flags & EventFlag.EVENT_FLAG_EPHEMERAL) !== 0) {
      this.#ephemeral.add(request, done, this.#firstNumber + this.#publishes.length, deadline);
      return;
    }
    this.#queuedPublishBytes += request.packet.length + request.id.length;
    this.#publishes.push({ request, done, deadline, givenUp: false });
  }

  #refusal({ packet, id }: PublishRequest): RoomlogError | null {
    if (packet.length === 0 || packet.length > limits.kPacketBytesMax) {
      return new RoomlogError("invalid", `an event of ${packet.length} bytes, of at most ${limits.kPacketBytesMax}`);
    }
    if (Buffer.byteLength(id) > limits.kPublishIdBytesMax) {
      return new RoomlogError("invalid", `a publish id of more than ${limits.kPublishIdBytesMax} bytes`);
    }
    const bytes = this.#queuedPublishBytes + this.#ephemeral.openBytes + packet.length + id.length;
    if (this.queuedPublishes < this.#options.queuedPublishesMax && bytes <= this.#options.queuedPublishBytesMax) {
      return null;
    }
    return this.#isWelcome
      ? new RoomlogError("limit", "too many events wait for the broker")
      : new RoomlogError("unavailable", `too many events wait, and ${this.#whyAway}`);
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
    if (message.delivery || message.readAnswer) this.#consumedBytes += headerBytes + payload.length;
    if (message.delivery) this.#onDelivery(message.delivery, payload);
    else if (message.published) this.#onPublished(message.published);
    else if (message.subscribed) this.#onSubscribed(message.subscribed);
    else if (message.readAnswer) this.#onReadAnswer(message.readAnswer, payload);
    else if (message.ephemeralAnswer) {
      if (!this.#ephemeral.onAnswer(message.ephemeralAnswer, toError(message.ephemeralAnswer.error))) {
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
    this.#publishingStopped = welcome.publishingStopped;
    this.#publishCredit = toNumber(welcome.publishCredit);
    this.#publishCreditBytes = toNumber(welcome.publishCreditBytes);
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
    for (const run of published.runs) {
      const error = toError(run.error);
      const firstNumber = toNumber(run.firstNumber);
      const firstOffset = toNumber(run.firstOffset);
      for (let i = 0; i < run.count; ++i) {
        const number = firstNumber + i;
        if (number < this.#firstNumber) {
          this.#dropGivenUp(number);
          continue;
        }
        const index = number - this.#firstNumber;
        if (index >= this.#sentPublishes) {
          this.#protest("an answer to what was not published");
          return;
        }
        const position = { epoch: this.#epoch, offset: firstOffset + i };
        const given = { position, duplicate: run.duplicate, receivers: 0, session: run.session };
        answer(this.#publishes.at(index), error, given);
      }
    }
    this.#dropAnswered();
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
    if (expected < this.#firstNumber || expected - this.#firstNumber > this.#sentPublishes) {
      // What the broker expects was given up here, or never sent.
      this.#loseSession("the broker expects publishes that this node does not have");
      return;
    }
    this.#dropGivenUp(expected); // The broker has heard of them, or never will.
    this.#sentPublishes = expected - this.#firstNumber;
    this.#sentPublishBytes = 0;
    for (let i = 0; i < this.#sentPublishes; ++i) {
      this.#sentPublishBytes += this.#publishes.at(i).request.packet.length;
    }
  }

  #loseSession(why: string): void {
    if (this.#isWelcome || why !== this.#whyAway) this.#log(`there is no link to the broker: ${why}`);
    this.#whyAway = why;
    if (this.#isWelcome) this.#rooms.suspend();
    this.#isWelcome = false;
    ++this.#session;
    this.#sent = this.#received = 0;
    this.#consumedBytes = this.#reportedBytes = 0;
    this.#sentPublishes = this.#sentPublishBytes = 0;
    this.#dropGivenUp(Infinity);
    this.#readsSent = 0;
    this.#toUnsubscribe = [];
    this.#byWireHandle.clear();
    this.#unanswered.clear();
    for (const room of this.#followed.values()) room.wireHandle = 0;
    this.#ephemeral.failSent(new RoomlogError("unavailable", `whether it was handed on is unknown: ${why}`));
  }

  #protest(what: string): void {
    this.#loseSession(`the broker sent ${what}`);
  }

  // ---- What the node says ----

  #dropAnswered(): void {
    while (this.#publishes.length > 0 && this.#publishes.at(0).done === null) {
      const { request, givenUp } = this.#publishes.shift();
      this.#queuedPublishBytes -= request.packet.length + request.id.length;
      if (this.#sentPublishes > 0) {
        --this.#sentPublishes;
        this.#sentPublishBytes -= request.packet.length;
        if (givenUp) {
          this.#givenUp.push({ number: this.#firstNumber, bytes: request.packet.length });
          this.#givenUpBytes += request.packet.length;
        } else {
          this.#dropGivenUp(this.#firstNumber);
        }
      }
      ++this.#firstNumber;
    }
  }

  // The broker has answered all up to `number`.
  #dropGivenUp(number: number): void {
    while (this.#givenUp.length > 0 && this.#givenUp.at(0).number <= number) {
      this.#givenUpBytes -= this.#givenUp.shift().bytes;
    }
  }

  get #creditLeft(): number {
    const bytes = this.#sentPublishBytes + this.#givenUpBytes + this.#ephemeral.sentBytes;
    if (bytes >= this.#publishCreditBytes) return 0;
    return this.#publishCredit - this.#sentPublishes - this.#givenUp.length - this.#ephemeral.sentEvents;
  }

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
    this.#sendPublishes();
    this.#sendReads();
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

  // Publishes and ephemeral events, in the order in which they were asked for.
  #sendPublishes(): void {
    while (this.#creditLeft > 0) {
      const { barrier } = this.#ephemeral;
      this.#sendPublishesBefore(barrier);
      if (barrier > this.#firstNumber + this.#sentPublishes || this.#creditLeft <= 0) break;
      const { message, packets } = this.#ephemeral.makeMessage(
        Math.min(limits.kPublishEventsEnough, this.#creditLeft), limits.kPublishBytesEnough);
      this.#send({ ephemeral: message }, packets);
    }
  }

  #sendPublishesBefore(number: number): void {
    const end = Math.min(this.#publishes.length, Math.max(number, this.#firstNumber) - this.#firstNumber);
    while (this.#sentPublishes < end && this.#creditLeft > 0 && !this.#mustWait()) {
      const firstNumber = BigInt(this.#firstNumber + this.#sentPublishes);
      const writer = new EventColumnsWriter();
      while (this.#sentPublishes < end && this.#creditLeft > 0 && !this.#mustWait() &&
             writer.count < limits.kPublishEventsEnough && writer.bytes < limits.kPublishBytesEnough) {
        const { request } = this.#publishes.at(this.#sentPublishes++);
        writer.add(request.room, request.flags, request.id, request.packet);
        this.#sentPublishBytes += request.packet.length;
      }
      const packets = writer.finish();
      this.#send({
        publish: {
          firstNumber, answeredThrough: BigInt(this.#firstNumber - 1), rooms: writer.rooms, events: writer.columns,
        },
      }, packets);
    }
  }

  // The next publish.
  #mustWait(): boolean {
    return this.#unanswered.size > 0 && this.#unanswered.has(this.#publishes.at(this.#sentPublishes).request.room);
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
    for (let i = 0; i < this.#publishes.length; ++i) {
      const publish = this.#publishes.at(i);
      if (publish.deadline > now) break;
      if (publish.done === null) continue;
      publish.givenUp = true;
      answer(publish, silence);
    }
    this.#dropAnswered();
    this.#ephemeral.failExpired(now, silence);
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

function answer(publish: OpenPublish, error: RoomlogError | null, given?: PublishAnswer): void {
  const { done } = publish;
  publish.done = null;
  if (error) done?.(error);
  else done?.(null, given);
}

const kErrorCodes = new Map<ErrorCode, RoomlogErrorCode>([
  [ErrorCode.ERROR_CODE_INVALID, "invalid"],
  [ErrorCode.ERROR_CODE_LIMIT, "limit"],
  [ErrorCode.ERROR_CODE_DATA_LOSS, "data_loss"],
  [ErrorCode.ERROR_CODE_NOT_FOUND, "not_found"],
  [ErrorCode.ERROR_CODE_FENCED, "fenced"],
]);

function toError(error: WireError | undefined): RoomlogError | null {
  if (!error || error.code === ErrorCode.ERROR_CODE_OK) return null;
  return new RoomlogError(kErrorCodes.get(error.code) ?? "unavailable", error.message);
}
