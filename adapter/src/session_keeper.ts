// What becomes of the sessions of a namespace's sockets, as the broker is told: by
// numbered publishes (proto/sessions.proto). Mirrors node/server/session_keeper.h.
import type { PublishAnswer } from "./backplane.js";
import { randomId } from "./broker_link.js";
import type { ClusterNode } from "./cluster_node.js";
import { EventFlag } from "./generated/proto/events.js";
import { ChangeSession, DetachSession, SessionOperation, SessionRecord } from "./generated/proto/sessions.js";
import * as limits from "./limits.js";
import type { Position } from "./position.js";
import { roomKey } from "./room_key.js";
import { RoomlogError } from "./roomlog_error.js";
import { asBuffer } from "./stored_packet.js";

// Of servers on Node.js nobody asks clients that come back to prove who they are, so the
// user of a session is what its program says. A C++ edge gives such a session to nobody
// who has shown a token, and this server none whose user has shown one.
const kNobody = "";

// By which a client asks for its session, and by which this server has it.
export interface SessionName {
  privateId: string;
  claim: bigint;
}

export interface RestoredSession {
  name: SessionName;
  record: SessionRecord;
  position: Position; // Of the operation that restored it.
}

export class SessionKeeper {
  readonly #node: ClusterNode;
  readonly #namespace: string;
  readonly #windowMs: number;
  #isClosed = false;

  constructor(node: ClusterNode, namespace: string, windowMs: number) {
    this.#node = node;
    this.#namespace = namespace;
    this.#windowMs = windowMs;
  }

  // Nothing is said again after it.
  close(): void {
    this.#isClosed = true;
  }

  // Resolves once the session is durable: its rooms begin at the place that is given.
  // `user`: empty if nobody knows whose it is.
  async open(privateId: string, socketId: string, rooms: string[], data: Buffer, user: string):
  Promise<{ name: SessionName; position: Position }> {
    const name = { privateId, claim: randomId() };
    const opened = this.#publish(name, {
      open: {
        socketId, rooms: rooms.map((room) => Buffer.from(room)), data, windowMs: BigInt(this.#windowMs),
        noticeRoom: Buffer.from(this.#node.noticeRoom),
        user, userUnproven: user !== "",
      },
    });
    const { position } = await within(limits.kSessionOpenMs, opened, () => this.end(name));
    return { name, position };
  }

  // `offset`: what the client says it has, as it was sent. Rejects with "not_found" if
  // there is no such session, or no more.
  async restore(privateId: string, offset: string): Promise<RestoredSession> {
    const deadline = performance.now() + limits.kSessionRestoreMs;
    for (;;) {
      const name = { privateId, claim: randomId() };
      try {
        const noticeRoom = Buffer.from(this.#node.noticeRoom);
        // By polling, too: a poll that waits is answered with the first event alone.
        const restore = { noticeRoom, offset: Buffer.from(placeText(offset)), breakable: true, user: kNobody };
        const answer = await within(
          deadline - performance.now(), this.#publish(name, { restore }), () => this.end(name));
        // Without it: it was restored, but the answer that said so was lost.
        if (answer.session && answer.session.length > 0) {
          return { name, record: SessionRecord.decode(answer.session), position: answer.position };
        }
      } catch (error) {
        if (!passes(error) || performance.now() >= deadline) throw error;
      }
      await pause(limits.kSessionRetryMs);
    }
  }

  // Resolves when it is durable. Rejects with "fenced", or "not_found".
  async change(name: SessionName, change: Partial<ChangeSession>): Promise<void> {
    await this.#say(name, { change: { ...ChangeSession.create(), ...change } });
  }

  // The client is lost, and may come back; or it may not. Said until it is heard.
  detach(name: SessionName, how: Partial<DetachSession>): void {
    this.#say(name, { detach: { ...DetachSession.create(), ...how } }).catch(() => {
      // Another has it, or it is over.
    });
  }
  end(name: SessionName): void {
    this.#say(name, { close: {} }).catch(() => {
      // As above.
    });
  }

  async #say(name: SessionName, operation: Partial<SessionOperation>): Promise<void> {
    for (;;) {
      try {
        await this.#publish(name, operation);
        return;
      } catch (error) {
        // Once this server is gone the broker knows that its clients are lost.
        if (!passes(error) || this.#isClosed) throw error;
      }
      await pause(limits.kSessionRetryMs);
    }
  }

  #publish({ privateId, claim }: SessionName, operation: Partial<SessionOperation>): Promise<PublishAnswer> {
    const packet = asBuffer(SessionOperation.encode({
      ...SessionOperation.create(), nameSpace: this.#namespace, privateId, claim, ...operation,
    }).finish());
    return new Promise((done, fail) => {
      // The room names the session's namespace only: what is said is in no log.
      this.#node.publish(
        { room: roomKey(this.#namespace, ""), flags: EventFlag.EVENT_FLAG_SESSION, id: "", packet },
        (error, answer) => (error ? fail(error) : done(answer!)));
    });
  }
}

// To the broker "nothing" is a place like another. No offset is longer than that.
const placeText = (offset: string): string => (offset === "" ? "-" : offset.slice(0, 128));

// Worth another try.
function passes(error: unknown): boolean {
  return error instanceof RoomlogError && (error.code === "unavailable" || error.code === "limit");
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms).unref());

// `tooLate` is called if it comes after all.
function within<T>(ms: number, promise: Promise<T>, tooLate: () => void): Promise<T> {
  return new Promise((done, fail) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      fail(new RoomlogError("timeout", "the broker did not answer"));
    }, Math.max(0, ms));
    promise.then((value) => {
      clearTimeout(timer);
      if (isLate) tooLate();
      else done(value);
    }, (error) => {
      clearTimeout(timer);
      fail(error as Error);
    });
  });
}
