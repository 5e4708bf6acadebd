#include "batch.hpp"

#include <algorithm>
#include <cstring>

#include "parallel.hpp"
#include "stores.hpp"

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

// Words in a row that allow nothing are filled past the caches where they are many.
template <class Number>
void mask_row(Number* logits, const std::uint32_t* mask, std::size_t width, Number minus_infinity) {
    constexpr std::size_t kBits = 32;
    constexpr std::size_t kMany = 8;
    const std::size_t whole = width / kBits;
    for (std::size_t first = 0; first < whole;) {
        std::size_t word = first, nothing = 0;
        for (; word < whole && nothing < kMany; ++word) nothing = mask[word] == 0 ? nothing + 1 : 0;
        const std::size_t end = nothing < kMany ? word : word - kMany;
        fill_but(logits + first * kBits, mask + first, end - first, minus_infinity);
        if (end < word) {
            while (word < whole && mask[word] == 0) ++word;
            fill_far(logits + end * kBits, (word - end) * kBits, minus_infinity);
        }
        first = word;
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
        finish_far();
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
