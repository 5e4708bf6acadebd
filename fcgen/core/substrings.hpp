// A text -> its suffix automaton: the smallest one of which each way from the root spells a part of the text.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fcgen {

// Symbols are what a character is spelled with, so only some may begin a part, and a part ends where a character does.
// States that no such part comes to are left out, and the others are numbered by their length: the root is 0, and each
// edge leads to a higher number.
struct SuffixAutomaton {
    std::vector<std::int32_t> edges;    // those of state s are from edges[s] up to edges[s + 1]
    std::vector<std::int32_t> symbols;  // of each edge
    std::vector<std::int32_t> targets;  // of each edge
    std::vector<std::uint8_t> ends;     // whether a character ends at the state
    std::vector<std::int32_t> longest;  // how many characters can still end
    std::vector<std::int32_t> nearest;  // how much is needed until the next one ends, by the weights of symbols
    std::vector<std::int32_t> places;   // where a part that leads here ends, after which `longest` can still end
};

// Built symbol by symbol in linear time (Blumer et al. 1985). A negative symbol is a break: no part reaches across.
//
// `ends` says whether a character ends with the symbol there; `begins` and `weights` are by symbol. Throws
// std::invalid_argument where a symbol is too great, or lengths differ.
SuffixAutomaton suffix_automaton(std::span<const std::int32_t> text, std::span<const std::uint8_t> ends,
                                 std::span<const std::uint8_t> begins, std::span<const std::int32_t> weights);

}  // namespace fcgen
