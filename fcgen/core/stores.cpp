#include "stores.hpp"

#include <algorithm>
#include <array>
#include <bit>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define FCGEN_STREAMS 1
#endif
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>
#include <immintrin.h>
#define FCGEN_AVX512 1
#endif

namespace fcgen {
namespace {

constexpr std::size_t kBits = 32;  // of a word

// The bits of a number, or of a word, one by one.
template <class Number>
constexpr auto each_bit() {
    std::array<Number, std::min(kBits, 8 * sizeof(Number))> bits{};
    Number bit = 1;
    for (Number& one : bits) {
        one = bit;
        bit = static_cast<Number>(bit << 1);
    }
    return bits;
}

// Without branches, so that compilers make vectors of it.
template <class Number>
void fill_some(Number* to, std::uint32_t kept, Number value) {
    constexpr auto kEachBit = each_bit<Number>();
    for (std::size_t first = 0; first < kBits; first += kEachBit.size()) {
        const auto here = static_cast<Number>(kept >> first);
        for (std::size_t i = 0; i < kEachBit.size(); ++i) {
            const auto over = static_cast<Number>((here & kEachBit[i]) == 0 ? ~Number{0} : Number{0});
            to[first + i] = static_cast<Number>((to[first + i] & ~over) | (value & over));
        }
    }
}

template <class Number>
void fill_but_anywhere(Number* to, const std::uint32_t* kept, std::size_t words, Number value) {
    constexpr int kFew = 4;
    for (std::size_t word = 0; word < words; ++word, to += kBits) {
        std::uint32_t many = ~kept[word];
        for (int few = 0; few < kFew; ++few) many &= many - 1;
        if (many != 0) {
            fill_some(to, kept[word], value);
        } else {
            for (std::uint32_t left = ~kept[word]; left != 0; left &= left - 1) to[std::countr_zero(left)] = value;
        }
    }
}

#ifdef FCGEN_AVX512
// Whether the processor has AVX-512 F and BW, and the system keeps its registers. (What compilers have to ask for it is
// not in each of their libraries.)
bool has_avx512() {
    constexpr unsigned kRegisters = 0xE6;
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0) return false;
    unsigned low = 0, high = 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & kRegisters) != kRegisters || __get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
    return (b & bit_AVX512F) != 0 && (b & bit_AVX512BW) != 0;
}

__attribute__((target("avx512f,avx512bw"))) void fill_but_avx512(std::uint32_t* to, const std::uint32_t* kept,
                                                                 std::size_t words, std::uint32_t value) {
    const __m512i many = _mm512_set1_epi32(static_cast<int>(value));
    for (std::size_t word = 0; word < words; ++word, to += kBits) {
        const std::uint32_t over = ~kept[word];
        if (over == 0) continue;
        _mm512_mask_storeu_epi32(to, static_cast<__mmask16>(over), many);
        _mm512_mask_storeu_epi32(to + kBits / 2, static_cast<__mmask16>(over >> 16), many);
    }
}

__attribute__((target("avx512f,avx512bw"))) void fill_but_avx512(std::uint16_t* to, const std::uint32_t* kept,
                                                                 std::size_t words, std::uint16_t value) {
    const __m512i many = _mm512_set1_epi16(static_cast<short>(value));
    for (std::size_t word = 0; word < words; ++word, to += kBits) {
        _mm512_mask_storeu_epi16(to, static_cast<__mmask32>(~kept[word]), many);
    }
}
#endif

}  // namespace

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

void finish_far() {
#ifdef FCGEN_STREAMS
    _mm_sfence();
#endif
}

template <class Number>
void fill_but(Number* to, const std::uint32_t* kept, std::size_t words, Number value) {
#ifdef FCGEN_AVX512
    if constexpr (sizeof(Number) < sizeof(std::uint64_t)) {
        static const bool is_fast = has_avx512();
        if (is_fast) return fill_but_avx512(to, kept, words, value);
    }
#endif
    fill_but_anywhere(to, kept, words, value);
}

template void fill_far(std::uint16_t*, std::size_t, std::uint16_t);
template void fill_far(std::uint32_t*, std::size_t, std::uint32_t);
template void fill_far(std::uint64_t*, std::size_t, std::uint64_t);
template void fill_but(std::uint16_t*, const std::uint32_t*, std::size_t, std::uint16_t);
template void fill_but(std::uint32_t*, const std::uint32_t*, std::size_t, std::uint32_t);
template void fill_but(std::uint64_t*, const std::uint32_t*, std::size_t, std::uint64_t);

}  // namespace fcgen
