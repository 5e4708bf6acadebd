// Terms that Python's objects are part of: what is built, looked up or called when it is walked.

#include <algorithm>

#include "build.hpp"
#include "derivatives.hpp"
#include "members.hpp"
#include "shared.hpp"

namespace fcgen {
namespace {

constexpr std::size_t kBytesOfATerm = 256;

nb::object* building_lock = nullptr;
thread_local int building_depth = 0;

bool is_equal(nb::handle a, nb::handle b) {
    if (a.is(b)) return true;
    const int result = PyObject_RichCompareBool(a.ptr(), b.ptr(), Py_EQ);
    if (result < 0) throw nb::python_error();
    return result != 0;
}

std::size_t hash_of(nb::handle object) {
    const Py_hash_t hash = PyObject_Hash(object.ptr());
    if (hash == -1 && PyErr_Occurred() != nullptr) throw nb::python_error();
    return static_cast<std::size_t>(hash);
}

}  // namespace

void Building::set_lock(nb::object lock) {
    building_lock = new nb::object(std::move(lock));
}

Building::Building() {
    if (building_depth == 0 && building_lock != nullptr) building_lock->attr("acquire")();
    ++building_depth;
}

Building::~Building() {
    if (--building_depth == 0 && building_lock != nullptr) building_lock->attr("release")();
}

TermRef reference(nb::object scope, nb::object name, bool can_stop, bool is_permanent) {
    const std::size_t hash = mixed(mixed(0, scope.ptr()), hash_of(name));
    return shared<ReferenceTerm, Comparing::kRunsPython>(
        TermKind::kReference, hash, can_stop,
        [&](const ReferenceTerm& term) { return term.scope.is(scope) && is_equal(term.name, name); },
        [&](ReferenceTerm& term) {
            term.scope = std::move(scope);
            term.name = std::move(name);
            term.is_permanent = is_permanent;
        });
}

TermRef deferred(nb::object build, nb::object like, nb::object contents, bool can_stop, double fewest) {
    DeferredTerm* term = make<DeferredTerm>(TermKind::kDeferred, can_stop);
    if (!can_stop) term->fewest = fewest;
    term->build = std::move(build);
    term->like = std::move(like);
    term->contents = std::move(contents);
    finish(term);
    return TermRef::stolen(term);
}

TermRef recorded(const TermRef& names, std::string written, After after, const TermRef& like, bool is_sure) {
    if (names == empty()) return after(written);
    if (names == nothing() || like == nothing()) return nothing();
    std::size_t hash = mixed(mixed(after.hash(), names.get()), like.get());
    hash = mixed(hash, std::hash<std::string>()(written));
    TermRef found = shared<RecordTerm, Comparing::kRunsPython>(
        TermKind::kRecord, hash, [&] { return names->can_stop && after(written)->can_stop; },
        [&](const RecordTerm& term) {
            return term.names == names && term.like == like && term.written == written && term.after == after;
        },
        [&](RecordTerm& term) {
            term.names = names;
            term.written = std::move(written);
            term.after = std::move(after);
            term.like = like;
        });
    if (is_sure) {
        static_cast<RecordTerm*>(found.get())->sure = true;
        if (found->fewest < 0 && names->fewest >= 0 && like->fewest >= 0) found->fewest = names->fewest + like->fewest;
    }
    return found;
}

TermRef of_schema(std::string schema, std::int64_t text, nb::object contents, double fewest) {
    const std::size_t hash = mixed(std::hash<std::string>()(schema), static_cast<std::size_t>(text));
    return shared<DeferredTerm>(
        TermKind::kDeferred, hash, false,
        [&](const DeferredTerm& term) { return term.schema == schema && term.text == text && term.fewest == fewest; },
        [&](DeferredTerm& term) {
            if (schema.size() >= kBytesOfATerm) kept().add(&term, schema.size() / kBytesOfATerm);
            term.schema = std::move(schema);
            term.text = text;
            term.contents = std::move(contents);
            term.fewest = fewest;
        });
}

TermRef After::operator()(std::string_view written) const {
    if (members) return after_other(*this, written);
    nb::object made = call(nb::bytes(written.data(), written.size()));
    return TermRef(term_of(made));
}

bool After::operator==(const After& other) const {
    if (!(members == other.members)) return false;
    if (members) return group == other.group && *place == *other.place;
    return is_equal(call, other.call);
}

std::size_t After::hash() const {
    return members ? mixed(mixed(group, members.get()), place->hash()) : hash_of(call);
}

bool Following::operator==(const Following& other) const {
    if (!names.is(other.names) || !(members == other.members) || !place != !other.place) return false;
    return !place || *place == *other.place;
}

std::size_t Following::hash() const {
    return mixed(mixed(place ? place->hash() : 0, names.ptr()), members.get());
}

TermRef owned(TermKind kind, nb::object owner, std::int64_t state, double fewest, bool can_stop) {
    OwnedTerm* term = make<OwnedTerm>(kind, can_stop);
    term->owner = std::move(owner);
    term->state = state;
    term->fewest = fewest;
    finish(term);
    return TermRef::stolen(term);
}

TermRef like_of(DeferredTerm& term) {
    if (term.members) return sketch_of_place(to<MembersTerm>(term.members), *term.place);
    if (!term.schema.empty()) return force(term);
    if (!is_term(term.like)) {
        nb::object made = term.like();
        term_of(made);
        term.like = made;
    }
    return TermRef(term_of(term.like));
}

TermRef force(DeferredTerm& term) {
    if (!term.built) {
        const TermRef kept(&term);
        const Building building;
        if (!term.built) {
            TermRef made;
            if (term.members) {
                made = built_place(term.members, term.place);
            } else {
                const nb::object found =
                    term.schema.empty()
                        ? term.build()
                        : hooks().of_schema(nb::bytes(term.schema.data(), term.schema.size()), term.text);
                made = TermRef(term_of(found));
            }
            if (!term.built) term.built = std::move(made);
        }
    }
    return term.built;
}

nb::object number_of(double value) {
    return nb::steal(value == kNever ? PyFloat_FromDouble(value) : PyLong_FromDouble(value));
}

nb::object int_of(const ByteSet& members) {
    const nb::handle integer(reinterpret_cast<PyObject*>(&PyLong_Type));
    return integer.attr("from_bytes")(nb::bytes(members.words().data(), 32), "little");
}

ByteSet byte_set_of(nb::handle number) {
    const nb::object bytes = number.attr("to_bytes")(32, "little");
    const char* data = PyBytes_AsString(bytes.ptr());
    if (data == nullptr) throw nb::python_error();
    ByteSet found;
    for (int byte = 0; byte < 256; ++byte) {
        if (data[byte >> 3] >> (byte & 7) & 1) found.add(static_cast<std::uint8_t>(byte));
    }
    return found;
}

}  // namespace fcgen
