// Keeps what a node hears of its rooms whole and in the order of the log.
// Mirrors node/link/ordered_rooms.h.
import type { GapReason, HistoryPage, RoomEvent, RoomFollower, RoomHandle } from "./backplane.js";
import { EventFlag } from "./generated/proto/events.js";
import { Heap } from "./heap.js";
import type { Position } from "./position.js";
import type { RoomlogError } from "./roomlog_error.js";

// What the link must read from the log: after < offset < before.
export interface MissingEvents {
  room: RoomHandle;
  after: number;
  before: number;
}

interface Room {
  readonly handle: RoomHandle;
  epoch: number;
  position: number; // The follower was told of everything up to here.
  known: number; // Nothing is missing up to here: told, held or lost.
  // Beyond `known` there are events up to here, to be read; not beyond it if
  // there are none.
  target: number;
  // Beyond `target` live events are held up to here, without a hole; 0 if none are.
  tail: number;
  isAnnounced: boolean; // The follower knows that it is followed,
  isBeginHeld: boolean; // or will when its turn comes.
  suspended: boolean; // What there is is not known.
  // A read is under way, which was to bring everything up to here; else 0.
  readingThrough: number;
  readingIn: number; // The epoch in which it was asked.
}

// What is held until its turn in the order: an event, a gap at its end, or the
// beginning of a room.
interface Held {
  offset: number;
  room: RoomHandle;
  event?: RoomEvent;
  gap?: { from: Position; to: Position; reason: GapReason };
  begun?: Position;
}

// A room at a place. It counts as long as the room stands there; so entries need
// not be taken out of a heap when it moves on.
interface Place {
  offset: number;
  room: RoomHandle;
}

const before = (a: Place, b: Place): boolean =>
  a.offset < b.offset || (a.offset === b.offset && a.room < b.room);

// About what an event takes beside its packet.
const kEventOverheadBytes = 128;
const bytesOf = (event: RoomEvent): number => kEventOverheadBytes + event.packet.length + event.id.length;
const isEphemeral = (event: RoomEvent): boolean => (event.flags & EventFlag.EVENT_FLAG_EPHEMERAL) !== 0;
const isBehind = (room: Room): boolean => room.suspended || room.known < room.target;

// Sits between the link and the follower. While nothing is missing, events pass
// straight through. When something is, what is missing is read from the log, and
// until it is there everything later is held, in all rooms. What is held is
// bounded: events beyond the bound are let go, and read from the log in their
// turn; ephemeral ones are missed then.
export class OrderedRooms {
  readonly #follower: RoomFollower;
  readonly #heldBytesMax: number;
  readonly #rooms = new Map<RoomHandle, Room>();
  // The rooms that are behind, by how far they are known: nothing held beyond the
  // first of these may be told. And those of them that can be read now.
  readonly #behind = new Heap<Place>(before);
  readonly #toRead = new Heap<Place>(before);
  readonly #held = new Heap<Held>(before);
  #heldBytes = 0;
  #releasing = false;
  #place = 0;

  constructor(follower: RoomFollower, heldBytesMax: number) {
    this.#follower = follower;
    this.#heldBytesMax = heldBytesMax;
  }

  // How far in the log the follower was told, in whatever room; 0 at first.
  get place(): number {
    return this.#place;
  }
  get heldBytes(): number {
    return this.#heldBytes;
  }
  has(handle: RoomHandle): boolean {
    return this.#rooms.has(handle);
  }

  // A room that was not followed is, from `head` on. Tells the follower, in its place
  // in the order: when all up to `head` is told.
  begin(handle: RoomHandle, head: Position): void {
    const room = this.#add(handle, head, false);
    if (this.#held.size === 0 && this.#firstBehind() === undefined) {
      this.#announce(room, head);
      return;
    }
    room.isBeginHeld = true;
    this.#held.push({ offset: head.offset, room: handle, begun: head });
    this.#release();
  }

  #announce(room: Room, head: Position): void {
    if (room.isAnnounced) return;
    room.isAnnounced = true;
    this.#follower.onFollowing(room.handle, head);
  }

  // As begin(), but after a place of the past: until resume() tells where the room
  // is, everything later is held.
  beginAfter(handle: RoomHandle, after: Position): void {
    this.#add(handle, after, true);
  }

  #add(handle: RoomHandle, { epoch, offset }: Position, suspended: boolean): Room {
    const room: Room = {
      handle, epoch, suspended, isAnnounced: false, isBeginHeld: false, position: offset, known: offset, target: offset,
      tail: 0, readingThrough: 0, readingIn: 0,
    };
    this.#rooms.set(handle, room);
    this.#index(room);
    return room;
  }

  fail(handle: RoomHandle, error: RoomlogError): void {
    this.end(handle);
    this.#follower.onFollowFailed(handle, error);
  }

  end(handle: RoomHandle): void {
    // What is held of it falls away when its turn comes.
    if (this.#rooms.delete(handle)) this.#release();
  }

  // The link is lost: any room may miss anything from here on.
  suspend(): void {
    for (const room of this.#rooms.values()) {
      if (room.suspended) continue;
      room.suspended = true;
      this.#index(room);
    }
  }

  // The log has begun a new life; comes after suspend(). What was held is let go,
  // and each room hears of the gap when it resumes.
  changeEpoch(): void {
    this.#held.clear();
    this.#behind.clear();
    this.#heldBytes = 0;
    this.#place = 0;
    for (const room of this.#rooms.values()) {
      // Offsets of the two lives cannot be compared: until every room has resumed,
      // nothing may be told.
      room.known = room.target = room.tail = 0;
      this.#index(room);
    }
  }

  // The link has found the room again; its last event is `head`.
  resume(handle: RoomHandle, head: Position): void {
    const room = this.#rooms.get(handle);
    if (!room) return;
    room.suspended = false;
    room.tail = 0;
    if (room.epoch === head.epoch) {
      room.target = Math.max(room.known, head.offset);
      this.#index(room);
      // One that begins in the past is followed from there on.
      if (!room.isBeginHeld) this.#announce(room, { epoch: room.epoch, offset: room.position });
    } else {
      const from = { epoch: room.epoch, offset: room.position };
      room.epoch = head.epoch;
      room.position = room.known = room.target = head.offset;
      if (room.isAnnounced) this.#follower.onGap(handle, from, head, "epoch");
      else this.#announce(room, head);
    }
    this.#release();
  }

  // Events of begun and not suspended rooms came over the link, in the order of the
  // log. Those of unknown rooms are ignored.
  onLive(events: readonly RoomEvent[]): void {
    for (const event of events) this.#takeLive(event);
    this.#release();
  }

  #takeLive(event: RoomEvent): void {
    const room = this.#rooms.get(event.room);
    if (!room) return;
    if (!isBehind(room) && event.previous <= room.known) {
      if (event.offset <= room.known) return; // It was here before.
      if (this.#held.size === 0 && this.#firstBehind() === undefined) {
        room.known = room.target = room.position = this.#place = event.offset;
        this.#follower.onEvent(event);
        return;
      }
      if (this.#heldBytes < this.#heldBytesMax) {
        room.known = room.target = event.offset;
        this.#hold(event);
        return;
      }
      // It cannot be read from the log in its turn.
      if (isEphemeral(event)) return;
    }
    this.#takeWhileBehind(event, room);
    this.#index(room);
  }

  #takeWhileBehind(event: RoomEvent, room: Room): void {
    const last = Math.max(room.known, room.target, room.tail);
    if (event.offset <= last) return;
    if (event.previous > last) {
      // There is a hole before it.
      room.target = event.previous;
      room.tail = 0;
    }
    if (this.#heldBytes >= this.#heldBytesMax) {
      if (isEphemeral(event)) return;
      room.target = event.offset;
      room.tail = 0;
      return;
    }
    room.tail = event.offset;
    this.#hold(event);
  }

  // What to read next, at most `most` rooms, those first that hold up the others.
  // Each is told once; answer by onRead() or onReadFailed().
  takeMissing(most: number): MissingEvents[] {
    const missing: MissingEvents[] = [];
    const take = (room: Room): void => {
      room.readingThrough = room.target;
      room.readingIn = room.epoch;
      missing.push({ room: room.handle, after: room.known, before: room.target + 1 });
    };
    if (this.#heldBytes >= this.#heldBytesMax) {
      // With the bound reached, only what the others wait for is read.
      const first = this.#firstBehind();
      if (first && !first.suspended && first.readingThrough === 0) take(first);
      return missing;
    }
    while (missing.length < most) {
      const place = this.#toRead.pop();
      if (place === undefined) break;
      const room = this.#rooms.get(place.room);
      if (room && isBehind(room) && !room.suspended && room.readingThrough === 0) take(room);
    }
    return missing;
  }

  onRead(handle: RoomHandle, page: HistoryPage): void {
    const room = this.#rooms.get(handle);
    if (!room) return;
    // Meanwhile there may be more to read than this read was asked for.
    const through = room.readingThrough;
    room.readingThrough = 0;
    if (page.epoch === room.epoch && room.readingIn === room.epoch) {
      if (page.trimmedThrough > room.known && room.known < through) {
        this.#holdGap(room, Math.min(page.trimmedThrough, through), "retention");
      }
      for (const event of page.events) {
        if (event.offset <= room.known || event.offset > through) continue;
        room.known = event.offset;
        this.#hold({ ...event, room: handle });
      }
      if (!page.more && room.known < through) {
        // There was an event at `through`, and it is not there any more.
        this.#holdGap(room, through, "retention");
      }
      this.#closeTail(room);
    }
    this.#index(room);
    this.#release();
  }

  // `lost`: it will never be read whole; else the read is told again.
  onReadFailed(handle: RoomHandle, lost: boolean): void {
    const room = this.#rooms.get(handle);
    if (!room) return;
    const through = room.readingThrough;
    room.readingThrough = 0;
    if (lost && room.readingIn === room.epoch && room.known < through) {
      this.#holdGap(room, through, "damage");
      this.#closeTail(room);
    }
    this.#index(room);
    this.#release();
  }

  // After every change of `known`, `target`, `suspended` or `readingThrough`.
  #index(room: Room): void {
    if (!isBehind(room)) return;
    const place = { offset: room.known, room: room.handle };
    this.#behind.push(place);
    if (!room.suspended && room.readingThrough === 0) this.#toRead.push(place);
  }

  #firstBehind(): Room | undefined {
    for (let place; (place = this.#behind.first) !== undefined; this.#behind.pop()) {
      const room = this.#rooms.get(place.room);
      if (room && isBehind(room) && room.known === place.offset) return room;
    }
    return undefined;
  }

  #hold(event: RoomEvent): void {
    this.#held.push({ offset: event.offset, room: event.room, event });
    this.#heldBytes += bytesOf(event);
  }

  #holdGap(room: Room, to: number, reason: GapReason): void {
    const { epoch, handle, known } = room;
    // What came live from within the gap would be told before it, as if nothing
    // were missing.
    this.#held.removeIf((held) => {
      const isWithin = held.room === handle && held.offset > known && held.offset <= to;
      if (isWithin && held.event) this.#heldBytes -= bytesOf(held.event);
      return isWithin;
    });
    this.#held.push({
      offset: to, room: handle, gap: { from: { epoch, offset: known }, to: { epoch, offset: to }, reason },
    });
    room.known = to;
  }

  #closeTail(room: Room): void {
    if (room.known < room.target) return;
    room.known = Math.max(room.known, room.tail);
    room.target = room.known;
    room.tail = 0;
  }

  // Tells the follower all that nothing earlier can come before. It may follow and
  // end rooms from within.
  #release(): void {
    if (this.#releasing) return;
    this.#releasing = true;
    for (let held; (held = this.#held.first) !== undefined;) {
      const first = this.#firstBehind();
      if (first && held.offset > first.known) break;
      this.#held.pop();
      if (held.event) this.#heldBytes -= bytesOf(held.event);
      const room = this.#rooms.get(held.room);
      if (!room) continue;
      if (held.begun) {
        this.#announce(room, held.begun);
        continue;
      }
      // One that was held live and read as well comes twice.
      if (held.offset <= room.position) continue;
      room.position = held.offset;
      this.#place = Math.max(this.#place, held.offset);
      if (held.event) this.#follower.onEvent(held.event);
      else if (held.gap) this.#follower.onGap(held.room, held.gap.from, held.gap.to, held.gap.reason);
    }
    this.#releasing = false;
  }
}
