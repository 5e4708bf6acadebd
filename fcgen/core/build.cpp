#include "build.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include "fuel.hpp"

namespace fcgen {
namespace {

constexpr int kMostFactored = 50;  // deeper down, the tree of literals is grown when it is walked
constexpr int kPerHead = 10;       // loops that follow one another have equal heads without end

template <class T, class Same, class Fill>
TermRef shared(TermKind kind, std::size_t hash, bool can_stop, Same&& same, Fill&& fill) {
    hash = mixed(hash, static_cast<std::size_t>(kind));
    TermRef found =
        term_table.find_plain(hash, [&](const Term* term) { return term->kind == kind && same(to<T>(term)); });
    if (found) return found;
    spend(1);
    T* term = make<T>(kind, can_stop);
    found = TermRef::stolen(term);
    fill(*term);
    finish(term);
    term_table.add(term, hash);
    kept().add(term);
    return found;
}

std::size_t hash_of(std::string_view text) {
    return std::hash<std::string_view>()(text);
}

bool is(const TermRef& a, const TermRef& b) {
    return a.get() == b.get();
}

TermRef pair(TermRef head, TermRef tail) {
    if (const LiteralTerm* first = as<LiteralTerm>(head)) {
        if (const LiteralTerm* second = as<LiteralTerm>(tail)) return literal(first->data + second->data);
        const SeqTerm* row = as<SeqTerm>(tail);
        const LiteralTerm* second = row ? as<LiteralTerm>(row->head) : nullptr;
        if (second != nullptr) {
            head = literal(first->data + second->data);
            tail = TermRef(row->tail);
        }
    }
    const std::size_t hash = mixed(mixed(0, head.get()), tail.get());
    const bool can_stop = head->can_stop && tail->can_stop;
    return shared<SeqTerm>(
        TermKind::kSeq, hash, can_stop, [&](const SeqTerm& term) { return is(term.head, head) && is(term.tail, tail); },
        [&](SeqTerm& term) {
            if (!can_stop && head->fewest >= 0 && tail->fewest >= 0) term.fewest = head->fewest + tail->fewest;
            term.head = head;
            term.tail = tail;
        });
}

// The parts of several, those of `kind` taken apart, each once, in order.
std::vector<TermRef> flattened(std::span<const TermRef> parts, TermKind kind) {
    constexpr std::size_t kFew = 16;
    std::vector<TermRef> flat;
    std::unordered_set<const Term*> seen;  // once they are more than a few
    const auto add = [&](const TermRef& part) {
        if (flat.size() < kFew) {
            if (std::ranges::find(flat, part) == flat.end()) flat.push_back(part);
            return;
        }
        if (seen.empty()) {
            for (const TermRef& one : flat) seen.insert(one.get());
        }
        if (seen.insert(part.get()).second) flat.push_back(part);
    };
    for (const TermRef& part : parts) {
        if (part->kind == kind) {
            std::ranges::for_each(to<PartsTerm>(part).parts, add);
        } else {
            add(part);
        }
    }
    return flat;
}

std::vector<const Term*> sorted(std::span<const TermRef> parts) {
    std::vector<const Term*> found;
    for (const TermRef& part : parts) found.push_back(part.get());
    std::ranges::sort(found);
    return found;
}

TermRef of_parts(TermKind kind, std::vector<TermRef> parts, bool can_stop) {
    std::vector<const Term*> order = sorted(parts);
    std::size_t hash = 0;
    for (const Term* part : order) hash = mixed(hash, part);
    return shared<PartsTerm>(
        kind, hash, can_stop, [&](const PartsTerm& term) { return term.sorted == order; },
        [&](PartsTerm& term) {
            term.parts = std::move(parts);
            term.sorted = std::move(order);
            if (kind != TermKind::kAlt || can_stop) return;
            double least = kNever;
            for (const TermRef& part : term.parts) {
                if (part->fewest < 0) return;
                least = std::min(least, part->fewest);
            }
            term.fewest = least;
        });
}

TermRef of_inner(TermKind kind, const TermRef& inner, bool can_stop, double fewest) {
    return shared<InnerTerm>(
        kind, mixed(0, inner.get()), can_stop, [&](const InnerTerm& term) { return is(term.inner, inner); },
        [&](InnerTerm& term) {
            term.inner = inner;
            if (!can_stop) term.fewest = fewest;
        });
}

TermRef alternatives(std::span<const TermRef> parts, int depth);

struct Beginning {
    std::string_view data;
    TermRef tail;
    TermRef owner;  // of the data
};

// Literals that begin with the same byte, each with what follows it, as one term.
TermRef factored(const std::vector<Beginning>& group, int depth) {
    if (group.size() == 1) return follow(literal(group[0].data), group[0].tail);
    const auto [low, high] = std::ranges::minmax(group, {}, &Beginning::data);
    const std::size_t most = std::min(low.data.size(), high.data.size());
    std::size_t size = 0;
    while (size < most && low.data[size] == high.data[size]) ++size;
    std::vector<TermRef> rest;
    for (const Beginning& one : group) rest.push_back(follow(literal(one.data.substr(size)), one.tail));
    return follow(literal(group[0].data.substr(0, size)), alternatives(rest, depth + 1));
}

// The parts with common beginnings joined: of literals the common prefix, of sequences an equal head.
std::vector<TermRef> left_factored(const std::vector<TermRef>& parts, int depth) {
    std::vector<std::vector<Beginning>> groups;
    std::array<int, 256> group_of;
    group_of.fill(-1);
    const auto begin = [&](const TermRef& owner, const LiteralTerm& literal, const TermRef& tail) {
        int& group = group_of[static_cast<std::uint8_t>(literal.data[0])];
        if (group < 0) {
            group = static_cast<int>(groups.size());
            groups.emplace_back();
        }
        groups[group].push_back({literal.data, tail, owner});
    };
    std::vector<std::pair<TermRef, std::vector<TermRef>>> others;  // a head and its tails, or a term and none
    std::unordered_map<const Term*, std::size_t> of_head;
    for (const TermRef& part : parts) {
        if (const LiteralTerm* whole = as<LiteralTerm>(part)) {
            begin(part, *whole, empty());
            continue;
        }
        const SeqTerm* row = as<SeqTerm>(part);
        if (row == nullptr) {
            others.push_back({part, {}});
        } else if (const LiteralTerm* head = as<LiteralTerm>(row->head)) {
            begin(row->head, *head, row->tail);
        } else if (const auto [at, is_new] = of_head.try_emplace(row->head.get(), others.size()); is_new) {
            others.push_back({row->head, {row->tail}});
        } else {
            others[at->second].second.push_back(row->tail);
        }
    }
    std::vector<TermRef> found;
    for (const auto& group : groups) found.push_back(factored(group, depth));
    for (const auto& [head, tails] : others) {
        if (tails.empty()) {
            found.push_back(head);
        } else {
            found.push_back(follow(head, tails.size() == 1 ? tails[0] : alternatives(tails, depth + kPerHead)));
        }
    }
    return found;
}

// The parts, those that are one byte as one set.
std::vector<TermRef> with_bytes_merged(const std::vector<TermRef>& parts) {
    ByteSet members;
    std::vector<TermRef> found(1);
    for (const TermRef& part : parts) {
        const LiteralTerm* text = as<LiteralTerm>(part);
        if (const ByteSetTerm* set = as<ByteSetTerm>(part)) {
            members |= set->members;
        } else if (text != nullptr && text->data.size() == 1) {
            members.add(static_cast<std::uint8_t>(text->data[0]));
        } else {
            found.push_back(part);
        }
    }
    if (members.is_empty()) {
        found.erase(found.begin());
    } else {
        found[0] = byte_set(members);
    }
    return found;
}

bool any_can_stop(const std::vector<TermRef>& parts) {
    return std::ranges::any_of(parts, [](const TermRef& part) { return part->can_stop; });
}

bool all_can_stop(const std::vector<TermRef>& parts) {
    return std::ranges::all_of(parts, [](const TermRef& part) { return part->can_stop; });
}

TermRef alternatives(std::span<const TermRef> parts, int depth) {
    std::vector<TermRef> flat = flattened(parts, TermKind::kAlt);
    std::erase(flat, nothing());
    if (flat.size() < 2) return flat.empty() ? nothing() : flat[0];
    if (std::ranges::find(flat, any_bytes()) != flat.end()) return any_bytes();
    spend(static_cast<std::int64_t>(flat.size() >> 3));
    if (depth < kMostFactored) flat = left_factored(flat, depth);
    flat = with_bytes_merged(flat);
    if (flat.size() == 1) return flat[0];
    const bool can_stop = any_can_stop(flat);
    return of_parts(TermKind::kAlt, std::move(flat), can_stop);
}

bool is_simple(const TermRef& term) {
    switch (term->kind) {
        case TermKind::kNothing:
        case TermKind::kEmpty:
        case TermKind::kLiteral:
        case TermKind::kByteSet:
        case TermKind::kApart:
            return true;
        default:
            return false;
    }
}

TermRef single(TermKind kind) {
    Term* term = make<Term>(kind, kind == TermKind::kEmpty);
    if (kind == TermKind::kNothing) term->fewest = kNever;
    finish(term);
    return TermRef::stolen(term);
}

}  // namespace

// These live as long as the process: what Python's modules hold of them may be freed after them.
const TermRef& nothing() {
    static const TermRef* term = new TermRef(single(TermKind::kNothing));
    return *term;
}

const TermRef& empty() {
    static const TermRef* term = new TermRef(single(TermKind::kEmpty));
    return *term;
}

const TermRef& any_bytes() {
    static const TermRef* term = new TermRef(repeat(byte_set(ByteSet::all()), 0, RepeatTerm::kNoLimit));
    return *term;
}

TermRef literal(std::string_view data) {
    if (data.empty()) return empty();
    return shared<LiteralTerm>(
        TermKind::kLiteral, hash_of(data), false, [&](const LiteralTerm& term) { return term.data == data; },
        [&](LiteralTerm& term) {
            term.data = data;
            term.fewest = static_cast<double>(data.size());
        });
}

TermRef byte_set(const ByteSet& members) {
    const int size = members.size();
    if (size == 0) return nothing();
    if (size == 1) {
        const char byte = static_cast<char>(members.first());
        return literal({&byte, 1});
    }
    std::size_t hash = 0;
    for (std::uint64_t word : members.words()) hash = mixed(hash, static_cast<std::size_t>(word));
    return shared<ByteSetTerm>(
        TermKind::kByteSet, hash, false, [&](const ByteSetTerm& term) { return term.members == members; },
        [&](ByteSetTerm& term) {
            term.members = members;
            term.fewest = 1;
        });
}

TermRef seq(std::span<const TermRef> parts) {
    TermRef result = empty();
    for (std::size_t end = parts.size(); end > 0;) {
        std::size_t start = end - 1;
        if (as<LiteralTerm>(parts[start])) {  // runs of literals as one: piece by piece a long one takes its square
            while (start > 0 && as<LiteralTerm>(parts[start - 1])) --start;
        }
        if (end - start == 1) {
            result = follow(parts[start], result);
        } else {
            std::string data;
            for (const TermRef& part : parts.subspan(start, end - start)) data += to<LiteralTerm>(part).data;
            result = follow(literal(data), result);
        }
        if (is(result, nothing())) return result;
        end = start;
    }
    return result;
}

TermRef follow(const TermRef& first, const TermRef& rest) {
    if (is(first, empty())) return rest;
    if (is(rest, empty()) || is(first, nothing())) return first;
    if (is(rest, nothing())) return nothing();
    if (first->kind != TermKind::kSeq) return pair(first, rest);
    std::vector<const TermRef*> heads;
    const TermRef* last = &first;
    while (const SeqTerm* row = as<SeqTerm>(*last)) {
        heads.push_back(&row->head);
        last = &row->tail;
    }
    TermRef result = pair(*last, rest);
    for (auto head = heads.rbegin(); head != heads.rend(); ++head) result = pair(**head, std::move(result));
    return result;
}

TermRef alt(std::span<const TermRef> parts) {
    return alternatives(parts, 0);
}

TermRef alt(const TermRef& a, const TermRef& b) {
    const std::array<TermRef, 2> parts = {a, b};
    return alternatives(parts, 0);
}

TermRef repeat(const TermRef& inner, std::int64_t least, std::int64_t most) {
    const bool is_bounded = most != RepeatTerm::kNoLimit;
    if (is_bounded && most < least) return nothing();
    if (is(inner, nothing())) return least > 0 ? nothing() : empty();
    if (is(inner, empty()) || most == 0) return empty();
    if (least == 1 && most == 1) return inner;
    if (inner->can_stop) {
        least = 0;
        const RepeatTerm* loop = as<RepeatTerm>(inner);
        if (loop != nullptr && loop->most == RepeatTerm::kNoLimit) return repeat(loop->inner, 0, RepeatTerm::kNoLimit);
    }
    const std::size_t hash =
        mixed(mixed(mixed(0, inner.get()), static_cast<std::size_t>(least)), static_cast<std::size_t>(most));
    return shared<RepeatTerm>(
        TermKind::kRepeat, hash, least == 0,
        [&](const RepeatTerm& term) { return is(term.inner, inner) && term.least == least && term.most == most; },
        [&](RepeatTerm& term) {
            term.inner = inner;
            term.least = least;
            term.most = most;
            if (least > 0 && inner->fewest >= 0) term.fewest = static_cast<double>(least) * inner->fewest;
        });
}

TermRef one_less(const RepeatTerm& term) {
    const std::int64_t most = term.most == RepeatTerm::kNoLimit ? term.most : term.most - 1;
    return repeat(term.inner, std::max<std::int64_t>(0, term.least - 1), most);
}

TermRef both(std::span<const TermRef> parts) {
    std::vector<TermRef> flat = flattened(parts, TermKind::kBoth);
    std::erase(flat, any_bytes());
    if (flat.size() < 2) return flat.empty() ? any_bytes() : flat[0];
    const std::vector<const Term*> order = sorted(flat);
    const auto has = [&](const TermRef& term) { return std::ranges::binary_search(order, term.get()); };
    const auto is_excluded = [&](const TermRef& part) {
        return part->kind == TermKind::kComplement && has(to<InnerTerm>(part).inner);
    };
    if (has(nothing()) || std::ranges::any_of(flat, is_excluded)) return nothing();
    const bool can_stop = all_can_stop(flat);
    if (has(empty())) return can_stop ? empty() : nothing();
    return of_parts(TermKind::kBoth, std::move(flat), can_stop);
}

TermRef complement(const TermRef& inner) {
    if (inner->kind == TermKind::kComplement) return to<InnerTerm>(inner).inner;
    if (is(inner, nothing())) return any_bytes();
    if (is(inner, any_bytes())) return nothing();
    return of_inner(TermKind::kComplement, inner, !inner->can_stop, -1);
}

TermRef apart(const TermRef& inner) {
    return is_simple(inner) ? inner : of_inner(TermKind::kApart, inner, inner->can_stop, inner->fewest);
}

TermRef unlike(const TermRef& plain, NamesPointer names) {
    if (names->empty() || is(plain, nothing())) return plain;
    std::size_t hash = mixed(0, plain.get());
    for (const std::string& name : *names) hash = mixed(hash, hash_of(name));
    const bool can_stop = plain->can_stop && !names->front().empty();
    return shared<UnlikeTerm>(
        TermKind::kUnlike, hash, can_stop,
        [&](const UnlikeTerm& term) { return is(term.plain, plain) && *term.names == *names; },
        [&](UnlikeTerm& term) {
            term.plain = plain;
            term.names = std::move(names);
            if (!can_stop && plain->fewest >= 0) term.fewest = std::max(1.0, plain->fewest);
        });
}

TermRef unknown(std::int64_t need) {
    return shared<UnknownTerm>(
        TermKind::kUnknown, static_cast<std::size_t>(need), false,
        [&](const UnknownTerm& term) { return term.need == need; },
        [&](UnknownTerm& term) {
            term.need = need;
            term.fewest = static_cast<double>(need);
        });
}

}  // namespace fcgen
