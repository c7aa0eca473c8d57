// What one server was given in one room by two adapters, compared: by the log, whose
// order is right, and by the one that delivers. Decides without a clock.
import { kShadowEventsMax } from "./limits.js";

// Which event it is: the server that emitted it, and how many it had emitted before.
export interface ShadowTag {
  server: string;
  number: number;
}

export interface ShadowCounts {
  compared: number; // Came both ways.
  lost: number; // In the log, and never delivered.
  doubled: number; // Delivered once more than it should have been.
  reordered: number; // Delivered after what the same server had emitted later.
  crossed: number; // Delivered after what the log has later, from another server.
  unlogged: number; // Delivered, and not in the log.
}

interface Seen {
  tag: ShadowTag;
  since: number; // When it came the first way.
  place: number | null; // In the order of the log; null: not there yet.
  delivered: number;
  isCounted: boolean; // As lost or unlogged, if it stays so.
}

export class ShadowRoom {
  readonly counts: ShadowCounts = { compared: 0, lost: 0, doubled: 0, reordered: 0, crossed: 0, unlogged: 0 };
  readonly #graceMs: number;
  // In the order in which they came first.
  readonly #seen = new Map<string, Seen>();
  #places = 0;
  // The last of those that were delivered: in the log, and of each server.
  #lastPlace = 0;
  readonly #lastOf = new Map<string, number>();
  #followedAt: number | null = null;

  // How long one way may be slower than the other.
  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  // From here on everything comes from the log.
  onFollowed(now: number): void {
    this.#followedAt = now;
  }

  onLogged(tag: ShadowTag, now: number): void {
    const seen = this.#see(tag, now);
    if (seen.place !== null) return;
    seen.place = ++this.#places;
    if (seen.delivered > 0) this.#compare(seen);
  }

  onDelivered(tag: ShadowTag, now: number): void {
    const seen = this.#see(tag, now);
    if (++seen.delivered > 1) {
      ++this.counts.doubled;
      return;
    }
    const last = this.#lastOf.get(tag.server) ?? 0;
    if (tag.number < last) ++this.counts.reordered;
    else this.#lastOf.set(tag.server, tag.number);
    if (seen.place !== null) this.#compare(seen);
  }

  #compare(seen: Seen): void {
    ++this.counts.compared;
    const isReordered = seen.tag.number < (this.#lastOf.get(seen.tag.server) ?? 0);
    if (seen.place! < this.#lastPlace && !isReordered) ++this.counts.crossed;
    this.#lastPlace = Math.max(this.#lastPlace, seen.place!);
  }

  #see(tag: ShadowTag, now: number): Seen {
    const name = `${tag.server}/${tag.number}`;
    let seen = this.#seen.get(name);
    if (seen) return seen;
    // What was under way while the room was entered may have come one way only.
    const isCounted = this.#followedAt !== null && now - this.#followedAt > this.#graceMs;
    seen = { tag, since: now, place: null, delivered: 0, isCounted };
    this.#seen.set(name, seen);
    if (this.#seen.size > kShadowEventsMax) this.#forget(this.#seen.entries().next().value!);
    return seen;
  }

  // Call it now and then: what did not come the other way in time is counted.
  onTick(now: number): void {
    for (const entry of this.#seen) {
      if (now - entry[1].since <= this.#graceMs) break;
      this.#forget(entry);
    }
  }

  #forget([name, { place, delivered, isCounted }]: [string, Seen]): void {
    this.#seen.delete(name);
    if (!isCounted) return;
    if (delivered === 0) ++this.counts.lost;
    else if (place === null) ++this.counts.unlogged;
  }
}
