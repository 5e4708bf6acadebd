// What follows a term, byte by byte.
//
// `arcs` is a partition: sets of bytes that do not overlap, each with the term that is left after one of its bytes. For
// a choice the partitions of its parts are refined against each other, for an intersection they are crossed, for a
// complement the rest leads to anything. (Brzozowski 1964, over byte classes as in Owens, Reppy and Turon 2009.)
//
// A recording at the head of a term has no arcs, since each byte leads to a term of its own: `derived` takes one byte,
// and remembers it; `generic` is the term that forgets, whose arcs are those of all the texts at once.
#pragma once

#include <optional>

#include "terms.hpp"

namespace fcgen {

// What follows depends on what was written, so that it is no partition of sets of bytes.
class RecordingFound : public std::exception {
  public:
    const char* what() const noexcept override { return "what follows here depends on the text before it"; }
};

// A reference leads back to itself before any byte.
class LeftRecursion : public std::exception {
  public:
    const char* what() const noexcept override { return "a rule refers to itself before any character of it"; }
};

// Python's guard against recursion that is too deep.
class Deeper {
  public:
    Deeper() {
        if (Py_EnterRecursiveCall(" while the grammar is walked") != 0) throw nb::python_error();
    }
    ~Deeper() { Py_LeaveRecursiveCall(); }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
};

// What can come first, in disjoint sets, each with what is left after it; null: there is a recording at the head.
ArcsPointer arcs_of(Term* term);

// The same, and what takes time is not kept.
ArcsPointer arcs_once(Term* term);

bool is_recording(Term* term);

// What is left after a byte, which recordings at the head remember. Throws RecordingFound where that is not known.
TermRef derived(Term* term, std::uint8_t byte);

// What is left after as many bytes of a text as can be taken in one go, and how many these are.
std::pair<TermRef, std::size_t> skipped(Term* term, std::string_view text);

// The term that forgets what is written. `leaves_out_dead`: without recordings of which it is known that what follows
// them generally cannot be finished.
TermRef generic(Term* term, bool leaves_out_dead);

// How many recordings, one in the other, are at the head at most.
int recordings(Term* term);

// What a reference stands for.
TermRef looked_up(const ReferenceTerm& term);

// What is left of the names that begin with a byte.
NamesPointer tails_of(const std::vector<std::string>& names, std::uint8_t byte);

double fewest(Term* term);  // bytes that finish it, or somewhat more; kNever: nothing does

// The terms that a term is put together from, as far as its structure tells.
std::vector<TermRef> parts_of(Term* term);

// The functions of Python's that are asked where the core does not know: see `provide` in `_core.pyi`.
struct Hooks {
    nb::object settle, boundless, whole_characters, recording, of_schema;
};
Hooks& hooks();

}  // namespace fcgen
