// What waits to be sent to one socket while a change of its session is not durable
// yet: so whatever its client has heard, its session tells of.

interface Waiting {
  offset: number; // In the log; 0 if it has none.
  send: () => void;
}

// Of all gates at which nothing waits.
const kNothing: Waiting[] = [];

export class SessionGate<Owner = null> {
  readonly #entriesMax: number;
  readonly #onFull: (owner: Owner) => void;
  readonly #owner: Owner;
  #holds = 0;
  #waiting = kNothing;
  #isSending = false;
  #isOpen = false;
  #floor = 0;

  // `onFull` is called when more waits than may, and told at whose gate: one function
  // does for all.
  constructor(entriesMax: number, onFull: (owner: Owner) => void, owner: Owner) {
    this.#entriesMax = entriesMax;
    this.#onFull = onFull;
    this.#owner = owner;
  }

  hold(): void {
    ++this.#holds;
  }
  // The last one sends what waits, in its order.
  release(): void {
    --this.#holds;
    this.#sendWaiting();
  }

  // From now on nothing waits, and nothing is left out.
  open(): void {
    this.#isOpen = true;
    this.#floor = 0;
    this.#sendWaiting();
  }

  get floor(): number {
    return this.#floor;
  }

  send(offset: number, send: () => void): void {
    if (offset > 0 && offset <= this.#floor) return;
    if (this.#isReady && this.#waiting.length === 0) {
      send();
      return;
    }
    if (this.#waiting === kNothing) this.#waiting = [];
    this.#waiting.push({ offset, send });
    if (this.#waiting.length > this.#entriesMax) this.#onFull(this.#owner);
  }

  // Of what comes from the log its client has all up to there already, or none of it
  // is for it.
  dropThrough(offset: number): void {
    this.#floor = offset;
    if (this.#waiting.length === 0) return;
    this.#waiting = this.#waiting.filter((one) => one.offset === 0 || one.offset > offset);
  }
  // All that came before anything later than that.
  sendThrough(offset: number): void {
    while (this.#waiting.length > 0 && this.#waiting[0]!.offset <= offset) this.#waiting.shift()!.send();
  }

  get #isReady(): boolean {
    return this.#isOpen || this.#holds === 0;
  }

  #sendWaiting(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (this.#isReady && this.#waiting.length > 0) this.#waiting.shift()!.send();
    } finally {
      this.#isSending = false;
      if (this.#waiting.length === 0) this.#waiting = kNothing;
    }
  }
}
