#include "node/api/api_error.h"

#include "absl/strings/str_cat.h"
#include "base/json.h"

namespace roomlog {
namespace {

int StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadRequest:
    case ErrorCode::kBadRoom:
    case ErrorCode::kBadEvent:
    case ErrorCode::kBadOffset:
      return 400;
    case ErrorCode::kTooLarge:
      return 413;
    case ErrorCode::kForbidden:
      return 403;
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kLimit:
      return 429;
    case ErrorCode::kUnavailable:
      return 503;
  }
  return 500;
}

}  // namespace

ApiError ErrorOf(const Refusal& refusal) {
  return {StatusOf(refusal.code), std::string(ErrorCodeName(refusal.code)),
          refusal.message};
}

std::string ToJson(const ApiError& error) {
  return absl::StrCat(R"({"ok":false,"error":{"code":)", Quote(error.code),
                      R"(,"message":)", Quote(error.message), "}}");
}

}  // namespace roomlog
