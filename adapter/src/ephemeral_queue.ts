// Ephemeral events on their way to the broker. Mirrors node/link/ephemeral_queue.h.
import type { Done, PublishAnswer, PublishRequest } from "./backplane.js";
import { EventColumnsWriter } from "./event_columns.js";
import { Ephemeral, EphemeralAnswer } from "./generated/proto/backplane.js";
import { Queue } from "./queue.js";
import type { RoomlogError } from "./roomlog_error.js";

interface Open {
  request: PublishRequest;
  done: Done<PublishAnswer> | null; // Null once it was told.
  beforeNumber: number;
  deadline: number;
  message: bigint; // The request it was sent with.
}

// Keeps them in their place among the publishes, which have numbers: one that was
// asked for before publish number n is sent before it, and after those before n.
// None is ever sent twice.
export class EphemeralQueue {
  readonly #open = new Queue<Open>(); // The first `#sent` are sent.
  #sent = 0;
  #openBytes = 0;
  #sentBytes = 0;
  #lastMessage = 0n;

  get openEvents(): number {
    return this.#open.length;
  }
  get openBytes(): number {
    return this.#openBytes;
  }
  get sentEvents(): number {
    return this.#sent;
  }
  get sentBytes(): number {
    return this.#sentBytes;
  }

  // `beforeNumber` is that of the publish that comes next, and never falls.
  add(request: PublishRequest, done: Done<PublishAnswer>, beforeNumber: number, deadline: number): void {
    this.#openBytes += request.packet.length;
    this.#open.push({ request, done, beforeNumber, deadline, message: 0n });
  }

  // Publishes from this number on must wait for what is not sent yet; Infinity if
  // nothing waits.
  get barrier(): number {
    return this.#sent < this.#open.length ? this.#open.at(this.#sent).beforeNumber : Infinity;
  }

  // Makes the next message of those that wait at the barrier. One must wait.
  makeMessage(eventsMax: number, bytesEnough: number): { message: Ephemeral; packets: Buffer } {
    const { barrier } = this;
    const request = ++this.#lastMessage;
    const writer = new EventColumnsWriter();
    while (this.barrier === barrier && writer.count < eventsMax && writer.bytes < bytesEnough) {
      const open = this.#open.at(this.#sent++);
      open.message = request;
      this.#sentBytes += open.request.packet.length;
      writer.add(open.request.room, open.request.flags, "", open.request.packet);
    }
    const packets = writer.finish();
    return { message: { request, rooms: writer.rooms, events: writer.columns }, packets };
  }

  // False if nothing like it was asked.
  onAnswer(answer: EphemeralAnswer, error: RoomlogError | null): boolean {
    // Answers come in the order of the questions.
    for (const receivers of answer.receivers) {
      if (this.#sent === 0 || this.#open.at(0).message !== answer.request) return false;
      const { done } = this.#dropFirst();
      // Of several the one without a room is not known; none was without reason.
      if (error !== null && receivers === 0) done?.(error);
      else done?.(null, { position: { epoch: 0, offset: 0 }, duplicate: false, receivers });
    }
    return true;
  }

  // The session is lost: nobody knows what became of what was sent.
  failSent(error: RoomlogError): void {
    while (this.#sent > 0) this.#dropFirst().done?.(error);
  }

  // Those whose deadline has passed. What was sent goes on using credit until it is
  // answered.
  failExpired(now: number, error: RoomlogError): void {
    const late: Done<PublishAnswer>[] = [];
    const take = (open: Open): void => {
      if (open.done) late.push(open.done);
      open.done = null;
    };
    for (let i = 0; i < this.#sent && this.#open.at(i).deadline <= now; ++i) take(this.#open.at(i));
    let end = this.#sent;
    for (; end < this.#open.length && this.#open.at(end).deadline <= now; ++end) {
      take(this.#open.at(end));
      this.#openBytes -= this.#open.at(end).request.packet.length;
    }
    this.#open.remove(this.#sent, end);
    for (const done of late) done(error);
  }

  #dropFirst(): Open {
    const open = this.#open.shift();
    this.#openBytes -= open.request.packet.length;
    if (this.#sent > 0) {
      --this.#sent;
      this.#sentBytes -= open.request.packet.length;
    }
    return open;
  }
}
