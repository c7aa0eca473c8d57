// Publishes each message once. A message has an id from the moment it is
// written, so it may be sent again after a lost connection or a lost answer:
// the log appends an id once and gives the first answer again.
const kAnswerTimeoutMs = 40_000; // A node gives up after 30 s, and says so.

export class Outbox {
  #socket;
  #onChange;
  #entries = new Map();

  // `onChange(entry)` hears of each new state of an entry
  // {id, room, event, data, state, error, offset}; state is one of
  //   "waiting"  there is no connection
  //   "sending"  the node has not answered yet
  //   "stored"   it is in the log, at `offset`; the outbox has forgotten it
  //   "failed"   `error` says why; send(id) tries again, discard(id) does not
  constructor(socket, onChange) {
    this.#socket = socket;
    this.#onChange = onChange;
    socket.on("connect", () => {
      for (const entry of this.#entries.values()) {
        if (entry.state === "waiting") this.send(entry.id);
      }
    });
  }

  publish(room, event, data) {
    const id = newId();
    this.#entries.set(id, { id, room, event, data });
    this.send(id);
    return id;
  }

  // What is not stored yet, in the order in which it was written.
  get entries() {
    return [...this.#entries.values()];
  }

  discard(id) {
    this.#entries.delete(id);
  }

  send(id) {
    const entry = this.#entries.get(id);
    if (!entry) return;
    // Socket.IO would keep it too, but sends it before the page knows it is back.
    if (!this.#socket.connected) return this.#change(entry, "waiting");
    const connection = this.#socket.id;
    this.#change(entry, "sending");
    this.#socket
      .timeout(kAnswerTimeoutMs)
      .emit("publish", entry.room, entry.event, entry.data, { id }, (lost, answer) => {
        if (!this.#entries.has(id)) return;
        if (lost && connection !== this.#socket.id) {
          // The answer went with the connection.
          if (this.#socket.connected) this.send(id);
          else this.#change(entry, "waiting");
        } else if (lost) {
          const message = "the node did not answer";
          this.#change(entry, "failed", { code: "unavailable", message });
        } else if (!answer.ok) {
          this.#change(entry, "failed", answer.error);
        } else {
          this.#entries.delete(id);
          entry.offset = answer.offset;
          this.#change(entry, "stored");
        }
      });
  }

  #change(entry, state, error = null) {
    entry.state = state;
    entry.error = error;
    this.#onChange(entry);
  }
}

// crypto.randomUUID() is there only on https and on localhost.
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
