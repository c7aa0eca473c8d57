// Who is in one room, on whatever node, as the broker tells it.
const kAnswerTimeoutMs = 15_000;
const kAskAgainMs = 10_000;

export class WhoIsHere {
  #socket;
  #room;
  #onChange;
  #listening;
  #timer = null;
  #users = new Set();

  // `onChange({names, users, sockets})` is called with the names in order, of
  // which there may be fewer than users, and how many there are.
  constructor(socket, room, onChange) {
    this.#socket = socket;
    this.#room = room;
    this.#onChange = onChange;
    this.#listening = [
      ["connect", () => this.#ask()],
      ["roomlog:presence", (data) => data.room === room && this.#onComingOrGoing(data)],
    ];
    for (const [name, hear] of this.#listening) socket.on(name, hear);
    if (socket.connected) this.#ask();
  }

  leave() {
    clearTimeout(this.#timer);
    for (const [name, hear] of this.#listening) this.#socket.off(name, hear);
    if (this.#socket.connected) this.#socket.emit("presence", this.#room, { watch: false }, () => {});
  }

  async #ask() {
    clearTimeout(this.#timer);
    const ask = (options) => this.#socket.timeout(kAnswerTimeoutMs).emitWithAck("presence", this.#room, options)
      .catch(() => ({ ok: false }));
    let answer = await ask({ watch: true, list: "users", limit: 1000 });
    const isWatched = answer.ok;
    // The broker keeps no feed of this room: it is asked again now and then.
    if (!isWatched) answer = await ask({ list: "users", limit: 1000 });
    if (answer.ok) {
      this.#users = new Set(answer.list.map(({ user }) => user));
      this.#tell(answer);
    }
    if (!isWatched) this.#timer = setTimeout(() => this.#socket.connected && this.#ask(), kAskAgainMs);
  }

  #onComingOrGoing({ change, user, first, last, users, sockets }) {
    if (user !== null && change === "join" && first) this.#users.add(user);
    if (user !== null && change === "leave" && last) this.#users.delete(user);
    this.#tell({ users, sockets });
  }

  #tell({ users, sockets }) {
    this.#onChange({ names: [...this.#users].sort((a, b) => a.localeCompare(b)), users, sockets });
  }
}
