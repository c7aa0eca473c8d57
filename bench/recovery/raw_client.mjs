// A Socket.IO client with no more than a measurement of recovery takes: one
// WebSocket, one namespace, and what the official client does to recover. Ten
// thousand of the official ones would measure themselves.
import { createRequire } from "node:module";

const { WebSocket } = createRequire(new URL("../../test/e2e/package.json", import.meta.url))("ws");

export class RawClient {
  #socket;
  #acks = new Map();
  #nextAck = 0;
  pid;
  offset;
  recovered = false;
  heard = 0;
  onEvent = () => {};

  // Resolves when it is connected: what was missed has come by then. `askedAt`
  // is when it asked for the namespace.
  connect(address) {
    return new Promise((done, fail) => {
      const socket = new WebSocket(`${address.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`, {
        perMessageDeflate: false });
      this.#socket = socket;
      socket.on("error", fail);
      socket.on("close", () => fail(new Error("closed before it was connected")));
      socket.on("message", (data, isBinary) => {
        if (!isBinary) this.#take(data.toString(), done, fail);
      });
    });
  }

  cut() {
    this.#socket.removeAllListeners();
    this.#socket.on("error", () => {});
    this.#socket.terminate();
  }

  ask(...event) {
    const id = this.#nextAck++;
    this.#socket.send(`42${id}${JSON.stringify(event)}`);
    return new Promise((done) => this.#acks.set(id, done));
  }

  #take(text, done, fail) {
    if (text[0] === "0") {
      this.askedAt = performance.now();
      const session = this.pid ? JSON.stringify({ pid: this.pid, offset: this.offset }) : "";
      this.#socket.send(`40${session}`);
    } else if (text === "2") {
      this.#socket.send("3");
    } else if (text.startsWith("40")) {
      const { pid } = JSON.parse(text.slice(2));
      this.recovered = pid !== undefined && pid === this.pid;
      this.pid = pid;
      done(this);
    } else if (text.startsWith("42")) {
      const event = JSON.parse(text.slice(2));
      this.heard++;
      this.onEvent(event);
      if (this.pid && typeof event.at(-1) === "string") this.offset = event.at(-1);
    } else if (text.startsWith("43")) {
      const begin = text.indexOf("[");
      const id = Number(text.slice(2, begin));
      this.#acks.get(id)?.(JSON.parse(text.slice(begin))[0]);
      this.#acks.delete(id);
    } else if (text.startsWith("44")) {
      fail(new Error(text));
    }
  }
}
