// What changes in one session, said to the broker one change after the other; those
// that come meanwhile are said together.
import type { ChangeSession, SessionRoom } from "./generated/proto/sessions.js";
import { RoomlogError } from "./roomlog_error.js";
import type { SessionKeeper, SessionName } from "./session_keeper.js";

interface Waiting {
  done(): void;
  fail(error: RoomlogError): void;
}

// What is to be said next.
class Next {
  readonly leaves = new Set<string>();
  readonly joins = new Map<string, SessionRoom>();
  data: Uint8Array | null = null;
  readonly waiting: Waiting[] = [];
}

// There is one for each socket, and nearly always nothing to be said: so it holds
// nothing then.
export class SessionChanges<Owner = null> {
  readonly #keeper: SessionKeeper;
  readonly #onRefused: (error: RoomlogError, owner: Owner) => void;
  readonly #owner: Owner;
  #next: Next | null = null;
  #isSaying = false;
  #whenSaid: (() => void)[] | null = null;
  #name: SessionName | null = null;

  // `onRefused` is told whose it is: one function does for all.
  constructor(keeper: SessionKeeper, onRefused: (error: RoomlogError, owner: Owner) => void, owner: Owner) {
    this.#keeper = keeper;
    this.#onRefused = onRefused;
    this.#owner = owner;
  }

  get name(): SessionName | null {
    return this.#name;
  }
  begin(name: SessionName): void {
    this.#name = name;
  }
  // There is no session any more, so nothing can be untrue of it.
  stop(): void {
    this.#name = null;
  }

  // Resolves when it is durable, or there is no session. Rejects if it was refused.
  add({ leaves = [], joins = [], hasData = false, data }: Partial<ChangeSession>): Promise<void> {
    if (this.#name === null) return Promise.resolve();
    const next = (this.#next ??= new Next());
    for (const leave of leaves) {
      const room = Buffer.from(leave).toString();
      next.joins.delete(room);
      next.leaves.add(room);
    }
    for (const join of joins) next.joins.set(Buffer.from(join.name).toString(), join);
    if (hasData) next.data = data!;
    return new Promise((done, fail) => {
      next.waiting.push({ done, fail });
      if (!this.#isSaying) void this.#sayAll();
    });
  }

  // Calls back once all changes are said; never if there is no session.
  whenSaid(call: (name: SessionName) => void): void {
    const name = this.#name;
    if (name === null) return;
    if (this.#isSaying) (this.#whenSaid ??= []).push(() => call(name));
    else call(name);
  }

  async #sayAll(): Promise<void> {
    this.#isSaying = true;
    for (let next; (next = this.#next) !== null;) {
      this.#next = null;
      const { leaves, joins, data, waiting } = next;
      const change = {
        leaves: [...leaves].map((room) => Buffer.from(room)),
        joins: [...joins.values()],
        ...(data ? { hasData: true, data } : {}),
      };
      try {
        if (this.#name) await this.#keeper.change(this.#name, change);
        for (const { done } of waiting) done();
      } catch (error) {
        this.#onRefused(error as RoomlogError, this.#owner);
        this.#name = null;
        for (const { fail } of waiting) fail(error as RoomlogError);
      }
    }
    this.#isSaying = false;
    const whenSaid = this.#whenSaid;
    this.#whenSaid = null;
    for (const call of whenSaid ?? []) call();
  }
}
