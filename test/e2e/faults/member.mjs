// An official client that is in rooms and tells a witness all that it sees. It
// comes back by itself, to any of the nodes, and is in its rooms again.
import { io } from "socket.io-client";
import { setTimeout as sleep } from "node:timers/promises";

const kAnswerTimeoutMs = 60_000; // A node gives up after 30 s, and says so.
const kTryAgainMs = 100;
const kTryAgain = ["unavailable", "limit"];

export class Member {
  #oracle;
  #witness;
  #rooms;
  #resumes;
  #pickAddress;
  #lives = 0; // Connections so far.
  #in = new Set(); // The rooms that the server has said it is in.
  #last = new Map(); // room -> offset
  heardLast = new Map(); // room -> text
  #closed = false;

  // `resumes`: when it was not recovered, it joins "after" the last offset of each
  // room, or anew. `pickAddress` says where to connect, each time.
  constructor({ name, oracle, oneOrder, rooms, resumes, pickAddress, options = {} }) {
    this.name = name;
    this.#oracle = oracle;
    this.#witness = oracle.witness(name, { oneOrder });
    this.#rooms = rooms;
    this.#resumes = resumes;
    this.#pickAddress = pickAddress;
    this.socket = connectTo(pickAddress(), options);
    this.socket.onAny((...event) => this.#hear(...event));
    this.socket.on("connect", () => this.#enter());
    this.socket.on("disconnect", (reason) => {
      this.#in.clear();
      this.#moveOn();
      if (reason === "io server disconnect" && !this.#closed) this.socket.connect();
    });
    this.socket.on("connect_error", () => {
      this.#moveOn();
      if (!this.socket.active && !this.#closed) this.socket.connect();
    });
  }

  get isSettled() {
    return this.socket.connected && this.#in.size === this.#rooms.length;
  }

  get rooms() {
    return this.#rooms;
  }

  // The connection breaks, without a word. Not within an upgrade: engine.io-client
  // would close while it takes in an answer, and its events be kept for the next
  // connection. No network does that.
  cut() {
    const { engine } = this.socket.io;
    if (engine?.upgrading) engine.once("upgrade", () => setTimeout(() => engine.close()));
    else engine?.close();
  }

  close() {
    this.#closed = true;
    this.socket.disconnect();
  }

  #moveOn() {
    this.socket.io.uri = this.#pickAddress();
  }

  #hear(name, ...args) {
    if (name === "roomlog:gap") {
      this.#witness.gap(args[0].room, args[0]);
      return;
    }
    const [text, meta, offset] = args;
    this.#witness.heard(meta.room, text, offset);
    if (offset !== undefined) this.#last.set(meta.room, offset);
    this.heardLast.set(meta.room, text);
  }

  async #enter() {
    const life = ++this.#lives;
    const { recovered } = this.socket;
    this.#witness.connected({ recovered, node: this.socket.io.uri, resumes: this.#resumes });
    if (recovered) for (const room of this.#wasIn) this.#in.add(room);
    else this.#wasIn.clear();
    await Promise.all(this.#rooms.filter((room) => !this.#in.has(room)).map((room) => this.#join(room, life)));
  }

  #wasIn = new Set(); // Which rooms a recovered session is in.

  async #join(room, life) {
    const last = this.#resumes ? this.#last.get(room) : undefined;
    const parts = last === undefined ? [room] : [room, { after: last }];
    while (this.#lives === life && this.socket.connected) {
      // Looked at at once, before anything that comes after it.
      const isIn = await new Promise((done) => {
        this.socket.timeout(kAnswerTimeoutMs).emit("join", ...parts, (lost, answer) => {
          if (this.#lives !== life || lost) return done(lost && this.#lives === life && this.socket.connected ? this.#late(room) : false);
          if (!answer.ok) return done(this.#refused(room, last, answer.error));
          this.#in.add(room);
          this.#wasIn.add(room);
          if (answer.offset !== undefined) this.#last.set(room, answer.offset);
          this.#witness.joined(room, { resumed: last !== undefined, gap: answer.gap });
          done(true);
        });
      });
      if (isIn) return;
      await sleep(kTryAgainMs);
    }
  }

  #late(room) {
    this.#oracle.report("stuck", `${this.name}: no answer to its join of ${room} in ${kAnswerTimeoutMs} ms`);
    return false;
  }

  #refused(room, after, { code, message }) {
    if (!kTryAgain.includes(code)) {
      this.#oracle.report("refused", `${this.name}: join ${room} after ${after}: ${code}, ${message}`);
    }
    return false;
  }
}

// A connection that is the only one of its kind, and soon tries again.
export function connectTo(address, options = {}) {
  return io(address, {
    forceNew: true,
    reconnectionDelay: 20,
    reconnectionDelayMax: 300,
    timeout: 3_000,
    ...options,
  });
}
