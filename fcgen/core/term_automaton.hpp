// The automaton of terms: what a state becomes when it is expanded.
//
// A state is a term that stands apart, or what is left of one; it is the same state wherever that stands. A recording
// would give a state to each text: a state with one at its head is abstracted, so that a walk takes it for that of the
// generic term. Likewise a state whose bounds no walk can reach is abstracted to the term without them. One text at a
// time is stepped through by the terms themselves (`skip`).
#pragma once

#include <map>
#include <unordered_map>

#include "automaton.hpp"
#include "derivatives.hpp"

namespace fcgen {

class TermAutomaton : public Automaton, public Expander {
  public:
    // `horizon`: how many bytes a walk has at most. `text_horizon`: the same within a text, by what has its substrings.
    TermAutomaton(std::int64_t horizon, nb::object text_horizon)
        : horizon_(horizon), text_horizon_(std::move(text_horizon)) {}

    // The state of a term.
    StateId number(const TermRef& term);

    using Automaton::expand;
    void expand(StateId state) override;
    std::pair<StateId, std::size_t> skip(StateId state, StackId stack, std::string_view text) override;

  private:
    // A state of names that are none of some names: within these, from `first` to `last` in their order, after `depth`
    // bytes, beside the state `other`. A name ends before the byte `end`.
    struct Beside {
        StateId other;
        NamesPointer names;
        std::size_t first, last, depth;
        std::uint8_t end;

        const std::string& name(std::size_t at) const { return (*names)[at]; }
        bool is_name() const { return name(first).size() == depth; }
    };

    struct HashTerm {
        std::size_t operator()(const TermRef& term) const { return mixed(0, term.get()); }
    };

    bool expand_term(StateId state, const TermRef& term);
    bool expand_table(StateId state, const TermRef& term);
    bool expand_excluded(StateId state, const TermRef& term);
    void expand_choice(StateId state, const PartsTerm& term);
    void expand_beside(StateId state, const Beside& beside);
    StateId add_beside(Beside beside);
    void abstract(StateId state, const TermRef& term);
    TermRef boundless(const TermRef& term);
    bool is_abstracted(const TermRef& term);
    std::pair<StateId, std::int32_t> run_from(StateId state, const TermRef& term);
    std::optional<StateId> number_in_text(const TermRef& term);
    StateId text(const OwnedTerm& substring, const TermRef& tail);

    std::int64_t horizon_;
    nb::object text_horizon_;
    std::unordered_map<TermRef, StateId, HashTerm> numbers_;
    std::unordered_map<StateId, TermRef> terms_;  // of states that are not expanded, or abstracted
    std::unordered_map<StateId, Beside> besides_;
    std::map<std::pair<PyObject*, const Term*>, StateId> texts_;
    std::vector<std::pair<nb::object, TermRef>> kept_;  // the keys above
};

}  // namespace fcgen
