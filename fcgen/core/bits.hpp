// A set of small numbers, of which there may be thousands.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fcgen {

class Bits {
  public:
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

    Bits() = default;
    explicit Bits(std::size_t size) : words_((size + 63) / 64) {}

    static Bits all(std::size_t size) {
        Bits found(size);
        std::ranges::fill(found.words_, ~std::uint64_t{0});
        if (size % 64 != 0) found.words_.back() = (std::uint64_t{1} << (size % 64)) - 1;
        return found;
    }

    bool has(std::size_t i) const { return i / 64 < words_.size() && (words_[i / 64] >> (i & 63) & 1) != 0; }
    void add(std::size_t i) { words_[i / 64] |= std::uint64_t{1} << (i & 63); }
    void remove(std::size_t i) { words_[i / 64] &= ~(std::uint64_t{1} << (i & 63)); }
    void remove_to(std::size_t last) {  // all up to it, which is in the range
        for (std::size_t i = 0; i < last / 64; ++i) words_[i] = 0;
        words_[last / 64] &= last % 64 == 63 ? 0 : ~std::uint64_t{0} << (last % 64 + 1);
    }

    void remove_from(std::size_t first) {
        if (first / 64 >= words_.size()) return;
        words_[first / 64] &= (std::uint64_t{1} << (first & 63)) - 1;
        std::fill(words_.begin() + static_cast<std::ptrdiff_t>(first / 64) + 1, words_.end(), 0);
    }

    bool is_empty() const {
        for (std::uint64_t word : words_) {
            if (word != 0) return false;
        }
        return true;
    }

    std::size_t size() const {
        std::size_t count = 0;
        for (std::uint64_t word : words_) count += static_cast<std::size_t>(std::popcount(word));
        return count;
    }

    // The least of them from `from` on, and the greatest below `to`; kNone: there is none.
    std::size_t next(std::size_t from) const {
        for (std::size_t i = from / 64; i < words_.size(); ++i) {
            const std::uint64_t word = i == from / 64 ? words_[i] & (~std::uint64_t{0} << (from & 63)) : words_[i];
            if (word != 0) return 64 * i + static_cast<std::size_t>(std::countr_zero(word));
        }
        return kNone;
    }
    std::size_t previous(std::size_t to) const {
        for (std::size_t i = std::min((to + 63) / 64, words_.size()); i-- > 0;) {
            std::uint64_t word = words_[i];
            if (to / 64 == i) word &= (std::uint64_t{1} << (to & 63)) - 1;
            if (word != 0) return 64 * i + 63 - static_cast<std::size_t>(std::countl_zero(word));
        }
        return kNone;
    }

    template <class Visit>
    void each(Visit&& visit) const {  // in order
        for (std::size_t i = next(0); i != kNone; i = next(i + 1)) visit(i);
    }

    bool meets(const Bits& other) const {
        for (std::size_t i = 0; i < std::min(words_.size(), other.words_.size()); ++i) {
            if ((words_[i] & other.words_[i]) != 0) return true;
        }
        return false;
    }

    Bits& operator&=(const Bits& other) {
        for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= i < other.words_.size() ? other.words_[i] : 0;
        return *this;
    }
    friend Bits operator&(Bits a, const Bits& b) { return a &= b; }

    // The same bits from `first` to before `last`; equal ones have equal hashes.
    bool is_same(const Bits& other, std::size_t first, std::size_t last) const {
        for (std::size_t i = first / 64; i <= (last - 1) / 64; ++i) {
            if (((words_[i] ^ other.words_[i]) & within(i, first, last)) != 0) return false;
        }
        return true;
    }
    std::size_t hash(std::size_t first, std::size_t last) const {
        std::size_t found = first;
        for (std::size_t i = first / 64; i <= (last - 1) / 64; ++i) {
            found = (found ^ static_cast<std::size_t>(words_[i] & within(i, first, last))) * 0x9E3779B97F4A7C15;
            found ^= found >> 29;
        }
        return found;
    }

    const std::vector<std::uint64_t>& words() const { return words_; }

    bool operator==(const Bits&) const = default;

  private:
    // Those bits of a word that are in a range, which is not empty.
    static std::uint64_t within(std::size_t word, std::size_t first, std::size_t last) {
        std::uint64_t found = ~std::uint64_t{0};
        if (word == first / 64) found &= ~std::uint64_t{0} << (first & 63);
        if (word == (last - 1) / 64 && last % 64 != 0) found &= (std::uint64_t{1} << (last & 63)) - 1;
        return found;
    }

    std::vector<std::uint64_t> words_;
};

}  // namespace fcgen
