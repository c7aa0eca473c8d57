// Questions of who is in a room that the broker has not answered yet. Mirrors
// node/link/member_questions.h.
import type { Done, MembersPage, MembersRequest } from "./backplane.js";
import { toNumber } from "./event_columns.js";
import { type Members, ReadMembers, ReadMembers_What } from "./generated/proto/backplane.js";
import * as limits from "./limits.js";
import { RoomlogError } from "./roomlog_error.js";
import { toError } from "./wire_error.js";

const kWhat = {
  counts: ReadMembers_What.WHAT_COUNTS,
  sockets: ReadMembers_What.WHAT_SOCKETS,
  users: ReadMembers_What.WHAT_USERS,
  rooms: ReadMembers_What.WHAT_ROOMS,
  user: ReadMembers_What.WHAT_USER,
};

// The protocol's minor version since which brokers answer. Older ones expel who asks for
// members, and list no rooms.
const kAnsweredSince = { counts: 1, sockets: 1, users: 1, rooms: 2, user: 2 };

interface Open {
  request: MembersRequest;
  done: Done<MembersPage> | null; // Null: its time is over, but the broker has it still.
  deadline: number;
}

export class MemberQuestions {
  readonly #open = new Map<number, Open>(); // In the order in which they came.
  #last = 0;
  #lastSent = 0;
  #unanswered = 0;

  // False: too many wait already.
  add(request: MembersRequest, done: Done<MembersPage>, deadline: number): boolean {
    if (this.#open.size >= limits.kWaitingReadsMax) return false;
    this.#open.set(++this.#last, { request, done, deadline });
    return true;
  }

  // What to send next, if anything may be. `brokerMinor`: of the protocol that it speaks.
  takeNext(brokerMinor: number): ReadMembers | null {
    while (this.#lastSent !== this.#last && this.#unanswered < limits.kUnansweredReadsMax) {
      const number = ++this.#lastSent;
      const open = this.#open.get(number);
      if (!open?.done) continue; // Its time was over before.
      const { room, what, after, limit, user = "" } = open.request;
      if (brokerMinor < kAnsweredSince[what]) {
        this.#open.delete(number);
        open.done(new RoomlogError("unavailable", "the broker is older, and does not tell"));
        continue;
      }
      ++this.#unanswered;
      return {
        request: BigInt(number), room: Buffer.from(room), what: kWhat[what], after: Buffer.from(after), limit, user,
      };
    }
    return null;
  }

  onAnswer(answer: Members, epoch: number): void {
    const number = Number(answer.request);
    const open = number <= this.#lastSent ? this.#open.get(number) : undefined;
    if (!open) return;
    const error = toError(answer.error);
    const page = error ? undefined : pageOf(answer, epoch); // May throw.
    this.#open.delete(number);
    --this.#unanswered;
    open.done?.(error, page);
  }

  // The session is lost: all that is open is asked again in the next one.
  restart(): void {
    this.#unanswered = 0;
    this.#lastSent = 0;
    for (const [number, { done }] of this.#open) if (!done) this.#open.delete(number);
    for (const number of this.#open.keys()) {
      this.#lastSent = number - 1;
      return;
    }
    this.#lastSent = this.#last;
  }

  failExpired(now: number, why: RoomlogError): void {
    for (const [number, open] of this.#open) {
      if (open.deadline > now) return;
      if (!open.done) continue;
      const { done } = open;
      // The broker counts those that it was asked until it has answered.
      if (number <= this.#lastSent) open.done = null;
      else this.#open.delete(number);
      done(why);
    }
  }
}

function pageOf(answer: Members, epoch: number): MembersPage {
  return {
    at: { epoch, offset: toNumber(answer.at) },
    socketCount: toNumber(answer.socketCount),
    userCount: toNumber(answer.userCount),
    sockets: answer.sockets.map(({ id, user, away }) => ({ id, user: user === "" ? null : user, away })),
    users: answer.users.map(({ name, sockets, away }) => ({ user: name, sockets, away })),
    rooms: answer.rooms.map(({ name, sockets, users }) => ({ room: Buffer.from(name).toString(), sockets, users })),
    more: answer.more,
    lastSeenMs: toNumber(answer.lastSeenMs),
    hasFeed: answer.hasFeed,
  };
}
