// Work on the masks of many sequences at once, on several threads: copies into one buffer, and logits from which what
// is not allowed is taken away. None of it knows of Python, or needs its lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace fcgen {

// A row of a buffer of masks, and what is written there.
struct MaskCopy {
    std::uint32_t* to;
    const std::uint32_t* from;  // null: `fill` in each word
    std::size_t words;          // of `from`
    std::size_t width;          // of `to`, where words beyond those of `from` are zero
    std::uint32_t fill;
};

void copy_masks(std::span<const MaskCopy> copies, unsigned threads);

// What the numbers of logits are.
enum class Float : std::uint8_t { kFloat16, kBfloat16, kFloat32, kFloat64 };

// Rows of logits, and of masks beside them. Strides are counted in bytes.
struct MaskedLogits {
    std::byte* logits;
    std::ptrdiff_t logits_stride;
    const std::uint32_t* masks;
    std::ptrdiff_t masks_stride;
    std::size_t rows;
    std::size_t width;  // of the logits; the masks have as many bits, or more
    Float type;
};

// Sets the logits to minus infinity where the bit of the mask is not set.
void mask_logits(const MaskedLogits& masked, unsigned threads);

}  // namespace fcgen
