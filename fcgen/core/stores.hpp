// How a number is written over many others: by the instructions that the machine has for it.
//
// Numbers are unsigned integers, written as the bits they are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fcgen {

// Fills memory that is not read soon, past the caches: it need not be read before. `finish_far` is to be called before
// another thread reads it.
template <class Number>
void fill_far(Number* to, std::size_t count, Number value);
void finish_far();

// Writes `value` over those of 32 * `words` numbers whose bit in `kept` is not set.
template <class Number>
void fill_but(Number* to, const std::uint32_t* kept, std::size_t words, Number value);

}  // namespace fcgen
