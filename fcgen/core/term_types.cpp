// The Python types of terms, with what can be read of them.

#include <nanobind/stl/shared_ptr.h>

#include "build.hpp"
#include "dfa.hpp"
#include "members.hpp"
#include "names.hpp"
#include "terms.hpp"

// clang-format off
#include <structmember.h>  // after Python.h
// clang-format on

namespace fcgen {

void free_term(PyObject* self);
int traverse_term(PyObject* self, visitproc visit, void* arg);
int clear_term(PyObject* self);

PyTypeObject* term_types[kTermKinds];

namespace {

PyTypeObject* base_type;

template <class T>
T& self_as(PyObject* self) {
    return *static_cast<T*>(reinterpret_cast<Term*>(self));
}

// A getter of what `read` gives for a term. What it throws is an error of Python's.
template <class T, auto read>
PyObject* get(PyObject* self, void*) {
    try {
        return nb::cast(read(self_as<T>(self))).release().ptr();
    } catch (nb::python_error& error) {
        error.restore();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
    return nullptr;
}

nb::object number_or_none(double value) {
    return value < 0 ? nb::none() : number_of(value);
}

int set_fewest(PyObject* self, PyObject* value, void*) {
    const double number = value == nullptr || value == Py_None ? -1 : PyFloat_AsDouble(value);
    if (PyErr_Occurred() != nullptr) return -1;
    reinterpret_cast<Term*>(self)->fewest = number;
    return 0;
}

int set_sure(PyObject* self, PyObject* value, void*) {
    const int is_sure = value == nullptr ? 0 : PyObject_IsTrue(value);
    if (is_sure < 0) return -1;
    self_as<RecordTerm>(self).sure = is_sure != 0;
    return 0;
}

nb::object members_of(const ByteSetTerm& term) {
    return int_of(term.members);
}

nb::object names_of(const UnlikeTerm& term) {
    nb::list names;
    for (const std::string& name : *term.names) names.append(nb::bytes(name.data(), name.size()));
    return nb::steal(PyFrozenSet_New(names.ptr()));
}

nb::tuple parts_in(const PartsTerm& term) {
    nb::list parts;
    for (const TermRef& part : term.parts) parts.append(to_object(part));
    return nb::tuple(parts);
}

nb::bytes to_bytes(const std::string& text) {
    return nb::bytes(text.data(), text.size());
}

nb::object or_none(const TermRef& term) {
    return term ? to_object(term) : nb::none();
}

nb::object or_none(const nb::object& object) {
    return object.is_valid() ? object : nb::none();
}

nb::object contents_of(const DeferredTerm& term) {
    return term.members ? to<MembersTerm>(term.members).contents : term.contents;
}

// Each name that is left, and what follows it.
nb::list ways_of(const ForkTerm& term) {
    nb::list found;
    for (std::size_t place = term.first; place < term.last; place = term.chosen->next(place + 1)) {
        const std::u32string_view name = term.table->at(place);
        found.append(nb::make_tuple(to_object(term.table->spelled(name.substr(term.depth))),
                                    to_object(after_name(term.following, term.table->index_at(place)))));
    }
    return found;
}

using Getters = std::vector<PyGetSetDef>;

template <class T, auto read>
PyGetSetDef getter(const char* name, setter set = nullptr) {
    return {name, get<T, read>, set, nullptr, nullptr};
}

PyObject* repr(PyObject* self) {
    const Term* term = reinterpret_cast<Term*>(self);
    nb::object name = nb::str(nb::handle(reinterpret_cast<PyObject*>(Py_TYPE(self))).attr("__name__")).attr("lower")();
    if (const LiteralTerm* literal = as<LiteralTerm>(term)) {
        return PyUnicode_FromFormat("<literal %R>", nb::bytes(literal->data.data(), literal->data.size()).ptr());
    }
    return PyUnicode_FromFormat("<%U>", name.ptr());
}

PyTypeObject* new_type(nb::module_& module, const char* name, std::size_t size, Getters getters) {
    static std::vector<std::unique_ptr<Getters>> kept;  // types refer to them as long as they live
    getters.push_back({nullptr, nullptr, nullptr, nullptr, nullptr});
    kept.push_back(std::make_unique<Getters>(std::move(getters)));
    static PyMemberDef members[] = {
        {"__weaklistoffset__", T_PYSSIZET, offsetof(TermHead, weak_references), READONLY, nullptr},
        {nullptr, 0, 0, 0, nullptr},
    };
    PyType_Slot slots[] = {
        {Py_tp_dealloc, reinterpret_cast<void*>(free_term)},
        {Py_tp_traverse, reinterpret_cast<void*>(traverse_term)},
        {Py_tp_clear, reinterpret_cast<void*>(clear_term)},
        {Py_tp_repr, reinterpret_cast<void*>(repr)},
        {Py_tp_getset, kept.back()->data()},
        {Py_tp_members, members},
        {0, nullptr},
    };
    const std::string full = std::string("fcgen.core.") + name;
    constexpr unsigned flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE;
    PyType_Spec spec = {full.c_str(), static_cast<int>(size), 0, flags | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    nb::object bases = base_type == nullptr
                           ? nb::object(nb::tuple())
                           : nb::object(nb::make_tuple(nb::handle(reinterpret_cast<PyObject*>(base_type))));
    PyObject* type = base_type == nullptr ? PyType_FromSpec(&spec) : PyType_FromSpecWithBases(&spec, bases.ptr());
    if (type == nullptr) throw nb::python_error();
    module.attr(name) = nb::borrow(type);
    return reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace

bool is_term(nb::handle object) {
    return PyObject_TypeCheck(object.ptr(), base_type) != 0;
}

Term* term_of(nb::handle object) {
    if (!is_term(object)) throw nb::type_error("no term");
    return reinterpret_cast<Term*>(object.ptr());
}

void register_terms(nb::module_& module) {
    const auto add = [&](TermKind kind, const char* name, std::size_t size, Getters getters) {
        term_types[static_cast<std::size_t>(kind)] = new_type(module, name, size, std::move(getters));
    };
    base_type = new_type(
        module, "Expr", sizeof(Term),
        {getter<Term, [](const Term& term) { return term.can_stop; }>("can_stop"),
         getter<Term, [](const Term& term) { return number_or_none(term.fewest); }>("fewest_memo", set_fewest)});
    add(TermKind::kNothing, "Nothing", sizeof(Term), {});
    add(TermKind::kEmpty, "Empty", sizeof(Term), {});
    add(TermKind::kLiteral, "Literal", sizeof(LiteralTerm),
        {getter<LiteralTerm, [](const LiteralTerm& term) { return to_bytes(term.data); }>("data")});
    add(TermKind::kByteSet, "ByteSet", sizeof(ByteSetTerm), {getter<ByteSetTerm, members_of>("members")});
    add(TermKind::kSeq, "Seq", sizeof(SeqTerm),
        {getter<SeqTerm, [](const SeqTerm& term) { return term.head; }>("head"),
         getter<SeqTerm, [](const SeqTerm& term) { return term.tail; }>("tail")});
    add(TermKind::kAlt, "Alt", sizeof(PartsTerm), {getter<PartsTerm, parts_in>("parts")});
    add(TermKind::kRepeat, "Repeat", sizeof(RepeatTerm),
        {getter<RepeatTerm, [](const RepeatTerm& term) { return term.inner; }>("inner"),
         getter<RepeatTerm, [](const RepeatTerm& term) { return term.least; }>("least"),
         getter<RepeatTerm, [](const RepeatTerm& term) { return number_or_none(static_cast<double>(term.most)); }>(
             "most")});
    add(TermKind::kBoth, "Both", sizeof(PartsTerm), {getter<PartsTerm, parts_in>("parts")});
    for (auto [kind, name] : {std::pair(TermKind::kComplement, "Complement"), std::pair(TermKind::kApart, "Apart")}) {
        add(kind, name, sizeof(InnerTerm),
            {getter<InnerTerm, [](const InnerTerm& term) { return term.inner; }>("inner")});
    }
    add(TermKind::kReference, "Reference", sizeof(ReferenceTerm),
        {getter<ReferenceTerm, [](const ReferenceTerm& term) { return term.scope; }>("scope"),
         getter<ReferenceTerm, [](const ReferenceTerm& term) { return term.name; }>("name")});
    add(TermKind::kDeferred, "Deferred", sizeof(DeferredTerm),
        {getter<DeferredTerm, [](DeferredTerm& term) { return like_of(term); }>("like"),
         getter<DeferredTerm, contents_of>("contents"),
         getter<DeferredTerm, [](const DeferredTerm& term) { return or_none(term.members); }>("members")});
    add(TermKind::kUnlike, "Unlike", sizeof(UnlikeTerm),
        {getter<UnlikeTerm, [](const UnlikeTerm& term) { return term.plain; }>("plain"),
         getter<UnlikeTerm, names_of>("names")});
    add(TermKind::kFork, "Fork", sizeof(ForkTerm),
        {getter<ForkTerm, [](const ForkTerm& term) { return or_none(term.following.names); }>("names"),
         getter<ForkTerm, [](const ForkTerm& term) { return or_none(term.following.members); }>("members"),
         getter<ForkTerm, [](const ForkTerm& term) { return term.table; }>("table"),
         getter<ForkTerm, ways_of>("ways")});
    add(TermKind::kRecord, "Record", sizeof(RecordTerm),
        {getter<RecordTerm, [](const RecordTerm& term) { return term.names; }>("names"),
         getter<RecordTerm, [](const RecordTerm& term) { return to_bytes(term.written); }>("written"),
         getter<RecordTerm, [](const RecordTerm& term) { return or_none(term.after.call); }>("after"),
         getter<RecordTerm, [](const RecordTerm& term) { return or_none(term.after.members); }>("members"),
         getter<RecordTerm, [](const RecordTerm& term) { return term.like; }>("like"),
         getter<RecordTerm, [](const RecordTerm& term) { return term.sure; }>("sure", set_sure)});
    add(TermKind::kUnknown, "Unknown", sizeof(UnknownTerm),
        {getter<UnknownTerm, [](const UnknownTerm& term) { return term.need; }>("need")});
    const Getters owned = {getter<OwnedTerm, [](const OwnedTerm& term) { return term.owner; }>("owner"),
                           getter<OwnedTerm, [](const OwnedTerm& term) { return term.state; }>("state")};
    const auto with = [&](Getters more) {
        Getters all = owned;
        all.insert(all.end(), more.begin(), more.end());
        return all;
    };
    add(TermKind::kSubstring, "Substring", sizeof(OwnedTerm),
        with({getter<OwnedTerm, [](const OwnedTerm& term) { return term.least; }>("least"),
              getter<OwnedTerm, [](const OwnedTerm& term) { return term.most; }>("most")}));
    add(TermKind::kCounted, "Counted", sizeof(OwnedTerm),
        with({getter<OwnedTerm, [](const OwnedTerm& term) { return term.count; }>("count")}));
    add(TermKind::kDfaState, "DfaState", sizeof(DfaStateTerm),
        {getter<DfaStateTerm, [](const DfaStateTerm& term) { return term.table; }>("owner"),
         getter<DfaStateTerm, [](const DfaStateTerm& term) { return term.state; }>("state")});
    add(TermKind::kMembers, "Members", sizeof(MembersTerm),
        {getter<MembersTerm, [](const MembersTerm& term) { return term.contents; }>("contents")});
}

}  // namespace fcgen
