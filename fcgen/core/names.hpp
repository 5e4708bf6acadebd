// A choice among names, each with what follows it: the members of an object at one place of it, or functions.
//
// The names are sorted once for all places. A place is a range of them, of which some may come there, and how many
// bytes of them are written; the way from one byte to the next is made when it is walked. So a place costs what is
// walked of it, not what its names cost to write out and to sort. Where a character has several spellings, a name is a
// row of such symbols instead of bytes.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "terms.hpp"

namespace fcgen {

// Names of which none begins another.
class NameTable {
  public:
    // `symbols`: how the numbers that names consist of are spelled, each differently from all others; empty: as bytes.
    NameTable(std::vector<std::u32string> names, std::unordered_map<char32_t, TermRef> symbols);

    std::size_t size() const { return sorted_.size(); }
    bool has_symbols() const { return !symbols_.empty(); }

    // The name at a place of the order, its index, and the place of an index.
    const std::u32string& at(std::size_t place) const { return sorted_[place]; }
    std::size_t index_at(std::size_t place) const { return order_[place]; }
    std::size_t place_of(std::size_t index) const { return places_[index]; }
    const std::u32string& name(std::size_t index) const { return sorted_[places_[index]]; }

    // The places of names that are chosen by their indices.
    Bits places_of(const Bits& indices) const;

    // The place behind the names to `last` that have the same number at `depth` as the one at `first`.
    std::size_t end_of(std::size_t first, std::size_t last, std::size_t depth) const;

    // The names that can be written with these bytes, by their indices.
    Bits writable(const ByteSet& alphabet) const;

    const std::unordered_map<char32_t, TermRef>& symbols() const { return symbols_; }
    std::vector<std::u32string> names() const;  // by their indices

    const std::vector<std::size_t>& shortest_first() const { return shortest_first_; }

    TermRef spelled(char32_t number) const;
    TermRef spelled(std::u32string_view part) const;
    double need(std::u32string_view part) const;  // bytes that spell it at least

  private:
    std::vector<std::u32string> sorted_;
    std::vector<std::size_t> order_, places_, shortest_first_;
    std::unordered_map<char32_t, TermRef> symbols_;
    bool is_sorted_ = true;
};

// Any of the names whose places are chosen, then what follows it; `depth` bytes or symbols are written.
TermRef fork(const TablePointer& table, const Following& following, const BitsPointer& chosen, std::size_t first,
             std::size_t last, std::size_t depth);

// Any of the names whose indices are chosen.
TermRef fork(const TablePointer& table, const Following& following, const Bits& chosen);

// The first bytes or symbols of the names, each with what is left after it.
std::vector<std::pair<char32_t, TermRef>> fork_ways(const ForkTerm& fork);

// The bytes that finish any of the names and what follows it.
double fork_need(const ForkTerm& fork);

// What follows a name, by its index, and the bytes that finish it; kNever: nothing does.
TermRef after_name(const Following& following, std::size_t index);
double need_after_name(const Following& following, std::size_t index);

}  // namespace fcgen
