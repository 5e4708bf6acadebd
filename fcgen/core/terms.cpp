#include "terms.hpp"

#include <algorithm>

#include "members.hpp"

namespace fcgen {

TermTable term_table;

namespace {

std::int64_t living = 0;

// Calls `visit` with the object as what it is.
template <class Visit>
void with_kind(Term* term, Visit&& visit) {
    switch (term->kind) {
        case TermKind::kNothing:
        case TermKind::kEmpty:
            return visit(*term);
        case TermKind::kLiteral:
            return visit(*static_cast<LiteralTerm*>(term));
        case TermKind::kByteSet:
            return visit(*static_cast<ByteSetTerm*>(term));
        case TermKind::kSeq:
            return visit(*static_cast<SeqTerm*>(term));
        case TermKind::kAlt:
        case TermKind::kBoth:
            return visit(*static_cast<PartsTerm*>(term));
        case TermKind::kRepeat:
            return visit(*static_cast<RepeatTerm*>(term));
        case TermKind::kComplement:
        case TermKind::kApart:
            return visit(*static_cast<InnerTerm*>(term));
        case TermKind::kReference:
            return visit(*static_cast<ReferenceTerm*>(term));
        case TermKind::kDeferred:
            return visit(*static_cast<DeferredTerm*>(term));
        case TermKind::kUnlike:
            return visit(*static_cast<UnlikeTerm*>(term));
        case TermKind::kFork:
            return visit(*static_cast<ForkTerm*>(term));
        case TermKind::kRecord:
            return visit(*static_cast<RecordTerm*>(term));
        case TermKind::kUnknown:
            return visit(*static_cast<UnknownTerm*>(term));
        case TermKind::kSubstring:
        case TermKind::kCounted:
            return visit(*static_cast<OwnedTerm*>(term));
        case TermKind::kDfaState:
            return visit(*static_cast<DfaStateTerm*>(term));
        case TermKind::kMembers:
            return visit(*static_cast<MembersTerm*>(term));
    }
}

// Calls `visit` with each reference of a term to another one, but for what follows it.
template <class Visit>
struct EachTerm {
    Visit& visit;
    void operator()(Term&) {}
    void operator()(SeqTerm& term) { visit(term.head), visit(term.tail); }
    void operator()(PartsTerm& term) { std::ranges::for_each(term.parts, visit); }
    void operator()(RepeatTerm& term) { visit(term.inner); }
    void operator()(InnerTerm& term) { visit(term.inner); }
    void operator()(UnlikeTerm& term) { visit(term.plain); }
    void operator()(RecordTerm& term) { visit(term.names), visit(term.like), visit(term.after.members); }
    void operator()(DeferredTerm& term) { visit(term.members), visit(term.built); }
    void operator()(ForkTerm& term) { visit(term.following.members); }
    void operator()(MembersTerm& term) {
        std::ranges::for_each(term.values, visit);
        for (Group& group : term.groups) visit(group.names), visit(group.value);
        visit(term.open), visit(term.close), visit(term.none), visit(term.colon), visit(term.comma);
        visit(term.any_name);
    }
};

// Calls `visit` with each of Python's objects that a term refers to.
template <class Visit>
struct EachObject {
    Visit& visit;
    void operator()(Term&) {}
    void operator()(ReferenceTerm& term) { visit(term.scope), visit(term.name); }
    void operator()(DeferredTerm& term) { visit(term.build), visit(term.like), visit(term.contents); }
    void operator()(ForkTerm& term) { visit(term.following.names); }
    void operator()(RecordTerm& term) { visit(term.after.call); }
    void operator()(MembersTerm& term) { visit(term.contents); }
    void operator()(OwnedTerm& term) { visit(term.owner), visit(term.least), visit(term.most), visit(term.count); }
};

template <class Visit>
void each_term(Term* term, Visit&& visit) {
    with_kind(term, EachTerm<Visit>{visit});
}
template <class Visit>
void each_object(Term* term, Visit&& visit) {
    with_kind(term, EachObject<Visit>{visit});
}

// Whether Python's garbage collector goes through such objects.
bool is_collected(const nb::object& object) {
    return object.is_valid() && (PyType_GetFlags(Py_TYPE(object.ptr())) & Py_TPFLAGS_HAVE_GC) != 0;
}

// Terms that nothing may refer to any more. They are freed one after the other: a sequence can be long.
std::vector<PyObject*> unreferenced;

void free_unreferenced() {
    static bool is_freeing = false;
    if (is_freeing) return;
    is_freeing = true;
    while (!unreferenced.empty()) {
        PyObject* object = unreferenced.back();
        unreferenced.pop_back();
        Py_DECREF(object);
    }
    is_freeing = false;
}

}  // namespace

void free_term(PyObject* self) {
    Term* term = reinterpret_cast<Term*>(self);
    PyObject_GC_UnTrack(self);
    if (term->is_interned) term_table.remove(term);
    if (term->weak_references != nullptr) PyObject_ClearWeakRefs(self);
    const auto release = [](TermRef& reference) {
        if (reference) unreferenced.push_back(reference.release());
    };
    each_term(term, release);
    if (term->arcs.use_count() == 1) {
        for (const Arc& arc : *term->arcs) release(const_cast<Arc&>(arc).then);
    }
    PyTypeObject* type = Py_TYPE(self);
    with_kind(term, []<class T>(T& whole) { whole.~T(); });
    PyObject_GC_Del(self);
    Py_DECREF(type);
    --living;
    free_unreferenced();
}

int traverse_term(PyObject* self, visitproc visit, void* arg) {
    Term* term = reinterpret_cast<Term*>(self);
    int result = visit(reinterpret_cast<PyObject*>(Py_TYPE(self)), arg);
    const auto see = [&](PyObject* object) {
        if (result == 0 && object != nullptr) result = visit(object, arg);
    };
    each_term(term, [&](TermRef& reference) { see(reference.object()); });
    each_object(term, [&](nb::object& object) { see(object.ptr()); });
    if (term->arcs.use_count() == 1) {
        for (const Arc& arc : *term->arcs) see(arc.then.object());
    }
    return result;
}

int clear_term(PyObject* self) {
    Term* term = reinterpret_cast<Term*>(self);
    std::vector<nb::object> dropped;
    each_object(term, [&](nb::object& object) { dropped.push_back(std::exchange(object, nb::none())); });
    if (term->kind == TermKind::kDeferred) {
        const TermRef built = std::exchange(static_cast<DeferredTerm*>(term)->built, TermRef());
    }
    const ArcsPointer arcs = std::exchange(term->arcs, nullptr);
    term->arcs_state = ArcsState::kUnknown;
    return 0;
}

extern PyTypeObject* term_types[kTermKinds];

template <class T>
T* make(TermKind kind, bool can_stop) {
    PyObject* object = PyObject_GC_New(PyObject, term_types[static_cast<std::size_t>(kind)]);
    if (object == nullptr) throw nb::python_error();
    const PyObject header = *object;
    T* term = new (object) T();
    static_cast<PyObject&>(*reinterpret_cast<PyObject*>(term)) = header;
    term->kind = kind;
    term->can_stop = can_stop;
    term->fewest = can_stop ? 0 : -1;
    ++living;
    return term;
}

template Term* make<Term>(TermKind, bool);
template LiteralTerm* make<LiteralTerm>(TermKind, bool);
template ByteSetTerm* make<ByteSetTerm>(TermKind, bool);
template SeqTerm* make<SeqTerm>(TermKind, bool);
template PartsTerm* make<PartsTerm>(TermKind, bool);
template RepeatTerm* make<RepeatTerm>(TermKind, bool);
template InnerTerm* make<InnerTerm>(TermKind, bool);
template ReferenceTerm* make<ReferenceTerm>(TermKind, bool);
template DeferredTerm* make<DeferredTerm>(TermKind, bool);
template UnlikeTerm* make<UnlikeTerm>(TermKind, bool);
template ForkTerm* make<ForkTerm>(TermKind, bool);
template RecordTerm* make<RecordTerm>(TermKind, bool);
template UnknownTerm* make<UnknownTerm>(TermKind, bool);
template OwnedTerm* make<OwnedTerm>(TermKind, bool);
template DfaStateTerm* make<DfaStateTerm>(TermKind, bool);
template MembersTerm* make<MembersTerm>(TermKind, bool);

void finish(Term* term) {
    const ReferenceTerm* reference = as<ReferenceTerm>(term);
    if (reference == nullptr || !reference->is_permanent) {
        each_object(term, [&](nb::object& object) { term->is_late |= is_collected(object); });
    }
    each_term(term, [&](TermRef& part) { term->is_late |= part && part->is_late; });
    if (term->is_late) PyObject_GC_Track(term->object());
}

const Term* head_of(const Term* term) {
    const SeqTerm* seq = as<SeqTerm>(term);
    return seq ? seq->head.get() : term;
}

Kept& kept() {
    static Kept* terms = new Kept;  // lives as long as the process: Python's interpreter may end before it
    return *terms;
}

void Kept::set_most(std::size_t most) {
    most_ = most;
    if (weight_ > most_) drop();
}

bool Kept::add(Term* term, std::size_t weight) {
    if (weight_ + weight > most_) drop();
    if (weight > most_) return false;
    weight_ += weight;
    terms_.emplace_back(term);
    return true;
}

void Kept::add_arcs(Term* term, ArcsPointer arcs) {
    if (!add(term, 1 + arcs->size())) return;
    term->arcs = std::move(arcs);
    term->arcs_state = ArcsState::kKnown;
}

void Kept::drop() {
    std::vector<TermRef> dropped;
    dropped.swap(terms_);
    weight_ = 0;
    for (const TermRef& term : dropped) {
        if (term->arcs_state != ArcsState::kKnown) continue;
        term->arcs_state = ArcsState::kUnknown;
        term->arcs.reset();
    }
}

std::int64_t living_terms() {
    return living;
}

void TermTable::add(Term* term, std::size_t hash) {
    if (4 * (used_ + 1) > 3 * slots_.size()) grow();
    term->hash = hash;
    term->is_interned = true;
    std::size_t i = hash & mask_;
    while (slots_[i] != nullptr) i = (i + 1) & mask_;
    slots_[i] = term;
    ++used_;
    ++live_;
}

void TermTable::remove(Term* term) {
    std::size_t i = term->hash & mask_;
    while (slots_[i] != term) i = (i + 1) & mask_;
    slots_[i] = kGone;
    --live_;
}

void TermTable::grow() {
    std::size_t size = 1024;
    while (size < 4 * (live_ + 1)) size *= 2;
    std::vector<Term*> before(size, nullptr);
    std::swap(before, slots_);
    mask_ = size - 1;
    used_ = live_;
    for (Term* term : before) {
        if (term == nullptr || term == kGone) continue;
        std::size_t i = term->hash & mask_;
        while (slots_[i] != nullptr) i = (i + 1) & mask_;
        slots_[i] = term;
    }
}

}  // namespace fcgen
