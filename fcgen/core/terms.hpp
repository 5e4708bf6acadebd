// Terms: byte languages, as immutable Python objects that are shared, so that equal terms are one object.
//
// `_core.pyi` says what the kinds mean. A term from which Python's own objects can be reached (what is built when it is
// walked) is known to Python's garbage collector, and so is all that leads to it. Any other term is freed when nothing
// refers to it, and costs collections nothing. What follows a term is kept for a limited number of terms, since it can
// lead back to the term.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bits.hpp"
#include "byte_set.hpp"

namespace fcgen {

namespace nb = nanobind;

enum class TermKind : std::uint8_t {
    kNothing,
    kEmpty,
    kLiteral,
    kByteSet,
    kSeq,
    kAlt,
    kRepeat,
    kBoth,
    kComplement,
    kReference,
    kDeferred,
    kApart,
    kUnlike,
    kFork,
    kRecord,
    kUnknown,
    kSubstring,
    kCounted,
    kDfaState,
    kMembers,
};
inline constexpr std::size_t kTermKinds = 20;

inline constexpr double kNever = std::numeric_limits<double>::infinity();  // bytes to an end that there is not
inline constexpr double kBeyond = 1099511627776.0;                         // 2^40: only unknown places lead to an end

struct Arc;
using Arcs = std::vector<Arc>;
using ArcsPointer = std::shared_ptr<const Arcs>;

enum class ArcsState : std::uint8_t {
    kUnknown,
    kBusy,     // being found, by the thread that holds the lock
    kRecords,  // there are none: a recording, or an unknown place, is at the head
    kKnown,
};

struct TermHead {
    PyObject_HEAD PyObject* weak_references;
};

struct Term : TermHead {
    TermKind kind;
    bool can_stop;  // the empty text is one of its texts
    bool is_late;   // Python's objects can be reached from it
    bool is_interned;
    ArcsState arcs_state;
    double fewest;  // bytes that finish it; negative: not known yet
    std::size_t hash;
    ArcsPointer arcs;

    PyObject* object() const { return reinterpret_cast<PyObject*>(const_cast<Term*>(this)); }
};

// A reference that is counted. Null only where that is said.
class TermRef {
  public:
    TermRef() = default;
    explicit TermRef(const Term* term) : term_(const_cast<Term*>(term)) { Py_XINCREF(object()); }
    TermRef(const TermRef& other) : TermRef(other.term_) {}
    TermRef(TermRef&& other) noexcept : term_(std::exchange(other.term_, nullptr)) {}
    TermRef& operator=(TermRef other) noexcept {
        std::swap(term_, other.term_);
        return *this;
    }
    ~TermRef() { Py_XDECREF(object()); }

    static TermRef stolen(Term* term) {
        TermRef found;
        found.term_ = term;
        return found;
    }

    Term* get() const { return term_; }
    Term* operator->() const { return term_; }
    Term& operator*() const { return *term_; }
    explicit operator bool() const { return term_ != nullptr; }
    bool operator==(const TermRef& other) const { return term_ == other.term_; }

    PyObject* object() const { return reinterpret_cast<PyObject*>(term_); }
    PyObject* release() { return reinterpret_cast<PyObject*>(std::exchange(term_, nullptr)); }

  private:
    Term* term_ = nullptr;
};

struct Arc {
    ByteSet bytes;
    TermRef then;
};

struct LiteralTerm : Term {
    static constexpr TermKind kKind = TermKind::kLiteral;
    std::string data;
};
struct ByteSetTerm : Term {
    static constexpr TermKind kKind = TermKind::kByteSet;
    ByteSet members;
};
struct SeqTerm : Term {
    static constexpr TermKind kKind = TermKind::kSeq;
    TermRef head, tail;
};
struct PartsTerm : Term {  // Alt and Both
    std::vector<TermRef> parts;
    std::vector<const Term*> sorted;
};
struct RepeatTerm : Term {
    static constexpr TermKind kKind = TermKind::kRepeat;
    static constexpr std::int64_t kNoLimit = -1;
    TermRef inner;
    std::int64_t least, most;
};
struct InnerTerm : Term {  // Complement and Apart
    TermRef inner;
};
struct ReferenceTerm : Term {
    static constexpr TermKind kKind = TermKind::kReference;
    nb::object scope, name;
    bool is_permanent;  // what it refers to lasts as long as the process
};
struct Place;
class NameTable;
using PlacePointer = std::shared_ptr<const Place>;
using TablePointer = std::shared_ptr<const NameTable>;
using BitsPointer = std::shared_ptr<const Bits>;

// What Python builds, by a function or by what a schema holds, or what members of an object lead to (`members.hpp`).
struct DeferredTerm : Term {
    static constexpr TermKind kKind = TermKind::kDeferred;
    nb::object build, like, contents;
    std::string schema;
    std::int64_t text;  // the number of how it is written
    TermRef members, built;
    PlacePointer place;
};
using NamesPointer = std::shared_ptr<const std::vector<std::string>>;  // sorted
struct UnlikeTerm : Term {
    static constexpr TermKind kKind = TermKind::kUnlike;
    TermRef plain;
    NamesPointer names;
};
// What follows the names of a fork: nothing, what an object of Python's says, or what follows in an object.
struct Following {
    nb::object names;
    TermRef members;
    PlacePointer place;  // null: it is the same at all places

    bool is_nothing() const { return !names.is_valid() && !members; }
    bool operator==(const Following& other) const;
    std::size_t hash() const;
};
struct ForkTerm : Term {
    static constexpr TermKind kKind = TermKind::kFork;
    TablePointer table;
    Following following;
    BitsPointer chosen;  // places of the table
    std::size_t first, last, depth;
};
// What follows a recording: what a function of Python's says, or another member of an object, of a group of names.
struct After {
    nb::object call;
    TermRef members;
    PlacePointer place;
    std::size_t group = 0;

    TermRef operator()(std::string_view written) const;
    bool operator==(const After& other) const;  // may run Python
    std::size_t hash() const;                   // likewise
};
struct RecordTerm : Term {
    static constexpr TermKind kKind = TermKind::kRecord;
    TermRef names, like;
    std::string written;
    After after;
    bool sure;
};
struct UnknownTerm : Term {
    static constexpr TermKind kKind = TermKind::kUnknown;
    std::int64_t need;
};
class DfaTable;
struct DfaStateTerm : Term {
    static constexpr TermKind kKind = TermKind::kDfaState;
    std::shared_ptr<const DfaTable> table;
    std::size_t state;
};
struct OwnedTerm : Term {  // Substring, Counted
    nb::object owner;
    std::int64_t state;
    nb::object least, most, count;  // as far as the kind has them
};

// A term as one of a kind, or null if it is of another.
template <class T>
const T* as(const Term* term) {
    return term->kind == T::kKind ? static_cast<const T*>(term) : nullptr;
}
template <class T>
const T* as(const TermRef& term) {
    return as<T>(term.get());
}
template <class T>
const T& to(const Term* term) {
    return *static_cast<const T*>(term);
}
template <class T>
const T& to(const TermRef& term) {
    return to<T>(term.get());
}

// The terms of a sequence's head and tail; of anything else, itself and nothing.
const Term* head_of(const Term* term);

// A new term of a kind, with nothing in it. `finish` it once it has all its fields.
template <class T>
T* make(TermKind kind, bool can_stop);

// Says that a term that was made is whole: Python's garbage collector gets to know it if it is late.
void finish(Term* term);

void register_terms(nb::module_& module);  // the Python types
bool is_term(nb::handle object);
std::int64_t living_terms();

// Raises TypeError unless it is a term.
Term* term_of(nb::handle object);

inline nb::object to_object(const TermRef& term) {
    return nb::borrow(term.object());
}

// The terms that are shared, by what they are. They are not kept alive.
class TermTable {
  public:
    // A term with this hash that is `same`, or null. `same` may run Python.
    template <class Same>
    TermRef find(std::size_t hash, Same&& same) {
        if (slots_.empty()) return {};
        std::vector<TermRef> alike;
        for (std::size_t i = hash & mask_; slots_[i] != nullptr; i = (i + 1) & mask_) {
            if (slots_[i] != kGone && slots_[i]->hash == hash) alike.emplace_back(slots_[i]);
        }
        for (TermRef& term : alike) {
            if (same(term.get())) return std::move(term);
        }
        return {};
    }

    // The same where `same` runs no Python.
    template <class Same>
    TermRef find_plain(std::size_t hash, Same&& same) {
        if (slots_.empty()) return {};
        for (std::size_t i = hash & mask_; slots_[i] != nullptr; i = (i + 1) & mask_) {
            if (slots_[i] != kGone && slots_[i]->hash == hash && same(slots_[i])) return TermRef(slots_[i]);
        }
        return {};
    }

    void add(Term* term, std::size_t hash);
    void remove(Term* term);

  private:
    static inline Term* const kGone = reinterpret_cast<Term*>(alignof(Term));
    void grow();

    std::vector<Term*> slots_;
    std::size_t mask_ = 0, used_ = 0, live_ = 0;
};

extern TermTable term_table;

// Terms that are kept for a while, though nothing may refer to them, since they are often asked for again; and what
// follows them. All are dropped at once when they are many.
class Kept {
  public:
    static constexpr std::size_t kMost = 100'000;  // terms, and sets of arcs: some 20 MB

    std::size_t most() const { return most_; }
    void set_most(std::size_t most);

    // False: it is too much, and not kept.
    bool add(Term* term, std::size_t weight = 1);
    void add_arcs(Term* term, ArcsPointer arcs);

  private:
    void drop();

    std::size_t most_ = kMost;
    std::vector<TermRef> terms_;
    std::size_t weight_ = 0;
};

Kept& kept();

constexpr std::size_t mixed(std::size_t a, std::size_t b) {
    a ^= b + 0x9E3779B97F4A7C15 + (a << 12) + (a >> 4);
    return a * 0xD6E8FEB86659FD93;
}
inline std::size_t mixed(std::size_t a, const void* pointer) {
    return mixed(a, reinterpret_cast<std::size_t>(pointer) >> 4);
}

}  // namespace fcgen

namespace nanobind::detail {

template <>
struct type_caster<fcgen::TermRef> {
    // cppcheck-suppress unknownMacro
    NB_TYPE_CASTER(fcgen::TermRef, const_name("Expr"))
    bool from_python(handle source, std::uint8_t, cleanup_list*) noexcept {
        if (!fcgen::is_term(source)) return false;
        value = fcgen::TermRef(reinterpret_cast<fcgen::Term*>(source.ptr()));
        return true;
    }
    static handle from_cpp(const fcgen::TermRef& term, rv_policy, cleanup_list*) noexcept {
        return handle(term.object()).inc_ref();
    }
};

}  // namespace nanobind::detail
