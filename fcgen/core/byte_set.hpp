// A set of bytes.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace fcgen {

class ByteSet {
  public:
    static constexpr ByteSet of(std::uint8_t byte) {
        ByteSet found;
        found.add(byte);
        return found;
    }

    static constexpr ByteSet all() { return ~ByteSet(); }

    constexpr void add(std::uint8_t byte) { words_[byte >> 6] |= std::uint64_t{1} << (byte & 63); }

    constexpr bool has(std::uint8_t byte) const { return words_[byte >> 6] >> (byte & 63) & 1; }

    constexpr bool is_empty() const { return (words_[0] | words_[1] | words_[2] | words_[3]) == 0; }

    constexpr int size() const {
        int count = 0;
        for (std::uint64_t word : words_) count += std::popcount(word);
        return count;
    }

    // The least of them; there must be one.
    constexpr std::uint8_t first() const {
        std::size_t i = 0;
        while (words_[i] == 0) ++i;
        return static_cast<std::uint8_t>(64 * i + static_cast<std::size_t>(std::countr_zero(words_[i])));
    }

    constexpr bool is_within(const ByteSet& other) const { return (*this & ~other).is_empty(); }

    // In order.
    template <class Visit>
    constexpr void each(Visit&& visit) const {
        for (std::size_t i = 0; i < 4; ++i) {
            for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
                visit(static_cast<std::uint8_t>(64 * i + static_cast<std::size_t>(std::countr_zero(word))));
            }
        }
    }

    constexpr const std::array<std::uint64_t, 4>& words() const { return words_; }

    constexpr ByteSet& operator&=(const ByteSet& other) {
        for (std::size_t i = 0; i < 4; ++i) words_[i] &= other.words_[i];
        return *this;
    }
    constexpr ByteSet& operator|=(const ByteSet& other) {
        for (std::size_t i = 0; i < 4; ++i) words_[i] |= other.words_[i];
        return *this;
    }
    constexpr ByteSet operator~() const {
        ByteSet found;
        for (std::size_t i = 0; i < 4; ++i) found.words_[i] = ~words_[i];
        return found;
    }
    friend constexpr ByteSet operator&(ByteSet a, const ByteSet& b) { return a &= b; }
    friend constexpr ByteSet operator|(ByteSet a, const ByteSet& b) { return a |= b; }

    constexpr bool operator==(const ByteSet&) const = default;

  private:
    std::array<std::uint64_t, 4> words_{};
};

}  // namespace fcgen
