// Follows one room so that its listener hears every event once, in order, also
// across lost connections, or is told that something is missing.
const kAnswerTimeoutMs = 15_000;
const kRetryMs = 1_000;

export class RoomFollower {
  #socket;
  #listener;
  #seen = new Set();
  #newest = null; // The offset up to which nothing is lacking.
  #oldest = null; // The offset of the oldest event heard of.
  #joining = false;
  #retry = null;

  // `listener` has
  //   onEvent(event)    {name, data, meta, offset}, in the order of the log
  //   onJoining()       what comes until onJoined() is history
  //   onJoined(answer)  {offset, replayed, gap, resumed}; live from here on
  //   onGap(reason)     something is missing just here
  //   onError(error)    {code, message}; it is tried again where that can help
  constructor(socket, room, eventNames, listener) {
    this.room = room;
    this.#socket = socket;
    this.#listener = listener;
    this.listening = [
      ["connect", () => this.#join()],
      ["disconnect", () => (this.#joining = false)],
      ["roomlog:gap", (gap) => gap.room === room && listener.onGap(gap.reason)],
      ...eventNames.map((name) => [
        name,
        (data, meta, offset) => this.#onEvent({ name, data, meta, offset }),
      ]),
    ];
    for (const [name, hear] of this.listening) socket.on(name, hear);
    if (socket.connected) this.#join();
  }

  get oldest() {
    return this.#oldest;
  }

  leave() {
    clearTimeout(this.#retry);
    for (const [name, hear] of this.listening) this.#socket.off(name, hear);
    if (this.#socket.connected) this.#socket.emit("leave", this.room, () => {});
    this.left = true;
  }

  // Gives {events, more, gap}, the newest first, all older than what was heard
  // of.
  async older(limit) {
    const options = this.#oldest ? { before: this.#oldest, limit } : { limit };
    const answer = await this.#ask("history", this.room, options);
    const unseen = answer.events.filter(({ offset }) => !this.#seen.has(offset));
    for (const { offset } of unseen) this.#seen.add(offset);
    if (answer.events.length > 0) this.#oldest = answer.events.at(-1).offset;
    return {
      events: unseen.map(({ event, ...rest }) => ({ name: event, ...rest })),
      more: answer.more,
      gap: answer.gap ?? null,
    };
  }

  async #join() {
    clearTimeout(this.#retry);
    if (this.#joining) return;
    this.#joining = true;
    const connection = this.#socket.id;
    const resumed = this.#newest !== null;
    this.#listener.onJoining();
    try {
      const answer = await this.#ask(
        "join",
        this.room,
        resumed ? { after: this.#newest } : { last: 50 },
      );
      if (this.left || connection !== this.#socket.id) return;
      this.#joining = false;
      // In an empty room the answer alone says from where to go on.
      this.#newest = answer.offset;
      this.#listener.onJoined({ ...answer, resumed });
    } catch (error) {
      if (this.left || connection !== this.#socket.id) return;
      this.#joining = false;
      this.#listener.onError(error);
      if (error.code === "bad_offset") {
        this.#newest = null; // The log does not know it: begin anew, and say so.
        this.#listener.onGap("epoch");
      } else if (error.code === "bad_room" || error.code === "bad_request") {
        return;
      }
      this.#retry = setTimeout(() => {
        if (this.#socket.connected) this.#join();
      }, kRetryMs);
    }
  }

  #onEvent(event) {
    if (event.meta?.room !== this.room || this.#seen.has(event.offset)) return;
    this.#seen.add(event.offset);
    this.#newest = event.offset;
    this.#oldest ??= event.offset;
    this.#listener.onEvent(event);
  }

  // Resolves to an {ok: true} answer; throws what the node or the timeout says.
  async #ask(...request) {
    let answer;
    try {
      answer = await this.#socket.timeout(kAnswerTimeoutMs).emitWithAck(...request);
    } catch {
      throw { code: "unavailable", message: "the node did not answer" };
    }
    if (!answer.ok) throw answer.error;
    return answer;
  }
}
