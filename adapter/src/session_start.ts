// Where the history of a join begins, as a session keeps it. Mirrors
// node/rooms/session_start.h.
import type { ReplayOptions } from "./replay.js";

export interface SessionStart {
  // The joins with history of one session are counted, from 1.
  join: number;
  options: ReplayOptions;
}

// Empty: the join was without history.
export function formatSessionStart({ join, options: { last, after, since, from } }: SessionStart): string {
  if (last !== undefined) return `${join} last ${last}`;
  if (after !== undefined) return `${join} after ${after}`;
  if (since !== undefined) return `${join} since ${Math.floor(since)}`;
  return from === "start" ? `${join} start` : "";
}

// Null: it is no start of a join with history.
export function parseSessionStart(text: string): SessionStart | null {
  const [join, kind, value, ...more] = text.split(" ");
  const number = Number(join);
  if (!Number.isSafeInteger(number) || number < 1 || more.length > 0) return null;
  const options: ReplayOptions | null =
    kind === "start" && value === undefined ? { from: "start" }
      : value === undefined ? null
        : kind === "last" ? { last: Number(value) }
          : kind === "since" ? { since: Number(value) }
            : kind === "after" ? { after: value } : null;
  if (options === null || Object.values(options).some(Number.isNaN)) return null;
  const start = { join: number, options };
  return formatSessionStart(start) === text ? start : null;
}
