// What changes in one session, said to the broker one change after the other; those
// that come meanwhile are said together.
import type { ChangeSession, SessionRoom } from "./generated/proto/sessions.js";
import { RoomlogError } from "./roomlog_error.js";
import type { SessionKeeper, SessionName } from "./session_keeper.js";

interface Waiting {
  done(): void;
  fail(error: RoomlogError): void;
}

export class SessionChanges {
  readonly #keeper: SessionKeeper;
  readonly #onRefused: (error: RoomlogError) => void;
  readonly #leaves = new Set<string>();
  readonly #joins = new Map<string, SessionRoom>();
  #data: Uint8Array | null = null;
  #waiting: Waiting[] = [];
  #isSaying = false;
  #whenSaid: (() => void)[] = [];
  #name: SessionName | null = null;

  constructor(keeper: SessionKeeper, onRefused: (error: RoomlogError) => void) {
    this.#keeper = keeper;
    this.#onRefused = onRefused;
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
    for (const leave of leaves) {
      const room = Buffer.from(leave).toString();
      this.#joins.delete(room);
      this.#leaves.add(room);
    }
    for (const join of joins) this.#joins.set(Buffer.from(join.name).toString(), join);
    if (hasData) this.#data = data!;
    return new Promise((done, fail) => {
      this.#waiting.push({ done, fail });
      if (!this.#isSaying) void this.#sayAll();
    });
  }

  // Calls back once all changes are said; never if there is no session.
  whenSaid(call: (name: SessionName) => void): void {
    const name = this.#name;
    if (name === null) return;
    if (this.#isSaying) this.#whenSaid.push(() => call(name));
    else call(name);
  }

  async #sayAll(): Promise<void> {
    this.#isSaying = true;
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting.splice(0);
      const change = {
        leaves: [...this.#leaves].map((room) => Buffer.from(room)),
        joins: [...this.#joins.values()],
        ...(this.#data ? { hasData: true, data: this.#data } : {}),
      };
      this.#leaves.clear();
      this.#joins.clear();
      this.#data = null;
      try {
        if (this.#name) await this.#keeper.change(this.#name, change);
        for (const { done } of waiting) done();
      } catch (error) {
        this.#onRefused(error as RoomlogError);
        this.#name = null;
        for (const { fail } of waiting) fail(error as RoomlogError);
      }
    }
    this.#isSaying = false;
    for (const call of this.#whenSaid.splice(0)) call();
  }
}
