// The texts of objects whose members may be any of those that are known, and others, with no key twice.
//
// A place of an object is what may still come: the known names that are left, and the other names that are written,
// since none may come twice. What a place leads to is built when it is walked; until then its required members stand
// for it, which tell how short it can be and whether it has an end.
#pragma once

#include "names.hpp"
#include "terms.hpp"

namespace fcgen {

// What is known of terms before they are built.
struct Contents {
    bool is_plain = false;          // no recording in them has names that are recorded themselves
    bool is_known = false;          // all is ASCII but for what is in the leaves
    std::vector<TermRef> leaves{};  // texts of strings, which do not lead back to what they are known of
};

// A place between the members of an object.
struct Place {
    Bits left;             // the known names that may still come
    NamesPointer written;  // the other names that are there, sorted
    bool is_start;         // there is no member yet

    // The bytes of the required members that are left, each with a comma; negative: not known yet.
    mutable double required = -1;

    bool operator==(const Place& other) const {
        return is_start == other.is_start && left == other.left && *written == *other.written;
    }
    std::size_t hash() const;
};

// Others of the members, whose names are not known one by one.
struct Group {
    TermRef names;  // null: any
    TermRef value;
};

// The members of an object: no language of its own, but what places refer to.
struct MembersTerm : Term {
    static constexpr TermKind kKind = TermKind::kMembers;
    TablePointer table;  // of the known names, with quotes
    std::vector<TermRef> values;
    Bits required, usable;                    // usable: those that can be written
    bool is_ordered;                          // the known names come in their order, and before all others
    TermRef open, close, none, colon, comma;  // what stands around members; `none`: within empty brackets
    std::vector<Group> groups;
    TermRef any_name;    // without quotes
    NamesPointer taken;  // the names that no other member may have, without quotes
    nb::object contents;

    // By a known name, the bytes of the required members from it on, each with a comma; empty: not known yet.
    mutable std::vector<double> required_from;
};

// The texts of the object.
TermRef whole_object(const TermRef& members);

// A term of the members at a place: what may come there, or at the start the whole object.
TermRef place_of(const TermRef& members, PlacePointer place);

// What a place leads to, and some short way to its end.
TermRef built_place(const TermRef& members, const PlacePointer& place);
TermRef sketch_of_place(const MembersTerm& members, const Place& place);

// What follows a known name at a place, and the bytes that finish it. No place: where names are in order, it is the
// same wherever the name stands.
TermRef after_known(const MembersTerm& members, const PlacePointer& place, std::size_t index);
double need_after_known(const MembersTerm& members, const PlacePointer& place, std::size_t index);

// What follows another name, with its closing quote, that was written at a place.
TermRef after_other(const After& after, std::string_view written);

}  // namespace fcgen
