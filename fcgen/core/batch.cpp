#include "batch.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "parallel.hpp"

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define FCGEN_STREAMS 1
#endif

namespace fcgen {
namespace {

constexpr std::size_t kWorthAThread = 1 << 20;  // bytes to write; it takes as long to wake up a thread
constexpr std::size_t kBlock = 64 << 10;        // bytes, of what a thread takes at a time

// How many threads are worth waking up.
std::size_t threads_for(std::size_t bytes, unsigned threads) {
    return std::clamp<std::size_t>(bytes / kWorthAThread, 1, std::max(1U, threads));
}

void copy_mask(const MaskCopy& copy) {
    if (copy.from == nullptr) {
        std::fill_n(copy.to, copy.width, copy.fill);
        return;
    }
    std::memcpy(copy.to, copy.from, copy.words * sizeof(std::uint32_t));
    std::fill_n(copy.to + copy.words, copy.width - copy.words, 0);
}

// Fills memory that is not read soon past the caches, where the machine can: it need not be read before. What is
// written so is ordered by `finish_streams`.
template <class Number>
void fill_far(Number* to, std::size_t count, Number value) {
#ifdef FCGEN_STREAMS
    constexpr std::size_t kVector = 16;
    constexpr std::size_t kEach = kVector / sizeof(Number);
    while (count > 0 && reinterpret_cast<std::uintptr_t>(to) % kVector != 0) {
        *to++ = value;
        --count;
    }
    alignas(kVector) Number values[kEach];
    std::fill_n(values, kEach, value);
    const __m128i many = _mm_load_si128(reinterpret_cast<const __m128i*>(values));
    for (; count >= kEach; count -= kEach, to += kEach) _mm_stream_si128(reinterpret_cast<__m128i*>(to), many);
#endif
    std::fill_n(to, count, value);
}

void finish_streams() {
#ifdef FCGEN_STREAMS
    _mm_sfence();
#endif
}

// The bits of a number, or of 32, one by one.
template <class Number>
constexpr auto each_bit() {
    std::array<Number, std::min<std::size_t>(32, 8 * sizeof(Number))> bits{};
    Number bit = 1;
    for (Number& one : bits) {
        one = bit;
        bit = static_cast<Number>(bit << 1);
    }
    return bits;
}

// Some of 32 tokens are not allowed. Without branches, so that compilers make vectors of it.
template <class Number>
void mask_some(Number* logits, std::uint32_t bits, Number minus_infinity) {
    constexpr auto kBits = each_bit<Number>();
    constexpr std::size_t kEach = kBits.size();
    for (std::size_t first = 0; first < 32; first += kEach) {
        const auto here = static_cast<Number>(bits >> first);
        for (std::size_t i = 0; i < kEach; ++i) {
            const auto taken = static_cast<Number>((here & kBits[i]) == 0 ? ~Number{0} : Number{0});
            Number& logit = logits[first + i];
            logit = static_cast<Number>((logit & ~taken) | (minus_infinity & taken));
        }
    }
}

// Numbers are written as the bits they are.
template <class Number>
void mask_row(Number* logits, const std::uint32_t* mask, std::size_t width, Number minus_infinity) {
    constexpr std::size_t kBits = 32;
    constexpr int kFew = 4;
    const std::size_t whole = width / kBits;
    for (std::size_t word = 0; word < whole;) {
        const std::uint32_t bits = mask[word];
        Number* const at = logits + word * kBits;
        if (bits == ~std::uint32_t{0}) {
            ++word;
            continue;
        }
        if (bits == 0) {
            const std::size_t first = word;
            while (word < whole && mask[word] == 0) ++word;
            fill_far(at, (word - first) * kBits, minus_infinity);
            continue;
        }
        std::uint32_t many = ~bits;
        for (int few = 0; few < kFew; ++few) many &= many - 1;
        if (many == 0) {
            for (std::uint32_t left = ~bits; left != 0; left &= left - 1) at[std::countr_zero(left)] = minus_infinity;
        } else {
            mask_some(at, bits, minus_infinity);
        }
        ++word;
    }
    for (std::size_t token = whole * kBits; token < width; ++token) {
        if ((mask[token / kBits] >> (token % kBits) & 1) == 0) logits[token] = minus_infinity;
    }
}

template <class Number>
void mask_all(const MaskedLogits& masked, unsigned threads, Number minus_infinity) {
    constexpr std::size_t kAtATime = kBlock / sizeof(Number) / 32 * 32;
    const std::size_t blocks = (masked.width + kAtATime - 1) / kAtATime;
    const std::size_t bytes = masked.rows * masked.width * sizeof(Number);
    in_parallel(masked.rows * blocks, threads_for(bytes, threads), [&](std::size_t i) {
        const auto row = static_cast<std::ptrdiff_t>(i / blocks);
        const std::size_t first = i % blocks * kAtATime;
        auto* logits = reinterpret_cast<Number*>(masked.logits + row * masked.logits_stride);
        const auto* mask = reinterpret_cast<const std::byte*>(masked.masks) + row * masked.masks_stride;
        mask_row(logits + first, reinterpret_cast<const std::uint32_t*>(mask) + first / 32,
                 std::min(kAtATime, masked.width - first), minus_infinity);
        finish_streams();
    });
}

}  // namespace

void copy_masks(std::span<const MaskCopy> copies, unsigned threads) {
    std::size_t bytes = 0;
    for (const MaskCopy& copy : copies) bytes += copy.width * sizeof(std::uint32_t);
    in_parallel(copies.size(), threads_for(bytes, threads), [&](std::size_t i) { copy_mask(copies[i]); });
}

void mask_logits(const MaskedLogits& masked, unsigned threads) {
    switch (masked.type) {
        case Float::kFloat16:
            return mask_all<std::uint16_t>(masked, threads, 0xFC00);
        case Float::kBfloat16:
            return mask_all<std::uint16_t>(masked, threads, 0xFF80);
        case Float::kFloat32:
            return mask_all<std::uint32_t>(masked, threads, 0xFF800000);
        case Float::kFloat64:
            return mask_all<std::uint64_t>(masked, threads, 0xFFF0000000000000);
    }
}

}  // namespace fcgen
