// How a node and its broker know each other.
#ifndef ROOMLOG_NODE_LINK_LINK_KEYS_H_
#define ROOMLOG_NODE_LINK_LINK_KEYS_H_

#include "base/curve_key.h"

namespace roomlog {

struct LinkKeys {
  CurveKeyPair own;       // The broker must allow its public key.
  CurvePublicKey broker;  // No other broker is spoken to.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_LINK_LINK_KEYS_H_
