// A set of bytes.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace fcgen {

class ByteSet {
  public:
    constexpr void add(std::uint8_t byte) { words_[byte >> 6] |= std::uint64_t{1} << (byte & 63); }

    constexpr bool has(std::uint8_t byte) const { return words_[byte >> 6] >> (byte & 63) & 1; }

    constexpr bool is_empty() const { return (words_[0] | words_[1] | words_[2] | words_[3]) == 0; }

    constexpr bool is_within(const ByteSet& other) const {
        std::uint64_t beyond = 0;
        for (std::size_t i = 0; i < 4; ++i) beyond |= words_[i] & ~other.words_[i];
        return beyond == 0;
    }

    // In order.
    template <class Visit>
    constexpr void each(Visit&& visit) const {
        for (std::size_t i = 0; i < 4; ++i) {
            for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
                visit(static_cast<std::uint8_t>(64 * i + static_cast<std::size_t>(std::countr_zero(word))));
            }
        }
    }

    constexpr bool operator==(const ByteSet&) const = default;

  private:
    std::array<std::uint64_t, 4> words_{};
};

}  // namespace fcgen
