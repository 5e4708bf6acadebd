// Terms in Python.

#include <nanobind/stl/string.h>

#include <algorithm>

#include "bindings.hpp"
#include "build.hpp"
#include "derivatives.hpp"
#include "dfa.hpp"
#include "fuel.hpp"

namespace fcgen {
namespace {

constexpr std::int64_t kMostCounted = std::int64_t{1} << 50;  // no text is longer

// A count that Python gives, which may be larger than any text.
std::int64_t count_of(const nb::int_& number) {
    int overflow = 0;
    const std::int64_t found = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
    return overflow != 0 ? overflow * kMostCounted : std::clamp(found, -kMostCounted, kMostCounted);
}

TermRef python_repeat(const TermRef& inner, const nb::int_& least, const std::optional<nb::int_>& most) {
    const std::int64_t limit = most ? count_of(*most) : kMostCounted;
    if (limit < 0) return nothing();
    return repeat(inner, std::max<std::int64_t>(0, count_of(least)),
                  limit == kMostCounted ? RepeatTerm::kNoLimit : limit);
}

std::vector<TermRef> terms_in(nb::handle terms) {
    std::vector<TermRef> found;
    for (nb::handle term : terms) found.emplace_back(term_of(term));
    return found;
}

std::string_view text_of(const nb::bytes& bytes) {
    return {bytes.c_str(), bytes.size()};
}

nb::list to_list(const Arcs& arcs) {
    nb::list found;
    for (const Arc& arc : arcs) found.append(nb::make_tuple(int_of(arc.bytes), to_object(arc.then)));
    return found;
}

Arcs arcs_in_python(Term* term) {
    const ArcsPointer found = arcs_of(term);
    if (!found) throw RecordingFound();
    return *found;
}

NamesPointer names_from(nb::handle names) {
    auto found = std::make_shared<std::vector<std::string>>();
    for (nb::handle name : names) found->emplace_back(text_of(nb::cast<nb::bytes>(name)));
    std::ranges::sort(*found);
    const auto same = std::ranges::unique(*found);
    found->erase(same.begin(), same.end());
    return found;
}

TermRef python_deferred(nb::object build, nb::object like, nb::object contents, std::optional<bool> can_stop,
                        std::optional<double> need) {
    const Term* term = is_term(like) ? term_of(like) : nullptr;
    const bool stops = term ? term->can_stop : can_stop.value_or(false);
    const double fewest = need ? *need : term ? term->fewest : -1;
    return deferred(std::move(build), std::move(like), std::move(contents), stops, fewest);
}

using PythonTable = std::vector<std::vector<std::pair<nb::int_, std::int32_t>>>;

std::shared_ptr<const DfaTable> dfa_of(const PythonTable& table, nb::handle accepting) {
    Dfa dfa;
    dfa.accepting.assign(table.size(), 0);
    for (nb::handle state : accepting) dfa.accepting.at(nb::cast<std::size_t>(state)) = 1;
    for (const auto& row : table) {
        Dfa::Row read;
        for (const auto& [members, then] : row) {
            if (then < 0 || static_cast<std::size_t>(then) >= table.size()) throw nb::index_error("no such state");
            const ByteSet bytes = byte_set_of(members);
            if (!bytes.is_empty()) read.emplace_back(bytes, then);
        }
        dfa.rows.push_back(std::move(read));
    }
    return DfaTable::of(std::move(dfa));
}

// For each state its arcs; and the accepting states.
nb::tuple table_of(const Dfa& dfa) {
    nb::list table, accepting;
    for (std::size_t state = 0; state < dfa.size(); ++state) {
        nb::list row;
        for (const auto& [bytes, then] : dfa.rows[state]) row.append(nb::make_tuple(int_of(bytes), then));
        table.append(std::move(row));
        if (dfa.accepting[state]) accepting.append(state);
    }
    return nb::make_tuple(table, nb::steal(PyFrozenSet_New(accepting.ptr())));
}

void bind_dfa(nb::module_& module) {
    nb::class_<DfaTable>(module, "Dfa")
        .def_static("of", &dfa_of, "table"_a, "accepting"_a)
        .def_prop_ro("size", [](const DfaTable& self) { return self.dfa().size(); })
        .def_prop_ro("sets",
                     [](const DfaTable& self) {
                         nb::list found;
                         for (const ByteSet& bytes : self.sets()) found.append(int_of(bytes));
                         return found;
                     })
        .def("table", [](const DfaTable& self) { return table_of(self.dfa()); })
        .def("term", &DfaTable::term, "state"_a = 0);
    module.def(
        "determined", [](const TermRef& e, std::size_t limit) { return table_of(minimal(explored(e, limit))); }, "e"_a,
        "limit"_a);
    module.def(
        "determinize",
        [](const TermRef& e, std::size_t limit) {
            return DfaTable::term(DfaTable::of(minimal(explored(e, limit))), 0);
        },
        "e"_a, nb::kw_only(), "limit"_a = 20'000);
}

TermRef substring(nb::object owner, std::int64_t state, nb::object least, nb::object most, double need) {
    TermRef term = owned(TermKind::kSubstring, std::move(owner), state, need, need == 0);
    static_cast<OwnedTerm*>(term.get())->least = std::move(least);
    static_cast<OwnedTerm*>(term.get())->most = std::move(most);
    return term;
}

TermRef counted(nb::object owner, std::int64_t state, nb::object count, double need) {
    TermRef term = owned(TermKind::kCounted, std::move(owner), state, need, need == 0);
    static_cast<OwnedTerm*>(term.get())->count = std::move(count);
    return term;
}

DeferredTerm& as_deferred(const TermRef& term) {
    if (term->kind != TermKind::kDeferred) throw nb::type_error("no deferred term");
    return *static_cast<DeferredTerm*>(term.get());
}

void bind_builders(nb::module_& module) {
    module.def("literal", [](const nb::bytes& data) { return literal(text_of(data)); }, "data"_a);
    module.def("byte_set", [](const nb::int_& members) { return byte_set(byte_set_of(members)); }, "members"_a);
    module.def("seq", [](const nb::args& parts) { return seq(terms_in(parts)); });
    module.def("follow", &follow, "first"_a, "rest"_a);
    module.def("alt", [](const nb::args& parts) { return alt(terms_in(parts)); });
    module.def("alt_of", [](const nb::iterable& parts) { return alt(terms_in(parts)); }, "parts"_a);
    module.def("repeat", &python_repeat, "inner"_a, "least"_a = 0, "most"_a = nb::none());
    module.def("both", [](const nb::args& parts) { return both(terms_in(parts)); });
    module.def("complement", &complement, "inner"_a);
    module.def("apart", &apart, "inner"_a);
    module.def(
        "unlike", [](const TermRef& plain, nb::handle names) { return unlike(plain, names_from(names)); }, "plain"_a,
        "names"_a);
    module.def("unknown", &unknown, "need"_a);
    module.def("reference", &reference, "scope"_a, "name"_a, nb::kw_only(), "can_stop"_a = false,
               "is_permanent"_a = false);
    module.def(
        "of_schema",
        [](const nb::bytes& schema, std::int64_t text, nb::object contents, double need) {
            if (schema.size() == 0) throw nb::value_error("no schema");
            return of_schema(std::string(text_of(schema)), text, std::move(contents), need);
        },
        "schema"_a, "text"_a, "contents"_a, "need"_a);
    module.def("deferred", &python_deferred, "build"_a, "like"_a, "contents"_a, nb::kw_only(),
               "can_stop"_a = nb::none(), "need"_a = nb::none());
    module.def(
        "recorded",
        [](const TermRef& names, const nb::bytes& written, nb::object after, const TermRef& like, bool sure) {
            After what;
            what.call = std::move(after);
            return recorded(names, std::string(text_of(written)), std::move(what), like, sure);
        },
        "names"_a, "written"_a, "after"_a, "like"_a, nb::kw_only(), "sure"_a = false);
    module.def("substring", &substring, "owner"_a, "state"_a, "least"_a, "most"_a.none(), "need"_a);
    module.def("counted", &counted, "owner"_a, "state"_a, "count"_a, "need"_a);
}

void bind_questions(nb::module_& module) {
    module.def("arcs", [](const TermRef& e) { return to_list(arcs_in_python(e.get())); }, "e"_a);
    module.def("derived", [](const TermRef& e, std::uint8_t byte) { return derived(e.get(), byte); }, "e"_a, "byte"_a);
    module.def(
        "skipped", [](const TermRef& e, const nb::bytes& data) { return skipped(e.get(), text_of(data)); }, "e"_a,
        "data"_a);
    module.def(
        "generic", [](const TermRef& e, bool leaves_out_dead) { return generic(e.get(), leaves_out_dead); }, "e"_a,
        "leaves_out_dead"_a = false);
    module.def("is_recording", [](const TermRef& e) { return is_recording(e.get()); }, "e"_a);
    module.def("recordings", [](const TermRef& e) { return recordings(e.get()); }, "e"_a);
    module.def("fewest", [](const TermRef& e) { return number_of(fewest(e.get())); }, "e"_a);
    module.def(
        "parts_of",
        [](const TermRef& e) {
            nb::list found;
            for (const TermRef& part : parts_of(e.get())) found.append(to_object(part));
            return nb::tuple(found);
        },
        "e"_a);
    module.def("force", [](const TermRef& e) { return force(as_deferred(e)); }, "e"_a);
    module.def("living_terms", &living_terms);
    module.def(
        "keep_terms",
        [](std::size_t most) {
            const std::size_t before = kept().most();
            kept().set_most(most);
            return before;
        },
        "most"_a);
}

void bind_fuel(nb::module_& module) {
    module.def("spend", &spend, "steps"_a = 1);
    module.def("fuel", [] { return std::pair(fuel.left, fuel.limit); });
    module.def("set_fuel", [](std::int64_t left, std::int64_t limit) { fuel = {left, limit}; }, "left"_a, "limit"_a);
    module.def(
        "provide",
        [](nb::object settle, nb::object boundless, nb::object whole_characters, nb::object recording,
           nb::object of_schema, nb::object building) {
            const auto take = [](nb::object& hook, nb::object& given) {
                if (!given.is_none()) hook = std::move(given);
            };
            take(hooks().settle, settle);
            take(hooks().boundless, boundless);
            take(hooks().whole_characters, whole_characters);
            take(hooks().recording, recording);
            take(hooks().of_schema, of_schema);
            if (!building.is_none()) Building::set_lock(std::move(building));
        },
        nb::kw_only(), "settle"_a = nb::none(), "boundless"_a = nb::none(), "whole_characters"_a = nb::none(),
        "recording"_a = nb::none(), "of_schema"_a = nb::none(), "building"_a = nb::none());
}

}  // namespace

void bind_terms(nb::module_& module) {
    register_terms(module);
    bind_builders(module);
    bind_dfa(module);
    bind_questions(module);
    bind_fuel(module);
    module.attr("NOTHING") = to_object(nothing());
    module.attr("EMPTY") = to_object(empty());
    module.attr("ANY_BYTES") = to_object(any_bytes());
}

}  // namespace fcgen
