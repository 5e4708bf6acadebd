#include "members.hpp"

#include <algorithm>

#include "build.hpp"
#include "derivatives.hpp"
#include "fuel.hpp"
#include "shared.hpp"

namespace fcgen {
namespace {

constexpr std::int64_t kFar = 1'000'000;  // bytes: a way that is never the shortest
constexpr std::size_t kWordsOfATerm = 16;

TermRef quote() {
    return literal("\"");
}

TermRef end_of(const MembersTerm& members) {
    return follow(members.close, literal("}"));
}

bool may_end(const MembersTerm& members, const Place& place) {
    return !members.required.meets(place.left);
}

// The bytes of a known name and its value; negative: they are not known yet, unless `is_settled`.
double need_of(const MembersTerm& members, std::size_t index, bool is_settled) {
    if (!members.usable.has(index)) return kNever;
    Term* value = members.values[index].get();
    const double need = is_settled ? fewest(value) : value->fewest;
    if (need < 0) return need;
    return members.table->need(members.table->name(index)) + fewest(members.colon.get()) + need;
}

// The bytes of the required members that are left, each with a comma, but for one; negative: they are not known yet.
double need_but_for(const MembersTerm& members, const Bits& left, std::size_t but_for, bool is_settled) {
    const double comma = fewest(members.comma.get());
    double sum = 0;
    for (std::size_t i = members.required.next(0); i != Bits::kNone; i = members.required.next(i + 1)) {
        if (i == but_for || !left.has(i)) continue;
        const double need = need_of(members, i, is_settled);
        if (need < 0) return need;
        sum += comma + need;
    }
    return sum;
}

double need_of_required(const MembersTerm& members, const Place& place, bool is_settled) {
    if (place.required < 0) place.required = need_but_for(members, place.left, Bits::kNone, is_settled);
    return place.required;
}

double need_of_required_from(const MembersTerm& members, std::size_t index) {
    std::vector<double>& known = members.required_from;
    if (known.empty()) {
        known.assign(members.values.size() + 1, 0);
        for (std::size_t i = members.values.size(); i-- > 0;) {
            const bool is_required = members.required.has(i);
            known[i] = known[i + 1] + (is_required ? fewest(members.comma.get()) + need_of(members, i, true) : 0);
        }
    }
    return known[index];
}

double need_of_place(const MembersTerm& members, const Place& place, bool is_settled) {
    const double end = fewest(members.close.get()) + 1;
    const double required = need_of_required(members, place, is_settled);
    if (required < 0 || !place.is_start) return required < 0 ? required : required + end;
    if (may_end(members, place)) return 2 + fewest(members.none.get());
    return 1 + fewest(members.open.get()) + required - fewest(members.comma.get()) + end;
}

// An opening bracket, then some members and their end, or `none`, which is just the closing bracket.
TermRef enclosed(const MembersTerm& members, const TermRef& some, const TermRef& none) {
    const TermRef opening = literal("{");
    if (members.open == members.none) {
        const TermRef parts[] = {opening, members.open, alt(some, none)};
        return seq(parts);
    }
    return follow(opening, alt(follow(members.open, some), follow(members.none, none)));
}

// The known names that may come next.
Bits candidates(const MembersTerm& members, const Place& place) {
    Bits found = place.left & members.usable;
    if (!members.is_ordered) return found;
    const Bits required = members.required & place.left;
    if (const std::size_t first = required.next(0); first != Bits::kNone) {
        found.remove_from(first + 1);
    }
    return found;
}

Place after(const MembersTerm& members, const Place& place, std::size_t index) {
    Place then{place.left, place.written, false};
    if (members.is_ordered) {
        then.left.remove_to(index);
    } else {
        then.left.remove(index);
    }
    return then;
}

Place where_known(const MembersTerm& members) {
    static const NamesPointer no_names = std::make_shared<const std::vector<std::string>>();
    return {Bits::all(members.values.size()), no_names, true};
}

// What follows another member, as far as it does not depend on the others that are written.
TermRef generally_after(const MembersTerm& members, const Place& place) {
    const TermRef end = end_of(members);
    if (may_end(members, place)) return alt(follow(members.comma, unknown(kFar)), end);
    const double need = need_of_place(members, place, true) - fewest(members.comma.get());
    return need == kNever ? nothing() : follow(members.comma, unknown(static_cast<std::int64_t>(need)));
}

// The members whose names are not known one by one.
void add_others(const TermRef& self, Place place, std::vector<TermRef>& ways) {
    const MembersTerm& members = to<MembersTerm>(self);
    if (members.is_ordered) {
        if (!may_end(members, place)) return;
        place.left = Bits(members.values.size());
    }
    auto names = std::make_shared<std::vector<std::string>>();
    std::ranges::set_union(*members.taken, *place.written, std::back_inserter(*names));
    const TermRef free = unlike(members.any_name, names);
    place.is_start = false;
    const auto then = std::make_shared<const Place>(std::move(place));
    const TermRef generally = generally_after(members, *then);
    for (std::size_t group = 0; group < members.groups.size(); ++group) {
        const auto& [given, value] = members.groups[group];
        const TermRef parts[] = {given ? given : free, free};
        const TermRef name = follow(given ? both(parts) : free, quote());
        const TermRef like_parts[] = {members.colon, value, generally};
        const bool is_sure = value->fewest >= 0 && value->fewest != kNever && may_end(members, *then);
        After what;
        what.members = self;
        what.place = then;
        what.group = group;
        ways.push_back(follow(quote(), recorded(name, "", std::move(what), seq(like_parts), is_sure)));
    }
}

TermRef members_at(const TermRef& self, const PlacePointer& place) {
    const MembersTerm& members = to<MembersTerm>(self);
    const Bits chosen = candidates(members, *place);
    spend(static_cast<std::int64_t>(chosen.size()));
    Following following;
    following.members = self;
    if (!members.is_ordered) following.place = place;
    std::vector<TermRef> ways = {fork(members.table, following, chosen)};
    if (!members.groups.empty()) add_others(self, *place, ways);
    return alt(ways);
}

}  // namespace

std::size_t Place::hash() const {
    std::size_t found = is_start ? 1 : 2;
    for (std::uint64_t word : left.words()) found = mixed(found, static_cast<std::size_t>(word));
    for (const std::string& name : *written) found = mixed(found, std::hash<std::string>()(name));
    return found;
}

TermRef place_of(const TermRef& self, PlacePointer place) {
    const MembersTerm& members = to<MembersTerm>(self);
    if (!place->is_start && place->left.is_empty() && members.groups.empty()) return end_of(members);
    const std::size_t hash = mixed(mixed(0, self.get()), place->hash());
    return shared<DeferredTerm>(
        TermKind::kDeferred, hash, false,
        [&](const DeferredTerm& term) { return term.members == self && *term.place == *place; },
        [&](DeferredTerm& term) {
            const std::size_t words = place->left.words().size() + place->written->size();
            if (words > kWordsOfATerm) kept().add(&term, words / kWordsOfATerm);
            term.members = self;
            term.place = std::move(place);
            term.fewest = need_of_place(members, *term.place, false);
        });
}

TermRef whole_object(const TermRef& self) {
    return place_of(self, std::make_shared<const Place>(where_known(to<MembersTerm>(self))));
}

TermRef built_place(const TermRef& self, const PlacePointer& place) {
    const MembersTerm& members = to<MembersTerm>(self);
    const TermRef some = members_at(self, place);
    const bool ends = may_end(members, *place);
    if (place->is_start) return enclosed(members, some, ends ? literal("}") : nothing());
    return alt(follow(members.comma, some), ends ? end_of(members) : nothing());
}

TermRef sketch_of_place(const MembersTerm& members, const Place& place) {
    const Bits needed = members.required & place.left;
    std::vector<TermRef> row;
    needed.each([&](std::size_t i) {
        if (!row.empty() || !place.is_start) row.push_back(members.comma);
        const TermRef name = members.usable.has(i) ? members.table->spelled(members.table->name(i)) : nothing();
        row.insert(row.end(), {name, members.colon, members.values[i]});
    });
    row.push_back(end_of(members));
    if (!place.is_start) return seq(row);
    return needed.is_empty() ? enclosed(members, nothing(), literal("}")) : enclosed(members, seq(row), nothing());
}

TermRef after_known(const MembersTerm& members, const PlacePointer& place, std::size_t index) {
    if (need_after_known(members, place, index) == kNever) return nothing();
    const TermRef self(&members);
    const Place then = after(members, place ? *place : where_known(members), index);
    const TermRef parts[] = {members.colon, members.values[index], place_of(self, std::make_shared<const Place>(then))};
    return seq(parts);
}

double need_after_known(const MembersTerm& members, const PlacePointer& place, std::size_t index) {
    const double value = fewest(members.values[index].get());
    if (value == kNever || !members.usable.has(index)) return kNever;
    double required;
    if (!place) {
        required = need_of_required_from(members, index + 1);
    } else {
        required = need_of_required(members, *place, true);
        if (members.required.has(index) && place->left.has(index)) {
            required = required == kNever ? need_but_for(members, place->left, index, true)
                                          : required - fewest(members.comma.get()) - need_of(members, index, true);
        }
    }
    return fewest(members.colon.get()) + value + required + fewest(members.close.get()) + 1;
}

TermRef after_other(const After& after, std::string_view written) {
    const MembersTerm& members = to<MembersTerm>(after.members);
    auto names = std::make_shared<std::vector<std::string>>(*after.place->written);
    const std::string name(written.substr(0, written.size() - 1));
    const auto at = std::ranges::lower_bound(*names, name);
    if (at == names->end() || *at != name) names->insert(at, name);
    const auto then = std::make_shared<const Place>(Place{after.place->left, std::move(names), false});
    const TermRef parts[] = {members.colon, members.groups[after.group].value, place_of(after.members, then)};
    return seq(parts);
}

}  // namespace fcgen
