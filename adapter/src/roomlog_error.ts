// Why something that was asked of the cluster was not done.

// - unavailable: no broker for too long, or it cannot write. Whether an event was
//   appended may be unknown; publishing it again with the same id is safe.
// - limit: a bound is reached.
// - invalid: asked for again it would fail again.
// - data_loss: what was asked for is stored but damaged.
// - not_found: there is no such session, or no more.
// - conflict: what is kept of a user is of another version.
// - fenced: the session belongs to another server, or a later connection, by now.
// - timeout: not all answers came in time.
export type RoomlogErrorCode =
  "unavailable" | "limit" | "invalid" | "data_loss" | "not_found" | "conflict" | "fenced" | "timeout";

export class RoomlogError extends Error {
  override readonly name = "RoomlogError";
  constructor(readonly code: RoomlogErrorCode, message: string) {
    super(message);
  }
}
