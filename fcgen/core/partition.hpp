// Partitions of bytes, each set with what is left after one of its bytes.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "terms.hpp"

namespace fcgen {

// Joins disjoint sets that have the same left.
class Grouped {
  public:
    void add(const ByteSet& bytes, const TermRef& then);
    Arcs take() { return std::move(arcs_); }

  private:
    Arcs arcs_;
    std::unordered_map<const Term*, std::size_t> places_;  // once they are more than a few
};

// The common refinement of several partitions: where sets overlap, what follows is a choice.
Arcs refined(std::span<const ArcsPointer> lists);

// What all parts allow.
Arcs crossed(std::span<const ArcsPointer> lists);

Arcs complemented(const Arcs& inner);

}  // namespace fcgen
