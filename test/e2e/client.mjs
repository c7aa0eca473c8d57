// The official client, with the room application's requests as promises and a
// record of every room event that came, in the order in which it came.
import { io } from "socket.io-client";
import { until } from "./until.mjs";

const kAnswerTimeoutMs = 60_000; // A node gives up after 30 s, and says so.

export class Client {
  events = []; // {name, data, meta, offset}
  others = []; // Everything else, such as roomlog:gap: [name, ...arguments]

  constructor(address, { namespace = "/", ...options } = {}) {
    this.socket = io(new URL(namespace, address).href, {
      transports: ["websocket"],
      forceNew: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 500,
      ...options,
    });
    this.socket.onAny((name, data, meta, offset, ...more) => {
      const isRoomEvent = typeof meta?.room === "string" && typeof offset === "string" && !more.length;
      // What came as history says more behind "~", for coming back. Which event it
      // is, by which stories compare, stands before.
      if (isRoomEvent) this.events.push({ name, data, meta, offset: offset.split("~")[0] });
      else this.others.push([name, data, meta, offset, ...more]);
    });
  }

  connected() {
    return until(() => this.socket.connected, "a client to connect");
  }

  // Each resolves to the node's answer, {ok: false} included. An answer to a
  // join also tells how many events were `heardBefore` it.
  async join(room, options) {
    const from = this.events.length;
    const parts = options === undefined ? [room] : [room, options];
    return this.ask("join", parts, (answer) => ({
      ...answer,
      heardBefore: this.events.slice(from).filter(({ meta }) => meta.room === room).length,
    }));
  }
  leave(room) {
    return this.ask("leave", [room]);
  }
  publish(room, name, data, options) {
    return this.ask("publish", options === undefined ? [room, name, data] : [room, name, data, options]);
  }
  history(room, options) {
    return this.ask("history", options === undefined ? [room] : [room, options]);
  }

  // `look` sees the answer at once, before anything that came after it.
  ask(request, parts, look = (answer) => answer) {
    return new Promise((done, fail) => {
      this.socket.timeout(kAnswerTimeoutMs).emit(request, ...parts, (lost, answer) => {
        if (lost) fail(new Error(`no answer to ${request} ${JSON.stringify(parts).slice(0, 80)}: ${lost.message}`));
        else done(look(answer));
      });
    });
  }

  // Publishes until it is taken, as an application would: again with the same
  // id if the node says unavailable or its answer is lost.
  async publishUntilStored(room, name, data, id) {
    for (;;) {
      const answer = await this.publish(room, name, data, { id }).catch(() => null);
      if (answer?.ok) return answer;
      if (answer && answer.error.code !== "unavailable") {
        throw new Error(`publish of ${id} refused: ${JSON.stringify(answer.error)}`);
      }
      await this.connected();
    }
  }

  // From now on, joins the room again after each reconnect, where it left off.
  followAcrossReconnects(room, gaps = []) {
    this.socket.on("connect", async () => {
      const last = this.in(room).at(-1);
      const answer = await this.join(room, last ? { after: last.offset } : { from: "start" });
      if (!answer.ok || answer.gap) gaps.push(answer);
    });
    return gaps;
  }

  in(room) {
    return this.events.filter(({ meta }) => meta.room === room);
  }

  // Waits for that many events of the room.
  async hears(count, room, timeoutMs) {
    await until(
      () => this.events.length >= count && this.in(room).length >= count,
      () => `${count} events in ${room}; ${this.in(room).length} came`,
      timeoutMs,
    );
    return this.in(room);
  }

  close() {
    this.socket.close();
  }
}

// Publishes `count` events with ids `<prefix>0`, `<prefix>1`, … keeping `depth`
// of them unanswered. Resolves to a map from id to the offset it was given.
export async function publishMany(client, room, { prefix, count, depth = 200, onStored = () => {} }) {
  const stored = new Map();
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const id = `${prefix}${next++}`;
      const { offset } = await client.publishUntilStored(room, "message", { id }, id);
      stored.set(id, offset);
      onStored(stored.size);
    }
  };
  await Promise.all(Array.from({ length: depth }, lane));
  return stored;
}
