#include "build.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include "shared.hpp"

namespace fcgen {
namespace {

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

std::vector<const Term*> sorted(std::span<const TermRef> parts) {
    std::vector<const Term*> found;
    for (const TermRef& part : parts) found.push_back(part.get());
    std::ranges::sort(found);
    return found;
}

TermRef of_inner(TermKind kind, const TermRef& inner, bool can_stop, double fewest) {
    return shared<InnerTerm>(
        kind, mixed(0, inner.get()), can_stop, [&](const InnerTerm& term) { return is(term.inner, inner); },
        [&](InnerTerm& term) {
            term.inner = inner;
            if (!can_stop) term.fewest = fewest;
        });
}

bool all_can_stop(const std::vector<TermRef>& parts) {
    return std::ranges::all_of(parts, [](const TermRef& part) { return part->can_stop; });
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
