// The system's source of randomness, drawn from a seed.
#ifndef ROOMLOG_TEST_SIM_SEEDED_ENTROPY_H_
#define ROOMLOG_TEST_SIM_SEEDED_ENTROPY_H_

#include <cstdint>

namespace roomlog {

// From here on getentropy() gives this process what follows from `seed`. One
// thread.
void SeedEntropy(uint64_t seed);

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_SEEDED_ENTROPY_H_
