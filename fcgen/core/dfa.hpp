// Finite automata as tables: for each state sets of bytes, disjoint, each with the next state. State 0 is the first.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "terms.hpp"

namespace fcgen {

struct Dfa {
    using Row = std::vector<std::pair<ByteSet, std::int32_t>>;
    std::vector<Row> rows;
    std::vector<char> accepting;  // for each state

    std::size_t size() const { return rows.size(); }
    bool operator==(const Dfa&) const = default;
};

// A finite automaton whose states are terms. Equal ones are one object.
class DfaTable {
  public:
    static std::shared_ptr<const DfaTable> of(Dfa dfa);

    explicit DfaTable(Dfa dfa);
    const Dfa& dfa() const { return dfa_; }
    std::vector<ByteSet> sets() const;  // those of its arcs

    static TermRef term(const std::shared_ptr<const DfaTable>& self, std::size_t state);
    static Arcs arcs(const DfaStateTerm& term);

  private:
    Dfa dfa_;
    std::vector<double> away_;
};

// A term has more states than there may be.
class TooManyDfaStates : public std::runtime_error {
  public:
    explicit TooManyDfaStates(std::int64_t limit) : std::runtime_error("a pattern has too many states"), limit(limit) {}
    std::int64_t limit;
};

// All derivatives of a term. Throws RecordingFound where it is not regular.
Dfa explored(const TermRef& term, std::size_t limit);

// For each state how many bytes it is from an end; kNever: there is none.
std::vector<double> distances(const Dfa& dfa);

// The same automaton without states that cannot finish, and with equal ones as one (Moore's partition refinement). The
// first state is kept, whatever it is.
Dfa minimal(Dfa dfa);

}  // namespace fcgen
