// A place in the log: an offset with the epoch, the life of the log, that it
// belongs to.

export interface Position {
  epoch: number;
  offset: number;
}

// As users see it: opaque, made of [0-9a-z-] only.
export function formatPosition({ epoch, offset }: Position): string {
  return `${epoch.toString(16)}-${offset.toString(16)}`;
}

// Null if it is not what formatPosition() makes.
export function parsePosition(text: string): Position | null {
  const match = /^(0|[1-9a-f][0-9a-f]{0,13})-(0|[1-9a-f][0-9a-f]{0,13})$/.exec(text);
  if (!match) return null;
  const position = { epoch: parseInt(match[1]!, 16), offset: parseInt(match[2]!, 16) };
  return Number.isSafeInteger(position.epoch) && Number.isSafeInteger(position.offset) ? position : null;
}
