// Judges what a cluster did by what its clients saw. It is told of every publish
// and of everything that each client (a witness) saw, in that order, and finds
// where the promises of docs/guarantees.md were broken. It does no I/O.
//
// It judges round by round: when all are connected again and everybody has heard
// the last publish of every room, judge() looks at what was seen since the last
// time, and forgets it. So a long run needs no more memory than one round.
import { ranksOf } from "./one_order.mjs";

const kFindingsKept = 50; // Of each kind; all are counted.

// What is found: the promise that it breaks, and what it means.
export const kKinds = {
  lost: ["P2", "acknowledged, and seen by nobody"],
  missing: ["P4", "not seen by a client that was in the room and told of no gap"],
  twice: ["P4", "seen twice by one client"],
  "appended twice": ["P3", "one publish with two offsets"],
  disorder: ["P1", "clients disagree on the order"],
  "offset fell": ["P1", "a client's offsets do not rise"],
  "sender's order": ["P1", "what one sender said in a row came in another order"],
  "false recovered": ["P5", "recovered: true, though something is missing"],
  "offset reused": ["P6", "one offset for two events"],
  "wrong offset": ["P6", "an event is not where its acknowledgement said"],
  stray: ["P3", "an event that nobody said since the last judgement, or not in that room"],
  refused: ["P5", "a request that must be taken was refused"],
  died: ["all", "a process ended by itself"],
  stuck: ["P4", "after all was healed, something never came"],
};

export class Oracle {
  #options;
  #publishes = []; // By id: {text, room, sender, number, acknowledged, offset}
  #ids = new Map(); // text -> id
  #texts = new Map(); // offset -> text
  #witnesses = [];
  findings = []; // {promise, kind, what}
  counts = Object.fromEntries(Object.keys(kKinds).map((kind) => [kind, 0]));
  recoveries = { whole: 0, fresh: {} };
  seen = { publishes: 0, deliveries: 0, gaps: {} };

  // `placeOf` makes of an offset {event, log, place}: the event's own offset, the
  // name of the log and a number that rises in it; without it offsets are
  // compared for being equal only. `sendersInOrder`: no publish was sent again
  // another way, so those of one sender must come in its order.
  constructor({ placeOf = null, sendersInOrder = false } = {}) {
    this.#options = { placeOf, sendersInOrder };
  }

  // Before it is handed to any node. Texts are unique; numbers rise by sender.
  publishing(text, room, sender = "", number = 0) {
    if (this.#ids.has(text)) throw new Error(`${text} was published before`);
    this.#ids.set(text, this.#publishes.length);
    this.#publishes.push({ text, room, sender, number, acknowledged: false, offset: undefined });
    this.seen.publishes++;
  }

  // A node has answered that it is kept; at `offset`, if it told.
  acknowledged(text, offset) {
    const publish = this.#publishes[this.#ids.get(text)];
    publish.acknowledged = true;
    if (offset !== undefined) this.#locate(publish, this.#split(offset), "the acknowledgement");
  }

  // What the harness sees by itself: a request that must be taken was refused, a
  // process died, or something never came.
  report(kind, what) {
    this.#find(kind, what);
  }

  // `oneOrder`: what it sees rises over all its rooms, not in each by itself.
  witness(name, { oneOrder = false } = {}) {
    const witness = new Witness(this, name, oneOrder);
    this.#witnesses.push(witness);
    return witness;
  }

  // All are connected, and have heard the last publish of each of their rooms.
  judge() {
    const ranks = this.#judgeOrder();
    const rooms = new Map();
    const seen = new Uint8Array(this.#publishes.length);
    for (const witness of this.#witnesses) for (const id of witness.events()) seen[id] = 1;
    this.#publishes.forEach((publish, id) => {
      if (publish.acknowledged && !seen[id]) this.#find("lost", `${this.#describe(id)}`);
      if (!seen[id]) return;
      if (!rooms.has(publish.room)) rooms.set(publish.room, []);
      rooms.get(publish.room).push(id);
    });
    for (const ids of rooms.values()) ids.sort((a, b) => ranks[a] - ranks[b]);
    for (const witness of this.#witnesses) this.#judgeMissing(witness, rooms, ranks);
    this.#publishes = [];
    this.#ids.clear();
    this.#texts.clear();
    for (const witness of this.#witnesses) witness.forget();
  }

  #judgeOrder() {
    const sequences = this.#witnesses.flatMap((witness) =>
      witness.sequences((id) => this.#publishes[id].room).map((ids) => ({ witness, ids })));
    const ranks = ranksOf(this.#publishes.length, [...sequences.map(({ ids }) => ids), ...this.#byOffset()]);
    for (const { witness, ids } of sequences) {
      for (let i = 1; i < ids.length; i++) {
        const [a, b] = [ids[i - 1], ids[i]];
        if (ranks[a] < ranks[b]) continue;
        const other = sequences.find(({ ids: theirs }) => {
          const at = theirs.indexOf(b);
          return at >= 0 && theirs.indexOf(a, at) > at;
        });
        this.#find("disorder",
          `${witness.name} saw ${this.#describe(a)} before ${this.#describe(b)}; ` +
            (other ? `${other.witness.name} the other way round` : "no one order fits all clients"));
      }
      if (this.#options.sendersInOrder) this.#judgeSenders(witness, ids);
    }
    return ranks;
  }

  // The order that the offsets tell: of each log a sequence.
  #byOffset() {
    const { placeOf } = this.#options;
    if (!placeOf) return [];
    const logs = new Map();
    this.#publishes.forEach(({ offset }, id) => {
      if (offset === undefined) return;
      const { log, place } = placeOf(offset);
      if (!logs.has(log)) logs.set(log, []);
      logs.get(log).push({ id, place });
    });
    return [...logs.values()].map((events) => events.sort((a, b) => a.place - b.place).map(({ id }) => id));
  }

  #judgeSenders(witness, ids) {
    const last = new Map();
    for (const id of ids) {
      const { room, sender, number } = this.#publishes[id];
      const key = `${room}\n${sender}`;
      const before = last.get(key);
      if (before !== undefined && this.#publishes[before].number > number) {
        this.#find("sender's order", `${witness.name} saw ${this.#describe(before)} before ${this.#describe(id)}`);
      } else {
        last.set(key, id);
      }
    }
  }

  // What is owed to a client: while it stays in a room, or resumes where it was,
  // all that was said there. `rooms`: what anybody heard in each, in order.
  #judgeMissing(witness, rooms, ranks) {
    const falsely = new Set();
    for (const [room, stretches] of witness.stretches()) {
      const all = rooms.get(room) ?? [];
      for (const { ids, from, whole, open, excused, connects } of stretches) {
        const have = new Set(ids);
        const first = whole ? -1 : ids.reduce((least, id) => Math.min(least, ranks[id]), Infinity);
        const last = open ? Infinity : ids.reduce((most, id) => Math.max(most, ranks[id]), -1);
        for (const id of all) {
          const rank = ranks[id];
          if (have.has(id) || rank > last || (rank < first && id < from)) continue;
          if (this.#isExcused(id, excused)) continue;
          const next = ids.findIndex((theirs) => ranks[theirs] > rank);
          const connect = coveringConnect(connects, next < 0 ? ids.length : next);
          this.#find("missing",
            `${witness.name} in ${room}: ${this.#describe(id)}, between ` +
              `${this.#describe(ids[(next < 0 ? ids.length : next) - 1])} and ${this.#describe(ids[next])}`);
          if (connect) falsely.add(connect);
        }
      }
    }
    for (const { node, number } of falsely) {
      this.#find("false recovered", `${witness.name}, its connection ${number}, to ${node}`);
    }
  }

  #isExcused(id, excused) {
    if (excused.length === 0) return false;
    const { offset } = this.#publishes[id];
    if (offset === undefined) return true; // Nobody can tell.
    const { log, place } = this.#options.placeOf(offset);
    return excused.some(({ from, to }) =>
      (from.log !== log || place > from.place) && (to.log !== log || place <= to.place));
  }

  // From here on called by witnesses.

  heard(witness, room, text, offset) {
    this.seen.deliveries++;
    const id = this.#ids.get(text);
    if (id === undefined || this.#publishes[id].room !== room) {
      this.#find("stray", `${witness.name} in ${room}: ${text} ${offset ?? ""}`);
      return undefined;
    }
    if (offset === undefined) return { id };
    const at = this.#split(offset);
    this.#locate(this.#publishes[id], at, witness.name);
    return { id, ...at };
  }

  twice(witness, id, offset) {
    this.#find("twice", `${witness.name}: ${this.#describe(id)}, now with ${offset}`);
  }

  offsetFell(witness, offset, before) {
    this.#find("offset fell", `${witness.name}: ${offset} after ${before}`);
  }

  placesOf(from, to) {
    const { placeOf } = this.#options;
    return { from: placeOf(from), to: placeOf(to) };
  }

  get nextId() {
    return this.#publishes.length;
  }

  #split(offset) {
    return this.#options.placeOf ? this.#options.placeOf(offset) : { event: offset };
  }

  #locate(publish, { event }, who) {
    if (publish.offset === undefined) {
      publish.offset = event;
    } else if (publish.offset !== event) {
      const kind = who === "the acknowledgement" ? "wrong offset" : "appended twice";
      this.#find(kind, `${publish.text} in ${publish.room}: ${publish.offset} before, ${event} by ${who}`);
      return;
    }
    const other = this.#texts.get(event);
    if (other === undefined) this.#texts.set(event, publish.text);
    else if (other !== publish.text) this.#find("offset reused", `${event}: ${other} and ${publish.text}, by ${who}`);
  }

  #describe(id) {
    if (id === undefined) return "nothing";
    const { text, offset, acknowledged } = this.#publishes[id];
    return `${text}${offset === undefined ? "" : ` (${offset})`}${acknowledged ? "" : " [not acknowledged]"}`;
  }

  #find(kind, what) {
    if (++this.counts[kind] <= kFindingsKept) this.findings.push({ promise: kKinds[kind][0], kind, what });
  }
}

// What one client saw. Its calls are made in the order in which it saw it.
class Witness {
  #oracle;
  #rooms = new Map(); // name -> stretches; the last one is open while it is in the room
  #all = []; // Ids, over all rooms.
  #last; // {log, place, event} of the last offset that was heard, over all rooms
  #connect = { number: 0, node: "", recovered: false };
  #seen = new Set();

  constructor(oracle, name, oneOrder) {
    this.#oracle = oracle;
    this.name = name;
    this.oneOrder = oneOrder;
  }

  // `reason`: why it was not recovered, if that was told. `resumes`: if so, it asks in
  // each of its rooms for all after what it had heard last; else it is in none of them,
  // and what comes before it is told that it is in again is owed to nobody.
  connected({ recovered = false, node = "", reason = "not told", resumes = true } = {}) {
    this.#connect = { number: this.#connect.number + 1, node, recovered };
    if (recovered) {
      this.#oracle.recoveries.whole++;
      for (const stretches of this.#rooms.values()) {
        const open = stretches.at(-1);
        if (open?.open) open.connects.push({ at: open.ids.length, ...this.#connect });
      }
    } else if (this.#connect.number > 1) {
      const { fresh } = this.#oracle.recoveries;
      fresh[reason] = (fresh[reason] ?? 0) + 1;
      if (!resumes) for (const room of this.#rooms.keys()) this.left(room);
    }
  }

  // It is in the room. `resumed`: it asked for all after what it had heard last,
  // and was told that nothing is missing but `gap`, if there is one.
  joined(room, { resumed = false, gap = null } = {}) {
    const stretches = this.#stretchesOf(room);
    const open = stretches.at(-1);
    if (!resumed || !open) {
      if (open) open.open = false;
      stretches.push(newStretch(this.#oracle.nextId));
    }
    if (gap) this.gap(room, gap);
  }

  left(room) {
    const open = this.#rooms.get(room)?.at(-1);
    if (open) open.open = false;
  }

  heard(room, text, offset) {
    const event = this.#oracle.heard(this, room, text, offset);
    if (!event) return;
    const { id, log, place } = event;
    if (this.#seen.has(id)) {
      this.#oracle.twice(this, id, offset);
      return;
    }
    this.#seen.add(id);
    this.#all.push(id);
    const stretches = this.#stretchesOf(room);
    if (!stretches.at(-1)?.open) stretches.push(newStretch(Infinity)); // Its join is yet to be answered.
    const stretch = stretches.at(-1);
    stretch.ids.push(id);
    if (place === undefined) return;
    const before = this.oneOrder ? this.#last : stretch.last;
    if (before && before.log === log && place <= before.place) this.#oracle.offsetFell(this, event.event, before.event);
    this.#last = stretch.last = { log, place, event: event.event };
  }

  // It was told that events of the room are missing, after `from` up to `to`.
  gap(room, { reason, from, to }) {
    const { gaps } = this.#oracle.seen;
    gaps[reason] = (gaps[reason] ?? 0) + 1;
    const stretch = this.#stretchesOf(room).at(-1);
    if (stretch) stretch.excused.push(this.#oracle.placesOf(from, to));
  }

  // From here on called by the oracle.

  events() {
    return this.#all;
  }

  // Lists of ids in which the order must be that of the log.
  sequences(roomOf) {
    if (this.oneOrder) return [this.#all];
    const byRoom = new Map();
    for (const id of this.#all) {
      const room = roomOf(id);
      if (!byRoom.has(room)) byRoom.set(room, []);
      byRoom.get(room).push(id);
    }
    return [...byRoom.values()];
  }

  stretches() {
    return this.#rooms;
  }

  forget() {
    this.#all = [];
    this.#seen.clear();
    for (const [room, stretches] of this.#rooms) {
      const open = stretches.at(-1);
      if (!open?.open) this.#rooms.delete(room);
      // All that comes from here on is owed.
      else this.#rooms.set(room, [{ ...newStretch(0), whole: true, last: open.last }]);
    }
  }

  #stretchesOf(room) {
    if (!this.#rooms.has(room)) this.#rooms.set(room, []);
    return this.#rooms.get(room);
  }
}

// A time in which a client heard a room without a break that it was told of.
// `from`: publishes from that id on were begun while it was in the room; `whole`:
// all of this round is owed; `connects`: recovered connections, by how many
// events had come.
function newStretch(from) {
  return { ids: [], from, whole: false, open: true, excused: [], connects: [], last: undefined };
}

// The recovery that a missing event should have come with: the last before the
// next event that did come, or the first after.
function coveringConnect(connects, next) {
  return connects.findLast(({ at }) => at <= next) ?? connects[0];
}
