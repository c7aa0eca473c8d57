#include "test/sim/seeded_entropy.h"

#include <sys/random.h>

#include <cstddef>
#include <random>

namespace {

std::mt19937_64& Source() {
  static auto* const source = new std::mt19937_64();
  return *source;
}

}  // namespace

namespace roomlog {

void SeedEntropy(uint64_t seed) { Source().seed(seed); }

}  // namespace roomlog

// In place of the C library's, which gives way to a program's own.
extern "C" int getentropy(void* buffer, size_t length) noexcept {
  for (size_t i = 0; i < length; ++i) {
    static_cast<unsigned char*>(buffer)[i] =
        static_cast<unsigned char>(Source()());
  }
  return 0;
}
