// Publishes with ids until each is answered, as docs/client-api.md advises: what
// was not acknowledged is published again, with the same id, by another node.
import { connectTo } from "./member.mjs";

const kAnswerTimeoutMs = 5_000; // Then it tries elsewhere.
const kInFlightMax = 256;
const kTryAgainMs = 100;
const kTryAgain = ["unavailable", "limit"];

export class Publisher {
  #oracle;
  #sockets;
  #number = 0;
  #waiting = 0;
  #timer;
  answers = 0;
  resent = 0;

  // One that is connected to each of the nodes.
  constructor({ name, oracle, addresses, options = {} }) {
    this.name = name;
    this.#oracle = oracle;
    this.#sockets = addresses.map((address) => connectTo(address, options));
    for (const socket of this.#sockets) {
      socket.on("disconnect", (reason) => reason === "io server disconnect" && socket.connect());
    }
  }

  get isQuiet() {
    return this.#waiting === 0;
  }

  get isConnected() {
    return this.#sockets.every(({ connected }) => connected);
  }

  // From now on so many a second, in a room that `pickRoom` names.
  begin(perSecond, pickRoom) {
    const began = performance.now();
    let said = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - began) * perSecond) / 1000);
      // Those that find no place are never said: the load is a bound, not a duty.
      for (; said < due; said++) if (this.#waiting < kInFlightMax) this.publish(pickRoom());
    }, 5);
  }

  pause() {
    clearInterval(this.#timer);
  }

  // Resolves to its text when it is acknowledged.
  async publish(room) {
    const number = this.#number++;
    const text = `${this.name}:${number}`;
    this.#oracle.publishing(text, room, this.name, number);
    this.#waiting++;
    for (let way = 0; ; way++) {
      const answer = await this.#ask(this.#sockets[way % this.#sockets.length], room, text);
      if (answer?.ok) {
        this.#oracle.acknowledged(text, answer.offset);
        break;
      }
      if (answer && !kTryAgain.includes(answer.error.code)) {
        this.#oracle.report("refused", `publish ${text}: ${answer.error.code}, ${answer.error.message}`);
        break;
      }
      this.resent++;
      await new Promise((done) => setTimeout(done, kTryAgainMs));
    }
    this.#waiting--;
    this.answers++;
    return text;
  }

  close() {
    this.pause();
    for (const socket of this.#sockets) socket.disconnect();
  }

  // Null if there is no answer. Not sent at all while there is no connection: it
  // would go out later, long after it was published elsewhere.
  #ask(socket, room, text) {
    if (!socket.connected) return null;
    return new Promise((done) => {
      socket.timeout(kAnswerTimeoutMs).emit("publish", room, "message", text, { id: text }, (lost, answer) =>
        done(lost ? null : answer));
    });
  }
}
