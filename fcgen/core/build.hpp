// Builds terms. Each function simplifies, so that terms reached by different ways are often the same object.
#pragma once

#include <optional>

#include "terms.hpp"

namespace fcgen {

const TermRef& nothing();
const TermRef& empty();
const TermRef& any_bytes();

TermRef literal(std::string_view data);
TermRef byte_set(const ByteSet& members);
TermRef seq(std::span<const TermRef> parts);
TermRef follow(const TermRef& first, const TermRef& rest);
TermRef alt(std::span<const TermRef> parts);
TermRef alt(const TermRef& a, const TermRef& b);

// The parts of several, those of `kind` (Alt or Both) taken apart, each once, in order.
std::vector<TermRef> flattened(std::span<const TermRef> parts, TermKind kind);
TermRef of_parts(TermKind kind, std::vector<TermRef> parts, bool can_stop);

TermRef repeat(const TermRef& inner, std::int64_t least, std::int64_t most);
TermRef one_less(const RepeatTerm& term);  // when one more was written
TermRef both(std::span<const TermRef> parts);
TermRef complement(const TermRef& inner);
TermRef apart(const TermRef& inner);
TermRef unlike(const TermRef& plain, NamesPointer names);
TermRef unknown(std::int64_t need);
TermRef reference(nb::object scope, nb::object name, bool can_stop, bool is_permanent);

// A term that is built when it is walked. `like`: a term, or what makes it.
TermRef deferred(nb::object build, nb::object like, nb::object contents, bool can_stop, double fewest);

// A value of a schema of a kind that is read when it is walked: what it holds, and the number of how it is written.
TermRef of_schema(std::string schema, std::int64_t text, nb::object contents, double fewest);

// What is left of a recording after `written`, if `names` is what is left of its names.
TermRef recorded(const TermRef& names, std::string written, After after, const TermRef& like, bool is_sure);

// A term of an owner that says what follows it.
TermRef owned(TermKind kind, nb::object owner, std::int64_t state, double fewest, bool can_stop);

// What stands for a deferred term, and what it is, built once.
TermRef like_of(DeferredTerm& term);
TermRef force(DeferredTerm& term);

// Held by the one thread that builds terms, or finds out what follows them. Python's code may run meanwhile.
class Building {
  public:
    Building();
    ~Building();
    Building(const Building&) = delete;
    Building& operator=(const Building&) = delete;

    static void set_lock(nb::object lock);
};

nb::object number_of(double value);  // an integer, unless it is infinite
nb::object int_of(const ByteSet& members);
ByteSet byte_set_of(nb::handle number);  // raises OverflowError or TypeError

}  // namespace fcgen
