// The states of an automaton, and the stacks that wait behind them, in flat tables.
//
// A state is a term, or what is left of one. It is kUnexpanded until a walk goes on from it; then its expander fills
// it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "byte_classes.hpp"
#include "byte_set.hpp"
#include "substrings.hpp"

namespace fcgen {

using StateId = std::int32_t;
using StackId = std::int32_t;

inline constexpr StateId kDead = -1;
inline constexpr StateId kOpaqueNext = -2;          // what only unknown states lead on from
inline constexpr std::int32_t kInfinite = 1 << 30;  // so many bytes or more to an end
inline constexpr std::int32_t kEndless = 1 << 30;

enum class Kind : std::uint8_t {
    kUnexpanded,
    kTable,    // has a next state for each byte
    kLiteral,  // one byte can follow
    kCall,     // is walked as another state, with one put on the stack
    kChoice,   // is walked as each of some states
    kEnd,      // has come to its end
    kOpaque,   // what follows depends on what was written
    kOverlay,  // has the row of another state, but for a few bytes
};

struct State {
    Kind kind = Kind::kUnexpanded;
    bool stops = false;          // its text may end here
    bool is_abstracted = false;  // a walk takes it for a state that forgets what was written, or has no bounds
    std::uint8_t byte = 0;       // of a chain
    // A row's number; a chain's next state; a call's state; where a choice's states begin; of one aside the other
    // state.
    std::int32_t first = 0;
    // Of a call the state to put on the stack, or kDead: none; how many states a choice has; where an aside's own
    // begin.
    std::int32_t second = 0;
    std::int32_t min_length = 0;   // bytes to an end of its text, or somewhat more
    std::int32_t run = 0;          // so many bytes of the classes in `loops` lead back to it
    std::int32_t extra_depth = 0;  // stack nodes that it counts as
    ClassSet loops = 0;
};

// What is on a stack. StackNode kOpen stands for whatever may follow, kBottom for the end of the text.
inline constexpr StackId kOpen = 0;
inline constexpr StackId kBottom = 1;

struct StackNode {
    std::int32_t state = 0;  // of a stack that stands for n others: -n
    std::int32_t below = 0;  // the next stack; of such a stack where the others begin in `lists`
    std::int32_t min_length = 0;
    std::int32_t depth = 0;  // how many stacks the stack has
    bool stops = true;       // the text may end with all of the stack
};

// How much may be added to an automaton on behalf of one grammar.
struct Growth {
    std::int64_t limit = 0;
    std::int64_t used = 0;
    std::int64_t max_steps = 0;
};

// More states and stacks are needed than may be added.
class TooManyStates : public std::runtime_error {
  public:
    TooManyStates(std::int64_t limit, std::int64_t given)
        : std::runtime_error("the grammar has too many states"), limit(limit), given(given) {}
    std::int64_t limit, given;
};

class States {
  public:
    using Row = std::array<StateId, 256>;

    struct Arc {
        ByteSet bytes;
        StateId to;  // or kOpaqueNext
    };

    std::shared_ptr<Growth> growth = std::make_shared<Growth>();

    // How many states there are, by what they take.
    std::int64_t weight() const { return static_cast<std::int64_t>(states_.size()) - spared_; }

    std::int32_t count() const { return static_cast<std::int32_t>(states_.size()); }
    const State& state(StateId id) const { return states_[id]; }
    const State& at(StateId id) const { return states_.at(id); }  // throws std::out_of_range
    const Row& row(std::int32_t number) const { return rows_[number]; }
    std::span<const std::int32_t> list(std::int32_t first, std::int32_t count) const {
        return std::span(lists_).subspan(first, count);
    }

    // The state after a byte, from one with a row, a chain, or aside; kDead and kOpaqueNext are none.
    StateId next(const State& from, std::uint8_t byte) const;

    // The bytes of an overlay that lead elsewhere than from the other state.
    std::vector<std::uint8_t> overlay_bytes(StateId id) const;

    // Adds states that are not filled; gives the first. States of a text weigh a sixteenth.
    StateId add(std::int32_t count, bool is_light = false);

    // What is known before a state is filled.
    void describe(StateId id, bool stops, std::int32_t min_length);

    // Each of these expands a state. They throw std::out_of_range for states that there are not, or that are expanded.
    void make_end(StateId id);
    void make_opaque(StateId id);
    void make_call(StateId id, StateId called, StateId waiting);
    void make_choice(StateId id, std::span<const StateId> parts);
    void make_literals(StateId id, std::span<const std::uint8_t> bytes, StateId end);  // adds those within
    void make_literal(StateId id, std::uint8_t byte, StateId then);
    void make_table(StateId id, std::span<const Arc> arcs);
    void make_overlay(StateId id, StateId other, std::span<const std::int32_t> own);  // bytes and states in turn

    // Adds the states of all parts of a text, filled; gives the first. That is the one where a part begins; the next
    // one is the same where there must be a character, and then come the other states of the suffix automaton. Each is
    // one aside of a state at which only `tail`, which is then left of `end`, can come, or nothing.
    StateId add_text(const SuffixAutomaton& text, std::span<const std::uint8_t> tail, StateId end, StateId after_close);

    // Says that so many bytes of some classes lead from a state back to it, or to states that are like it.
    void set_run(StateId id, std::int32_t run, ClassSet loops);

    // The classes of which all bytes lead from a state with a row to `home`, but for those of whole characters.
    ClassSet loops(StateId id, StateId home) const;

    // Says that a walk takes a state for what it is made, and how many more stack nodes it counts as.
    void set_abstracted(StateId id, std::int32_t extra_depth);

    std::int32_t add_list(std::span<const std::int32_t> values);

  protected:
    void count_growth(std::int64_t added);
    void check(StateId id) const;
    State& unexpanded(StateId id);

    std::vector<State> states_;
    std::vector<Row> rows_;
    std::vector<std::int32_t> lists_;
    std::int64_t spared_ = 0;
};

}  // namespace fcgen
