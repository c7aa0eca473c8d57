// Pages of a room's log, for applications.
import type { HistoryPage, ReadRequest } from "./backplane.js";
import type { BrokerLink } from "./broker_link.js";
import type { EventView } from "./event_columns.js";
import { EventFlag } from "./generated/proto/events.js";
import { formatPosition, parsePosition, type Position } from "./position.js";
import { RoomlogError } from "./roomlog_error.js";
import { decodeEvent, isForNodes, loadPacket, parseAddressed } from "./stored_packet.js";

export const kHistoryEventsDefault = 50;
export const kHistoryEventsMax = 1000;

export interface HistoryOptions {
  // At most one of these. The oldest events after an offset, the newest before one,
  // the newest of all (which is also what is given without any), or the oldest since
  // a time in milliseconds since 1970.
  after?: string;
  before?: string;
  last?: number;
  since?: number;
  // At most so many events: 50 if not given, 1,000 at most.
  limit?: number;
  // Also what was emitted to the room by Socket.IO's own means. Some of it may have
  // been for a part of the members only: see `except` and `rooms` of the event.
  broadcasts?: boolean;
}

export interface HistoryEvent {
  event: string;
  args: unknown[];
  id: string | null;
  time: number; // When the broker took it, in milliseconds since 1970.
  offset: string;
  // Of a broadcast: to whom it was.
  rooms?: string[];
  except?: string[];
}

export interface GapEvent {
  room: string;
  // Everything after `from` up to and with `to` is missing for good.
  from: string;
  to: string;
  reason: "retention" | "epoch" | "limit" | "damage";
}

export interface HistoryResult {
  events: HistoryEvent[]; // Always oldest first.
  more: boolean; // More events match than the page holds.
  // Set if events were asked for that are gone: since when there are any, and why.
  gap?: { reason: GapEvent["reason"]; from: string; to: string };
}

export function readPage(link: BrokerLink, request: ReadRequest): Promise<HistoryPage> {
  return new Promise((done, fail) => {
    link.read(request, (error, page) => (error ? fail(error) : done(page!)));
  });
}

export async function readHistory(link: BrokerLink, room: string, options: HistoryOptions): Promise<HistoryResult> {
  const given = [options.after, options.before, options.last, options.since].filter((one) => one !== undefined);
  if (given.length > 1) throw new RoomlogError("invalid", "history takes one of after, before, last and since");
  const limit = Math.min(options.last ?? options.limit ?? kHistoryEventsDefault, kHistoryEventsMax);
  if (!(limit >= 1)) throw new RoomlogError("invalid", `history of ${limit} events`);
  const newestFirst = options.after === undefined && options.since === undefined;
  const place = options.after ?? options.before;
  const from = place === undefined ? null : parsePosition(place);
  if (place !== undefined && from === null) {
    throw new RoomlogError("invalid", `not an offset: ${JSON.stringify(place)}`);
  }

  const found: HistoryEvent[] = [];
  let after = options.after === undefined ? 0 : from!.offset;
  let before = options.before === undefined ? 0 : from!.offset;
  let gap: HistoryResult["gap"];
  // Events of other kinds lie among them, so one page may not be enough.
  for (;;) {
    const page = await readPage(link, {
      room, newestFirst, after, before, eventsMax: limit - found.length,
      ...(options.since === undefined ? {} : { sinceMs: options.since }),
    });
    const at = (offset: number): string => formatPosition({ epoch: page.epoch, offset });
    if (from !== null && from.epoch !== page.epoch) {
      // Offsets of another life of the log say nothing: there is what there is.
      gap = { reason: "epoch", from: formatPosition(from), to: at(page.trimmedThrough) };
      return { ...(await readHistory(link, room, { ...rest(options), since: 0, limit })), gap };
    }
    if (!newestFirst && options.after !== undefined && page.trimmedThrough > after) {
      gap ??= { reason: "retention", from: at(after), to: at(page.trimmedThrough) };
    }
    const events = page.events
      .map((event) => toHistory(event, page.epoch, options.broadcasts ?? false))
      .filter((event): event is HistoryEvent => event !== null);
    if (newestFirst) found.unshift(...events);
    else found.push(...events);
    const isDone = !page.more || found.length >= limit || page.events.length === 0;
    if (isDone) return { events: found, more: page.more, ...(gap ? { gap } : {}) };
    if (newestFirst) before = page.events[0]!.offset;
    else after = page.events.at(-1)!.offset;
  }
}

function rest({ broadcasts }: HistoryOptions): HistoryOptions {
  return broadcasts === undefined ? {} : { broadcasts };
}

function toHistory(event: EventView, epoch: number, broadcasts: boolean): HistoryEvent | null {
  let bytes = event.packet;
  let rooms, except;
  if ((event.flags & EventFlag.EVENT_FLAG_ADDRESSED) !== 0) {
    const addressed = broadcasts ? parseAddressed(bytes) : null;
    if (addressed === null || isForNodes(addressed.envelope)) return null;
    ({ rooms, except } = addressed.envelope);
    bytes = addressed.packet;
  }
  const packet = loadPacket(bytes, (event.flags & EventFlag.EVENT_FLAG_HAS_ATTACHMENTS) !== 0);
  if (packet === null) return null;
  let name, args;
  try {
    [name, ...args] = decodeEvent(packet);
  } catch {
    return null; // It is no event.
  }
  const position: Position = { epoch, offset: event.offset };
  return {
    event: String(name),
    args,
    id: event.id === "" ? null : event.id,
    time: event.timeMs,
    offset: formatPosition(position),
    ...(rooms ? { rooms } : {}),
    ...(except ? { except } : {}),
  };
}
