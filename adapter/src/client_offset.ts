// The string by which a client that comes back says what it has. Mirrors
// node/rooms/client_offset.h.
import { formatPosition, parsePosition, type Position } from "./position.js";

// The client has all of its rooms up to `event`; or it was being sent the history of a
// join, and has that up to `event` and all of its rooms up to `history.place`.
export interface ClientOffset {
  event: Position;
  history?: { place: Position; join: number };
}

// Null: it is no offset.
export function parseClientOffset(text: string): ClientOffset | null {
  const parts = text.split("~");
  const event = parsePosition(parts[0]!);
  if (!event) return null;
  if (parts.length === 1) return { event };
  if (parts.length !== 3 || !/^[1-9][0-9]{0,14}$/.test(parts[2]!)) return null;
  const place = parsePosition(parts[1]!);
  return place && { event, history: { place, join: Number(parts[2]) } };
}

export const placeOf = ({ event, history }: ClientOffset): Position => history?.place ?? event;

// What stands behind the event's own offset.
export const historySuffix = (place: Position, join: number): string => `~${formatPosition(place)}~${join}`;
