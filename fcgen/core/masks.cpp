#include "masks.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace fcgen {
namespace {

void add_tokens(std::span<const std::int32_t> tokens, std::span<std::uint32_t> row) {
    for (std::int32_t token : tokens) row[token >> 5] |= std::uint32_t{1} << (token & 31);
}

void remove_tokens(std::span<const std::int32_t> tokens, std::span<std::uint32_t> row) {
    for (std::int32_t token : tokens) row[token >> 5] &= ~(std::uint32_t{1} << (token & 31));
}

void sort_distinct(std::vector<std::int32_t>& values) {
    std::ranges::sort(values);
    values.erase(std::ranges::unique(values).begin(), values.end());
}

}  // namespace

std::size_t StateMask::bytes() const {
    constexpr std::size_t overhead = 200;  // of the entries in the cache
    std::size_t numbers = row.size() + tokens.size() + exits.size() + opaque.size();
    for (const Call& call : calls) numbers += call.nodes.size();
    return sizeof(StateMask) + calls.size() * sizeof(Call) + 4 * numbers + overhead;
}

std::string ConfigurationMask::key() const {
    if (!row.empty()) return {reinterpret_cast<const char*>(row.data()), 4 * row.size()};
    std::vector<std::int64_t> ids;
    for (const auto& part : parts) ids.push_back(part->id);
    std::ranges::sort(ids);
    return {reinterpret_cast<const char*>(ids.data()), 8 * ids.size()};
}

void ConfigurationMask::write(std::span<std::uint32_t> into) const {
    std::ranges::fill(into, 0);
    const auto add_row = [&](const Words& words) {
        for (std::size_t i = 0; i < words.size(); ++i) into[i] |= words[i];
    };
    add_row(row);
    for (const auto& part : parts) {
        add_row(part->row);
        add_tokens(part->tokens, into);
    }
}

ConfigurationMask MaskCache::mask(Configuration configuration, Expander& expander) {
    struct Ahead {
        TriePointer trie;
        Thread thread;
    };
    std::vector<Ahead> ahead;
    std::set<std::pair<const Trie*, Thread>> seen;
    const auto add = [&](const TriePointer& trie, std::span<const Thread> threads) {
        for (Thread thread : automaton_.entered(threads, expander)) {
            if (seen.emplace(trie.get(), thread).second) ahead.push_back({trie, thread});
        }
    };
    add(trie_, automaton_.threads(configuration));
    ConfigurationMask found;
    found.words = words_;
    for (std::size_t i = 0; i < ahead.size(); ++i) {
        const auto [trie, thread] = ahead[i];
        const StackId stack = stack_of(thread);
        const Collect collect = stack > kBottom ? Collect::kExits : Collect::kTokens;
        const auto part = state_mask(trie, state_of(thread), collect, expander);
        if (!part->opaque.empty()) return stepped(configuration, expander);
        if (std::ranges::find(found.parts, part) == found.parts.end()) found.parts.push_back(part);
        const std::int64_t length = part->max_length_left + automaton_.stack(stack).min_length;
        found.max_length_left = std::max(found.max_length_left, length);
        if (part->rest != nullptr) add(part->rest, automaton_.popped(stack));
        for (const StateMask::Call& call : part->calls) {
            const Thread entering = thread_of(call.call, stack);
            add(call.rest, std::span(&entering, 1));
        }
    }
    return found;
}

// What is allowed where only the configuration itself can tell.
ConfigurationMask MaskCache::stepped(Configuration configuration, Expander& expander) {
    Walk walk(automaton_, trie_, Collect::kTokens);
    ConfigurationMask parts;
    for (Thread thread : automaton_.entered(automaton_.threads(configuration), expander)) {
        const StackId stack = stack_of(thread);
        const Collect collect = stack > kBottom ? Collect::kExits : Collect::kTokens;
        const auto part = state_mask(trie_, state_of(thread), collect, expander);
        parts.parts.push_back(part);
        const std::int64_t length = part->max_length_left + automaton_.stack(stack).min_length;
        walk.max_length_left = std::max(walk.max_length_left, length);
        walk.opaque.insert(walk.opaque.end(), part->opaque.begin(), part->opaque.end());
        if (stack > kBottom && !part->exits.empty()) {
            for (Thread below : automaton_.popped(stack)) {
                for (std::int32_t node : part->exits) walk.add(node, state_of(below), stack_of(below));
            }
        }
        for (const StateMask::Call& call : part->calls) {
            for (std::int32_t node : call.nodes) walk.add(node, call.call, stack);
        }
    }
    walk.run(expander);
    walk.resolve_opaque(configuration, expander);
    ConfigurationMask found;
    found.words = words_;
    found.row.resize(words_);
    parts.write(found.row);
    add_tokens(walk.tokens, found.row);
    found.max_length_left = walk.max_length_left;
    return found;
}

std::vector<std::pair<Configuration, std::vector<std::int32_t>>> MaskCache::ends(Configuration configuration,
                                                                                 Expander& expander) {
    Walk walk(automaton_, trie_, Collect::kEnds);
    for (Thread thread : automaton_.entered(automaton_.threads(configuration), expander)) {
        walk.add(Trie::kRoot, state_of(thread), stack_of(thread));
    }
    walk.run(expander);
    walk.resolve_opaque(configuration, expander);
    return walk.ends(expander);
}

std::shared_ptr<const StateMask> MaskCache::state_mask(const TriePointer& trie, StateId state, Collect collect,
                                                       Expander& expander) {
    const std::int64_t key = std::int64_t{state} << 2 | static_cast<std::int64_t>(collect);
    if (const auto known = of_tries_.find(trie.get()); known != of_tries_.end()) {
        if (const auto mask = known->second.masks.find(key); mask != known->second.masks.end()) return mask->second;
    }
    auto found = walked(trie, state, collect, expander);
    make_room(found->bytes());
    OfTrie& of_trie = of_tries_[trie.get()];
    of_trie.trie = trie;
    of_trie.masks.emplace(key, found);
    return found;
}

std::shared_ptr<const StateMask> MaskCache::walked(const TriePointer& trie, StateId state, Collect collect,
                                                   Expander& expander) {
    Walk walk(automaton_, trie, collect);
    auto found = std::make_shared<StateMask>();
    const State here = automaton_.state(state);
    if (trie == trie_ && here.kind == Kind::kOverlay && automaton_.state(here.first).run == kEndless) {
        const auto other = state_mask(trie, here.first, collect, expander);
        found->row = walk_beside(walk, state, *other, expander);
    } else {
        walk.add(Trie::kRoot, state, kOpen);
        walk.run(expander);
    }
    if (found->row.empty() && walk.tokens.size() > words_) found->row.resize(words_);
    if (found->row.empty()) {
        found->tokens = std::move(walk.tokens);
        found->tokens.shrink_to_fit();
    } else {
        add_tokens(walk.tokens, found->row);
    }
    if (collect == Collect::kExits) {
        found->exits = std::move(walk.exits);
        if (here.stops) found->exits.push_back(Trie::kRoot);
        sort_distinct(found->exits);
        if (!found->exits.empty()) found->rest = below(trie, found->exits);
    }
    for (auto& [call, nodes] : walk.calls) {
        sort_distinct(nodes);
        if (auto rest = below(trie, nodes)) found->calls.push_back({call, std::move(nodes), std::move(rest)});
    }
    found->opaque = std::move(walk.opaque);
    sort_distinct(found->opaque);
    found->max_length_left = walk.max_length_left;
    found->id = ++count_;
    return found;
}

// Takes what is known of the state that an overlay is of, and walks the overlay's own bytes; gives the tokens known.
Words MaskCache::walk_beside(Walk& walk, StateId state, const StateMask& other, Expander& expander) {
    Words row = other.row;
    row.resize(words_);
    add_tokens(other.tokens, row);
    walk.max_length_left = other.max_length_left;
    std::vector<std::int32_t> own;
    for (std::uint8_t byte : automaton_.overlay_bytes(state)) {
        if (const std::int32_t node = trie_->top(byte); node != Trie::kNone) own.push_back(node);
    }
    sort_distinct(own);
    const auto is_own = [&](std::int32_t node) {
        const auto after = std::ranges::upper_bound(own, node);
        return after != own.begin() && node < trie_->end_of(*(after - 1));
    };
    for (std::int32_t node : own) {
        remove_tokens(trie_->tokens_at(node), row);
        remove_tokens(trie_->tokens_below(node), row);
        walk.add_before(node, state, kOpen);
    }
    std::ranges::remove_copy_if(other.exits, std::back_inserter(walk.exits), is_own);
    std::ranges::remove_copy_if(other.opaque, std::back_inserter(walk.opaque), is_own);
    for (const StateMask::Call& call : other.calls) {
        std::ranges::remove_copy_if(call.nodes, std::back_inserter(walk.calls[call.call]), is_own);
    }
    walk.run(expander);
    return row;
}

MaskCache::TriePointer MaskCache::below(const TriePointer& trie, std::vector<std::int32_t> exits) {
    if (exits.size() == 1 && exits[0] == Trie::kRoot) return trie;
    OfTrie& of_trie = of_tries_[trie.get()];
    of_trie.trie = trie;
    if (const auto known = of_trie.rests.find(exits); known != of_trie.rests.end()) return known->second;
    TriePointer rest = trie->below(exits);
    bytes_ += 4 * exits.size() + (rest == nullptr ? 0 : rest->bytes());
    of_trie.rests.emplace(std::move(exits), rest);
    return rest;
}

// Forgets all that is known where it has become much.
void MaskCache::make_room(std::size_t bytes) {
    if (bytes_ + bytes > kMaxBytes) {
        of_tries_.clear();
        bytes_ = 0;
    }
    bytes_ += bytes;
}

}  // namespace fcgen
