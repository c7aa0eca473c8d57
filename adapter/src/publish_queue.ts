// What a node publishes, from when it is asked to until the broker has answered: kept,
// numbered, sent within the broker's credit, and sent again in each session.
import type { Done, PublishAnswer, PublishRequest } from "./backplane.js";
import { EphemeralQueue } from "./ephemeral_queue.js";
import { EventColumnsWriter, toNumber } from "./event_columns.js";
import type { EphemeralAnswer, NodeMessage, Published } from "./generated/proto/backplane.js";
import { EventFlag } from "./generated/proto/events.js";
import * as limits from "./limits.js";
import { Queue } from "./queue.js";
import { RoomlogError } from "./roomlog_error.js";
import { toError } from "./wire_error.js";

export interface PublishBounds {
  publishTimeoutMs: number;
  queuedPublishesMax: number;
  queuedPublishBytesMax: number;
}

interface OpenPublish {
  request: PublishRequest;
  done: Done<PublishAnswer> | null; // Null once it was told.
  deadline: number;
  givenUp: boolean; // Told because its time was over.
}

export class PublishQueue {
  readonly #bounds: PublishBounds;
  // In the order of their numbers. The first `#sent` were sent in this session.
  readonly #publishes = new Queue<OpenPublish>();
  #firstNumber = 1; // Of #publishes.at(0).
  #sent = 0;
  #sentBytes = 0;
  #queuedBytes = 0;
  // Those that were sent in this session and given up before the broker answered:
  // until it does they use credit.
  readonly #givenUp = new Queue<{ number: number; bytes: number }>();
  #givenUpBytes = 0;
  readonly #ephemeral = new EphemeralQueue();
  #credit = 0;
  #creditBytes = 0;

  constructor(bounds: PublishBounds) {
    this.#bounds = bounds;
  }

  get length(): number {
    return this.#publishes.length + this.#ephemeral.openEvents;
  }

  // Why it cannot be taken; null if it is. `whyAway`: why there is no broker, or null.
  add(request: PublishRequest, done: Done<PublishAnswer>, now: number, whyAway: string | null): RoomlogError | null {
    const refused = this.#refusal(request, whyAway);
    if (refused) return refused;
    const deadline = now + this.#bounds.publishTimeoutMs;
    if ((request.flags & EventFlag.EVENT_FLAG_EPHEMERAL) !== 0) {
      this.#ephemeral.add(request, done, this.#firstNumber + this.#publishes.length, deadline);
      return null;
    }
    this.#queuedBytes += request.packet.length + request.id.length;
    this.#publishes.push({ request, done, deadline, givenUp: false });
    return null;
  }

  #refusal({ packet, id }: PublishRequest, whyAway: string | null): RoomlogError | null {
    if (packet.length === 0 || packet.length > limits.kPacketBytesMax) {
      return new RoomlogError("invalid", `an event of ${packet.length} bytes, of at most ${limits.kPacketBytesMax}`);
    }
    if (Buffer.byteLength(id) > limits.kPublishIdBytesMax) {
      return new RoomlogError("invalid", `a publish id of more than ${limits.kPublishIdBytesMax} bytes`);
    }
    const bytes = this.#queuedBytes + this.#ephemeral.openBytes + packet.length + id.length;
    if (this.length < this.#bounds.queuedPublishesMax && bytes <= this.#bounds.queuedPublishBytesMax) return null;
    return whyAway === null
      ? new RoomlogError("limit", "too many events wait for the broker")
      : new RoomlogError("unavailable", `too many events wait, and ${whyAway}`);
  }

  // ---- What the broker says ----

  onWelcome(credit: number, creditBytes: number): void {
    this.#credit = credit;
    this.#creditBytes = creditBytes;
  }

  // False if it answers what was not published.
  onPublished(published: Published, epoch: number): boolean {
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
        if (index >= this.#sent) return false;
        const position = { epoch, offset: firstOffset + i };
        const given = { position, duplicate: run.duplicate, receivers: 0, session: run.session };
        answer(this.#publishes.at(index), error, given);
      }
    }
    this.#dropAnswered();
    return true;
  }

  // False if it answers what was not handed to it.
  onEphemeralAnswer(message: EphemeralAnswer): boolean {
    return this.#ephemeral.onAnswer(message, toError(message.error));
  }

  // The broker expects that number next. False if it was given up here, or never sent.
  onOutOfOrder(expected: number): boolean {
    if (expected < this.#firstNumber || expected - this.#firstNumber > this.#sent) return false;
    this.#dropGivenUp(expected); // The broker has heard of them, or never will.
    this.#sent = expected - this.#firstNumber;
    this.#sentBytes = 0;
    for (let i = 0; i < this.#sent; ++i) this.#sentBytes += this.#publishes.at(i).request.packet.length;
    return true;
  }

  loseSession(why: string): void {
    this.#sent = this.#sentBytes = 0;
    this.#dropGivenUp(Infinity);
    this.#ephemeral.failSent(new RoomlogError("unavailable", `whether it was handed on is unknown: ${why}`));
  }

  // ---- What becomes of them ----

  failExpired(now: number, silence: RoomlogError): void {
    for (let i = 0; i < this.#publishes.length; ++i) {
      const publish = this.#publishes.at(i);
      if (publish.deadline > now) break;
      if (publish.done === null) continue;
      publish.givenUp = true;
      answer(publish, silence);
    }
    this.#dropAnswered();
    this.#ephemeral.failExpired(now, silence);
  }

  #dropAnswered(): void {
    while (this.#publishes.length > 0 && this.#publishes.at(0).done === null) {
      const { request, givenUp } = this.#publishes.shift();
      this.#queuedBytes -= request.packet.length + request.id.length;
      if (this.#sent > 0) {
        --this.#sent;
        this.#sentBytes -= request.packet.length;
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
    const bytes = this.#sentBytes + this.#givenUpBytes + this.#ephemeral.sentBytes;
    if (bytes >= this.#creditBytes) return 0;
    return this.#credit - this.#sent - this.#givenUp.length - this.#ephemeral.sentEvents;
  }

  // Says publishes and ephemeral events, in the order in which they were asked for;
  // no publish, and nothing after it, while its room must wait.
  send(mustWait: (room: string) => boolean, say: (message: Partial<NodeMessage>, packets: Buffer) => void): void {
    while (this.#creditLeft > 0) {
      const { barrier } = this.#ephemeral;
      this.#sendBefore(barrier, mustWait, say);
      if (barrier > this.#firstNumber + this.#sent || this.#creditLeft <= 0) break;
      const { message, packets } = this.#ephemeral.makeMessage(
        Math.min(limits.kPublishEventsEnough, this.#creditLeft), limits.kPublishBytesEnough);
      say({ ephemeral: message }, packets);
    }
  }

  #sendBefore(
    number: number, mustWait: (room: string) => boolean,
    say: (message: Partial<NodeMessage>, packets: Buffer) => void,
  ): void {
    const end = Math.min(this.#publishes.length, Math.max(number, this.#firstNumber) - this.#firstNumber);
    const canSend = (): boolean =>
      this.#sent < end && this.#creditLeft > 0 && !mustWait(this.#publishes.at(this.#sent).request.room);
    while (canSend()) {
      const firstNumber = BigInt(this.#firstNumber + this.#sent);
      const writer = new EventColumnsWriter();
      while (writer.count < limits.kPublishEventsEnough && writer.bytes < limits.kPublishBytesEnough && canSend()) {
        const { request } = this.#publishes.at(this.#sent++);
        writer.add(request.room, request.flags, request.id, request.packet);
        this.#sentBytes += request.packet.length;
      }
      const packets = writer.finish();
      say({
        publish: {
          firstNumber, answeredThrough: BigInt(this.#firstNumber - 1), rooms: writer.rooms, events: writer.columns,
        },
      }, packets);
    }
  }
}

function answer(publish: OpenPublish, error: RoomlogError | null, given?: PublishAnswer): void {
  const { done } = publish;
  publish.done = null;
  if (error) done?.(error);
  else done?.(null, given);
}
