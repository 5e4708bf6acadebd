// Names and the members of objects in Python.

#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <algorithm>

#include "bindings.hpp"
#include "build.hpp"
#include "derivatives.hpp"
#include "members.hpp"
#include "names.hpp"

namespace fcgen {
namespace {

// The bits of a number of Python's below `size`.
Bits bits_of(nb::handle number, std::size_t size) {
    Bits found(size);
    const nb::object bytes = number.attr("to_bytes")((size + 7) / 8, "little");
    const char* data = PyBytes_AsString(bytes.ptr());
    if (data == nullptr) throw nb::python_error();
    for (std::size_t i = 0; i < size; ++i) {
        if ((data[i / 8] >> (i % 8) & 1) != 0) found.add(i);
    }
    return found;
}

std::u32string name_from(nb::handle name) {
    std::u32string found;
    if (PyBytes_Check(name.ptr())) {
        const nb::bytes bytes = nb::cast<nb::bytes>(name);
        for (char byte : std::string_view(bytes.c_str(), bytes.size())) found += static_cast<std::uint8_t>(byte);
    } else {
        for (nb::handle number : name) found += static_cast<char32_t>(nb::cast<std::uint32_t>(number));
    }
    return found;
}

// `symbol`: the term that spells a number, or None: it is a byte.
TablePointer table_of(const nb::iterable& names, const nb::object& symbol) {
    std::vector<std::u32string> read;
    std::unordered_map<char32_t, TermRef> symbols;
    for (nb::handle name : names) {
        read.push_back(name_from(name));
        if (read.back().empty()) throw nb::value_error("a name is empty");
        for (char32_t number : read.back()) {
            if (symbol.is_none()) {
                if (number > 0xFF) throw nb::value_error("no byte");
            } else if (!symbols.contains(number)) {
                const nb::object spelled = symbol(static_cast<std::uint32_t>(number));
                symbols.emplace(number, TermRef(term_of(spelled)));
            }
        }
    }
    return std::make_shared<const NameTable>(std::move(read), std::move(symbols));
}

TermRef python_fork(const TablePointer& table, const nb::object& names, const nb::object& chosen) {
    Following following;
    if (!names.is_none()) following.names = names;
    return fork(table, following, bits_of(chosen, table->size()));
}

const ForkTerm& as_fork(const TermRef& term) {
    if (term->kind != TermKind::kFork) throw nb::type_error("no fork");
    return to<ForkTerm>(term);
}
const RecordTerm& as_record(const TermRef& term) {
    if (term->kind != TermKind::kRecord) throw nb::type_error("no recording");
    return to<RecordTerm>(term);
}
const MembersTerm& as_members(const TermRef& term) {
    if (term->kind != TermKind::kMembers) throw nb::type_error("no members");
    return to<MembersTerm>(term);
}
// The same members, with other terms.
const MembersTerm& like_members(const TermRef& members, const TermRef& other) {
    if (!other || as_members(other).values.size() != as_members(members).values.size() ||
        as_members(other).groups.size() != as_members(members).groups.size()) {
        throw nb::type_error("no such members");
    }
    return to<MembersTerm>(members);
}

// A fork of a table with other symbols, and with something else after its names: those that an alphabet can write.
TermRef refork(const TermRef& term, const TablePointer& table, const nb::object& following, const nb::int_& alphabet) {
    const ForkTerm& fork = as_fork(term);
    if (table->size() != fork.table->size()) throw nb::value_error("other names");
    Following changed;
    if (is_term(following)) {
        changed = fork.following;
        changed.members = TermRef(term_of(following));
        like_members(changed.members, fork.following.members);
    } else if (!following.is_none()) {
        changed.names = following;
    }
    const Bits usable = table->places_of(table->writable(byte_set_of(alphabet)));
    const auto chosen = std::make_shared<const Bits>(*fork.chosen & usable);
    return fcgen::fork(table, changed, chosen, fork.first, fork.last, fork.depth);
}

// The same names, with other symbols.
TablePointer changed_table(const TablePointer& table, const nb::callable& change) {
    if (!table->has_symbols()) return table;
    std::unordered_map<char32_t, TermRef> symbols;
    for (const auto& [number, term] : table->symbols()) {
        const nb::object made = change(to_object(term));
        symbols.emplace(number, TermRef(term_of(made)));
    }
    return std::make_shared<const NameTable>(table->names(), std::move(symbols));
}

// What stands around the members: after the opening bracket, before the closing one, in empty brackets, and between.
using Around = std::tuple<TermRef, TermRef, TermRef, TermRef, TermRef>;

TermRef members(const TablePointer& table, std::vector<TermRef> values, const std::vector<std::size_t>& required,
                bool is_ordered, const Around& around,
                const std::vector<std::pair<std::optional<TermRef>, TermRef>>& groups, const TermRef& any_name,
                const std::vector<nb::bytes>& taken, const nb::object& contents) {
    if (values.size() != table->size() || table->has_symbols())
        throw nb::value_error("each name, of bytes, has a value");
    Bits known(table->size());
    for (std::size_t index : required) {
        if (index >= table->size()) throw nb::index_error("no such name");
        known.add(index);
    }
    auto others = std::make_shared<std::vector<std::string>>();
    for (const nb::bytes& name : taken) others->emplace_back(name.c_str(), name.size());
    std::ranges::sort(*others);
    MembersTerm* made = make<MembersTerm>(TermKind::kMembers, false);
    TermRef found = TermRef::stolen(made);
    made->table = table;
    made->values = std::move(values);
    made->required = std::move(known);
    made->usable = Bits::all(table->size());
    made->is_ordered = is_ordered;
    std::tie(made->open, made->close, made->none, made->colon, made->comma) = around;
    for (const auto& [names, value] : groups) made->groups.push_back({names ? *names : TermRef(), value});
    made->any_name = any_name;
    made->taken = std::move(others);
    made->contents = contents;
    finish(made);
    for (const TermRef& part : {made->open, made->close, made->none, made->colon, made->comma}) fewest(part.get());
    return found;
}

// The same members with other terms in place of theirs, and those of the names that an alphabet can write.
TermRef changed_members(const TermRef& term, const nb::callable& change, const nb::int_& alphabet) {
    const MembersTerm& before = as_members(term);
    const auto changed = [&](const TermRef& part) {
        if (!part) return part;
        const nb::object made = change(to_object(part));
        return TermRef(term_of(made));
    };
    MembersTerm* made = make<MembersTerm>(TermKind::kMembers, false);
    TermRef found = TermRef::stolen(made);
    made->table = before.table;
    for (const TermRef& value : before.values) made->values.push_back(changed(value));
    made->required = before.required;
    made->usable = before.table->writable(byte_set_of(alphabet));
    made->is_ordered = before.is_ordered;
    made->open = changed(before.open);
    made->close = changed(before.close);
    made->none = changed(before.none);
    made->colon = changed(before.colon);
    made->comma = changed(before.comma);
    for (const Group& group : before.groups) made->groups.push_back({changed(group.names), changed(group.value)});
    made->any_name = changed(before.any_name);
    made->taken = before.taken;
    made->contents = before.contents;
    finish(made);
    return found;
}

TermRef place_in(const TermRef& term, const TermRef& members) {
    if (term->kind != TermKind::kDeferred) throw nb::type_error("no deferred term");
    const DeferredTerm& place = to<DeferredTerm>(term);
    like_members(members, place.members);
    return place_of(members, place.place);
}

TermRef recorded_in(const TermRef& term, const TermRef& names, const TermRef& like, const TermRef& members, bool sure) {
    const RecordTerm& record = as_record(term);
    like_members(members, record.after.members);
    After after = record.after;
    after.members = members;
    return recorded(names, record.written, std::move(after), like, sure);
}

TermRef after_record(const TermRef& term, const nb::bytes& written) {
    const std::string_view text(written.c_str(), written.size());
    if (text.empty()) throw nb::value_error("a name is written");
    return as_record(term).after(text);
}

}  // namespace

void bind_names(nb::module_& module) {
    nb::class_<Contents>(module, "Contents")
        .def(
            "__init__",
            [](Contents* self, bool is_plain, bool is_ascii) { new (self) Contents{is_plain, is_ascii, {}}; },
            nb::kw_only(), "is_plain"_a = false, "is_ascii"_a = false)
        .def_ro("is_plain", &Contents::is_plain)
        .def_prop_ro("leaves",
                     [](const Contents& self) -> nb::object {
                         if (!self.is_known) return nb::none();
                         nb::list found;
                         for (const TermRef& leaf : self.leaves) found.append(to_object(leaf));
                         return found;
                     })
        .def("has_more",
             [](Contents& self) {
                 self.is_known = false;
                 self.leaves.clear();
             })
        .def(
            "has",
            [](Contents& self, const TermRef& leaf) {
                if (self.is_known) self.leaves.push_back(leaf);
            },
            "leaf"_a);
    nb::class_<NameTable>(module, "NameTable")
        .def_static("of", &table_of, "names"_a, "symbol"_a = nb::none())
        .def(
            "changed", [](const TablePointer& self, const nb::callable& change) { return changed_table(self, change); },
            "change"_a)
        .def("__len__", &NameTable::size);
    module.def("fork", &python_fork, "table"_a, "names"_a.none(), "chosen"_a);
    module.def("refork", &refork, "e"_a, "table"_a, "following"_a.none(), "alphabet"_a);
    module.def("fork_need", [](const TermRef& e) { return number_of(fork_need(as_fork(e))); }, "e"_a);
    module.def("members", &members, "table"_a, "values"_a, "required"_a, "is_ordered"_a, "around"_a, "groups"_a,
               "any_name"_a, "taken"_a, "contents"_a);
    module.def("changed_members", &changed_members, "members"_a, "change"_a, "alphabet"_a);
    module.def(
        "object_of", [](const TermRef& members) { return whole_object(TermRef(&as_members(members))); }, "members"_a);
    module.def("place_in", &place_in, "e"_a, "members"_a);
    module.def("recorded_in", &recorded_in, "e"_a, "names"_a, "like"_a, "members"_a, nb::kw_only(), "sure"_a = false);
    module.def("after", &after_record, "e"_a, "written"_a);
}

}  // namespace fcgen
