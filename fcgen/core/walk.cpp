#include "walk.hpp"

#include <algorithm>
#include <utility>

namespace fcgen {

Walk::Walk(Automaton& automaton, std::shared_ptr<const Trie> trie, Collect collect)
    : automaton_(automaton),
      trie_(std::move(trie)),
      collect_(collect),
      path_(static_cast<std::size_t>(trie_->height()) + 2) {}

void Walk::run(Expander& expander) {
    while (!spots_.empty()) {
        while (!spots_.empty()) {
            const Spot spot = spots_.back();
            spots_.pop_back();
            walk(spot);
        }
        for (const Spot& spot : later_) expand_all(spot.head.state, expander);
        spots_.swap(later_);
    }
    if (collect_ == Collect::kEnds) keep_ends();
    own_stacks_.clear();
}

// Expands a state, and those that it is walked as.
void Walk::expand_all(StateId id, Expander& expander) {
    std::vector<StateId> ahead{id};
    while (!ahead.empty()) {
        const StateId one = ahead.back();
        ahead.pop_back();
        if (state(one).kind != Kind::kUnexpanded) continue;
        automaton_.expand(one, expander);
        const State& here = state(one);
        if (here.kind == Kind::kCall) ahead.push_back(here.first);
        if (here.kind == Kind::kChoice) {
            const auto parts = automaton_.list(here.first, here.second);
            ahead.insert(ahead.end(), parts.begin(), parts.end());
        }
    }
}

void Walk::walk(const Spot& spot) {
    const auto nodes = trie_->nodes();
    const std::int32_t node = spot.node;
    Head at = spot.head;
    const bool is_large = node != Trie::kRoot && !spot.is_before && nodes[node].end - node > kMany;
    if (at.stack == kOpen && is_large && collect_ != Collect::kEnds) {
        for (std::size_t moves = 0; state(at.state).kind == Kind::kCall && state(at.state).second < 0; ++moves) {
            if (moves > Automaton::kMostMoves) throw TooAmbiguous();
            at.state = state(at.state).first;
        }
        if (state(at.state).kind == Kind::kCall) {
            calls[at.state].push_back(node);
            return;
        }
    }
    at = resolve({node, spot.is_before, at});
    const State& here = state(at.state);
    if (here.kind == Kind::kUnexpanded) {
        later_.push_back({node, spot.is_before, at});
        return;
    }
    if (here.kind == Kind::kOpaque) {
        opaque.push_back(node);
        return;
    }
    std::int32_t next = spot.is_before ? node : node + 1;
    std::int32_t end = trie_->end_of(node);
    if (node == Trie::kRoot && here.kind == Kind::kLiteral) {  // one subtree only
        next = trie_->top(here.byte);
        if (next == Trie::kNone) return;
        end = nodes[next].end;
    }
    if (next == end) return;
    path_[nodes[next].depth] = at;
    while (next < end) {
        const Head then = step(next, path_[nodes[next].depth]);
        if (then.state == kOpaqueNext) opaque.push_back(next);
        if (then.state >= 0) {
            take_tokens_at(next, then);
            if (nodes[next].end > next + 1 && !take_subtree(next, then) && go_below(next, then)) {
                ++next;
                continue;
            }
        }
        next = nodes[next].end;
    }
}

// What the byte of a node leads to. What waits below takes over where a text ends before this byte.
Walk::Head Walk::step(std::int32_t node, Head from) {
    const std::uint8_t byte = trie_->nodes()[node].byte;
    while (true) {
        const State& here = state(from.state);
        StateId then = kDead;
        switch (here.kind) {
            case Kind::kTable:
                then = automaton_.row(here.first)[byte];
                break;
            case Kind::kLiteral:
            case Kind::kOverlay:
                return {automaton_.next(here, byte), from.stack};
            case Kind::kOpaque:
                then = kOpaqueNext;
                break;
            case Kind::kUnexpanded:
                later_.push_back({node, true, from});
                return {kDead, kOpen};
            default:
                break;
        }
        if (!here.stops || from.stack <= kBottom) return {then, from.stack};
        const Head below = resolve({node, true, pop({node, true, from})});
        if (then != kDead) {
            if (may_go_on(below.state, byte)) spots_.push_back({node, true, below});
            return {then, from.stack};
        }
        from = below;
    }
}

bool Walk::may_go_on(StateId id, std::uint8_t byte) const {
    const State& here = state(id);
    const bool is_open = here.kind == Kind::kUnexpanded || here.kind == Kind::kOpaque;
    return here.stops || is_open || automaton_.next(here, byte) != kDead;
}

void Walk::take_tokens_at(std::int32_t node, Head at) {
    const auto found = trie_->tokens_at(node);
    if (found.empty()) return;
    tokens.insert(tokens.end(), found.begin(), found.end());
    note_length(at, 0);
    if (collect_ == Collect::kEnds) ended_.emplace_back(node, at);
}

// Takes all tokens below a node if all of its bytes lead back to the state there.
bool Walk::take_subtree(std::int32_t node, Head at) {
    const TrieNode& here = trie_->nodes()[node];
    const State& then = state(at.state);
    if (here.height > then.run || (here.classes & ~then.loops) != 0 || collect_ == Collect::kEnds) return false;
    if (then.stops && (at.stack > kBottom || collect_ == Collect::kExits)) return false;
    const auto found = trie_->tokens_below(node);
    tokens.insert(tokens.end(), found.begin(), found.end());
    note_length(at, kCharacterTail);
    return true;
}

// Whether the walk goes on below a node. If not, that is done, or noted.
bool Walk::go_below(std::int32_t node, Head at) {
    const State& then = state(at.state);
    if (collect_ == Collect::kExits && then.stops && stack(at.stack).stops) exits.push_back(node);
    if (at.stack == kOpen && then.kind == Kind::kCall && trie_->nodes()[node].end - node > kMany) {
        spots_.push_back({node, false, at});
        return false;
    }
    at = resolve({node, false, at});
    switch (state(at.state).kind) {
        case Kind::kTable:
        case Kind::kLiteral:
        case Kind::kOverlay:
            path_[trie_->nodes()[node].depth + std::size_t{1}] = at;
            return true;
        case Kind::kUnexpanded:
            later_.push_back({node, false, at});
            return false;
        case Kind::kOpaque:
            opaque.push_back(node);
            return false;
        default:
            return false;
    }
}

// What is walked instead: calls are entered, and what has ended is popped. Of a choice the first part; the others are
// walked afterwards.
Walk::Head Walk::resolve(const Spot& spot) {
    Head at = spot.head;
    for (std::size_t moves = 0;; ++moves) {
        if (moves > Automaton::kMostMoves) throw TooAmbiguous();
        const State& here = state(at.state);
        if (here.kind == Kind::kCall) {
            if (here.second >= 0) at.stack = push(here.second, at.stack);
            at.state = here.first;
        } else if (here.kind == Kind::kChoice) {
            const auto parts = automaton_.list(here.first, here.second);
            for (StateId part : parts.subspan(1)) spots_.push_back({spot.node, spot.is_before, {part, at.stack}});
            at.state = parts[0];
        } else if (here.kind == Kind::kEnd && at.stack > kBottom) {
            at = pop({spot.node, spot.is_before, at});
        } else {
            return at;
        }
    }
}

// What waits on a stack. Where it stands for several the first; the others are walked afterwards.
Walk::Head Walk::pop(const Spot& spot) {
    const StackNode& top = stack(spot.head.stack);
    if (top.state >= 0) return {top.state, top.below};
    const auto several = automaton_.list(top.below, -top.state);
    for (StackId one : several.subspan(1)) {
        spots_.push_back({spot.node, spot.is_before, {stack(one).state, stack(one).below}});
    }
    return {stack(several[0]).state, stack(several[0]).below};
}

StackId Walk::push(StateId waiting, StackId below) {
    const StackNode& under = stack(below);
    const State& top = state(waiting);
    const std::int64_t length = std::int64_t{top.min_length} + under.min_length;
    own_stacks_.push_back({.state = waiting,
                           .below = below,
                           .min_length = static_cast<std::int32_t>(std::min<std::int64_t>(length, kInfinite)),
                           .depth = under.depth + 1,
                           .stops = top.stops && under.stops});
    return kOwn + static_cast<StackId>(own_stacks_.size()) - 1;
}

void Walk::note_length(Head at, std::int32_t more) {
    const std::int64_t length = std::int64_t{state(at.state).min_length} + stack(at.stack).min_length + more;
    max_length_left = std::max(max_length_left, length);
}

void Walk::resolve_opaque(Configuration start, Expander& expander) {
    while (!opaque.empty()) {
        std::vector<std::int32_t> ahead = std::exchange(opaque, {});
        std::ranges::sort(ahead);
        ahead.erase(std::ranges::unique(ahead).begin(), ahead.end());
        for (std::size_t i = 0; i < ahead.size(); ++i) {
            const std::int32_t node = ahead[i];
            const Configuration there = automaton_.step(start, trie_->path(node), expander);
            if (there == Automaton::kNowhere) continue;
            if (node != Trie::kRoot && !trie_->tokens_at(node).empty()) {
                const auto found = trie_->tokens_at(node);
                tokens.insert(tokens.end(), found.begin(), found.end());
                max_length_left = std::max(max_length_left, automaton_.min_length(there));
                if (collect_ == Collect::kEnds) {
                    for (Thread thread : automaton_.threads(there)) ends_.push_back({node, thread});
                }
            }
            for (Thread thread : automaton_.entered(automaton_.threads(there), expander)) {
                if (state(state_of(thread)).kind != Kind::kOpaque) {
                    add(node, state_of(thread), stack_of(thread));
                    continue;
                }
                for (std::int32_t one = node + 1; one < trie_->end_of(node); one = trie_->nodes()[one].end) {
                    ahead.push_back(one);  // its own step tells
                }
            }
        }
        run(expander);
    }
}

// Numbers the stacks of the walk that tokens end on.
void Walk::keep_ends() {
    std::vector<StackId> numbers;
    const auto number_of = [&](StackId stack) { return stack >= kOwn ? numbers[stack - kOwn] : stack; };
    for (const StackNode& own : own_stacks_) numbers.push_back(automaton_.push(own.state, number_of(own.below)));
    for (const auto& [node, head] : ended_) ends_.push_back({node, thread_of(head.state, number_of(head.stack))});
    ended_.clear();
}

std::vector<std::pair<Configuration, std::vector<std::int32_t>>> Walk::ends(Expander& expander) {
    std::ranges::sort(ends_, [](const End& one, const End& other) {
        return std::pair(one.node, one.thread) < std::pair(other.node, other.thread);
    });
    std::map<std::vector<Thread>, std::vector<std::int32_t>> nodes;
    for (std::size_t begin = 0, end = 0; begin < ends_.size(); begin = end) {
        std::vector<Thread> threads;
        for (; end < ends_.size() && ends_[end].node == ends_[begin].node; ++end) {
            if (threads.empty() || threads.back() != ends_[end].thread) threads.push_back(ends_[end].thread);
        }
        nodes[std::move(threads)].push_back(ends_[begin].node);
    }
    std::map<Configuration, std::vector<std::int32_t>> found;
    for (const auto& [threads, at] : nodes) {
        auto& all = found[automaton_.configuration_of(threads, expander)];
        all.insert(all.end(), at.begin(), at.end());
    }
    return {found.begin(), found.end()};
}

}  // namespace fcgen
