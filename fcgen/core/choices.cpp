// Choices of terms: literals that begin alike share their beginning.

#include <algorithm>
#include <array>
#include <unordered_map>

#include "build.hpp"
#include "fuel.hpp"

namespace fcgen {
namespace {

constexpr int kMostFactored = 50;  // deeper down, the tree of literals is grown when it is walked
constexpr int kPerHead = 10;       // loops that follow one another have equal heads without end

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

}  // namespace

TermRef alt(std::span<const TermRef> parts) {
    return alternatives(parts, 0);
}

TermRef alt(const TermRef& a, const TermRef& b) {
    const std::array<TermRef, 2> parts = {a, b};
    return alternatives(parts, 0);
}

}  // namespace fcgen
