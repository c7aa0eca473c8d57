// Errors as the broker says them.
import { type Error as WireError, ErrorCode } from "./generated/proto/backplane.js";
import { RoomlogError, type RoomlogErrorCode } from "./roomlog_error.js";

const kErrorCodes = new Map<ErrorCode, RoomlogErrorCode>([
  [ErrorCode.ERROR_CODE_INVALID, "invalid"],
  [ErrorCode.ERROR_CODE_LIMIT, "limit"],
  [ErrorCode.ERROR_CODE_DATA_LOSS, "data_loss"],
  [ErrorCode.ERROR_CODE_NOT_FOUND, "not_found"],
  [ErrorCode.ERROR_CODE_FENCED, "fenced"],
]);

// Null: it is none.
export function toError(error: WireError | undefined): RoomlogError | null {
  if (!error || error.code === ErrorCode.ERROR_CODE_OK) return null;
  return new RoomlogError(kErrorCodes.get(error.code) ?? "unavailable", error.message);
}
