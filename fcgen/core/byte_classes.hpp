// Classes of bytes, so that a set of them is one 64-bit number.
//
// A state whose text may go on with any byte of some classes need not be walked by tokens of these. Letters stand by
// themselves, since patterns look for words; so do most marks; characters beyond ASCII are told by how long they are.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace fcgen {

enum ByteClass : std::uint8_t { kTwoBytes = 60, kThreeBytes = 61, kFourBytes = 62, kOddByte = 63 };

using ClassSet = std::uint64_t;

namespace detail {

constexpr std::array<std::uint8_t, 256> make_byte_classes() {
    constexpr std::string_view alone = "abcdefghijklmnopqrstuvwxyz -_./:,@+#\"\\!$%&'*;=?^`|~";
    constexpr std::array<std::string_view, 7> together = {
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "\t\n\r", "[]", "{}", "()", "<>",
    };
    std::array<std::uint8_t, 256> classes{};
    classes.fill(kOddByte);
    std::uint8_t next = 0;
    for (char byte : alone) classes[static_cast<unsigned char>(byte)] = next++;
    for (std::string_view group : together) {
        for (char byte : group) classes[static_cast<unsigned char>(byte)] = next;
        ++next;
    }
    return classes;
}

}  // namespace detail

// The class of each ASCII byte; kOddByte for all others.
inline constexpr std::array<std::uint8_t, 256> kByteClasses = detail::make_byte_classes();

}  // namespace fcgen
