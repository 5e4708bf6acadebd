// Work, counted in steps, so that its limit is the same on every machine. `grammar/work.py` says who sets it.
#pragma once

#include <cstdint>
#include <stdexcept>

namespace fcgen {

struct Fuel {
    static constexpr std::int64_t kUnlimited = std::int64_t{1} << 62;
    std::int64_t left = kUnlimited;
    std::int64_t limit = kUnlimited;
};

// There are fewer steps left than the work takes.
class OutOfFuel : public std::runtime_error {
  public:
    explicit OutOfFuel(std::int64_t limit) : std::runtime_error("this takes too many steps"), limit(limit) {}
    std::int64_t limit;
};

inline thread_local Fuel fuel;

inline void spend(std::int64_t steps) {
    fuel.left -= steps;
    if (fuel.left < 0) throw OutOfFuel(fuel.limit);
}

}  // namespace fcgen
