// The version of what node and broker say to each other.
#ifndef ROOMLOG_PROTO_PROTOCOL_VERSION_H_
#define ROOMLOG_PROTO_PROTOCOL_VERSION_H_

#include <cstdint>

namespace roomlog {

// Raised when an older peer would misunderstand; such peers are refused.
inline constexpr uint32_t kProtocolMajor = 1;
// Raised when something is added that an older peer may ignore.
inline constexpr uint32_t kProtocolMinor = 2;
// A broker of an older minor version expels a node that asks for members.
inline constexpr uint32_t kProtocolMinorOfMembers = 1;
// A broker of an older minor version takes operations on users for events, and
// lists no rooms.
inline constexpr uint32_t kProtocolMinorOfUsers = 2;

}  // namespace roomlog

#endif  // ROOMLOG_PROTO_PROTOCOL_VERSION_H_
