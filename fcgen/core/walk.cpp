#include "walk.hpp"

#include <algorithm>
#include <utility>

namespace fcgen {

Walk::Walk(std::shared_ptr<const Trie> trie, Wanted wanted)
    : trie_(std::move(trie)), wanted_(wanted), stack_(static_cast<std::size_t>(trie_->height()) + 2) {}

std::vector<std::int32_t> Walk::run(const Tables& tables) {
    tables_ = &tables;
    while (!spots_.empty()) {
        const Spot spot = spots_.back();
        spots_.pop_back();
        walk(spot);
    }
    tables_ = nullptr;
    spots_.swap(later_);
    std::vector<std::int32_t> unfilled;
    for (const Spot& spot : spots_) unfilled.push_back(spot.state);
    std::ranges::sort(unfilled);
    unfilled.erase(std::ranges::unique(unfilled).begin(), unfilled.end());
    return unfilled;
}

void Walk::walk(const Spot& spot) {
    const auto nodes = trie_->nodes();
    const bool is_before = spot.node < Trie::kRoot;
    const std::int32_t node = is_before ? Spot::before(spot.node) : spot.node;
    Thread at{spot.state, spot.frame};
    if (at.frame == kOpen && spot.node >= 0 && nodes[node].end - node > kMany && wanted_ != Wanted::kEnds) {
        while (state(at.state).kind == Kind::kCall && state(at.state).second < 0) at.state = state(at.state).first;
        if (state(at.state).kind == Kind::kCall) {
            entered_.push_back({node, at.state, at.frame});
            return;
        }
    }
    at = resolve(spot.node, at);
    const State& here = state(at.state);
    if (here.kind == Kind::kUnfilled) {
        later_.push_back({spot.node, at.state, at.frame});
        return;
    }
    if (here.kind == Kind::kUnknown) {
        hidden_.push_back(node);
        return;
    }
    std::int32_t next = is_before ? node : node + 1;
    std::int32_t end = trie_->end_of(node);
    if (node == Trie::kRoot && here.kind == Kind::kChain) {  // one subtree only
        next = trie_->top(static_cast<std::uint8_t>(here.first));
        if (next == Trie::kNone) return;
        end = nodes[next].end;
    }
    if (next == end) return;
    stack_[nodes[next].depth] = at;
    while (next < end) {
        const Thread then = step(next, stack_[nodes[next].depth]);
        if (then.state == kBeyond) hidden_.push_back(next);
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

// The thread after the byte of a node. What waits below takes over where a text ends before this byte.
Walk::Thread Walk::step(std::int32_t node, Thread from) {
    const std::uint8_t byte = trie_->nodes()[node].byte;
    while (true) {
        const State& here = state(from.state);
        std::int32_t then = kDead;
        switch (here.kind) {
            case Kind::kRow: then = tables_->rows[here.first][byte]; break;
            case Kind::kAside: return {next_of_aside(here, byte), from.frame};
            case Kind::kChain: return {here.first == byte ? here.second : kDead, from.frame};
            case Kind::kUnknown: then = kBeyond; break;
            case Kind::kUnfilled: later_.push_back({Spot::before(node), from.state, from.frame}); return {kDead, 0};
            default: break;
        }
        if (!here.stops || from.frame <= kBottom) return {then, from.frame};
        const Thread below = resolve(Spot::before(node), pop(Spot::before(node), from.frame));
        if (then != kDead) {
            if (may_go_on(below.state, byte)) spots_.push_back({Spot::before(node), below.state, below.frame});
            return {then, from.frame};
        }
        from = below;
    }
}

bool Walk::may_go_on(std::int32_t number, std::uint8_t byte) const {
    const State& here = state(number);
    if (here.stops) return true;
    switch (here.kind) {
        case Kind::kUnfilled:
        case Kind::kUnknown: return true;
        case Kind::kRow: return tables_->rows[here.first][byte] != kDead;
        case Kind::kChain: return here.first == byte;
        case Kind::kAside: return next_of_aside(here, byte) != kDead;
        default: return false;
    }
}

void Walk::take_tokens_at(std::int32_t node, Thread at) {
    const auto tokens = trie_->tokens_at(node);
    if (tokens.empty()) return;
    found_.insert(found_.end(), tokens.begin(), tokens.end());
    note_need(at, 0);
    if (wanted_ == Wanted::kEnds) listed_.push_back({node, at.state, at.frame});
}

// Takes all tokens below a node if all of its bytes lead back to the state there.
bool Walk::take_subtree(std::int32_t node, Thread at) {
    const TrieNode& here = trie_->nodes()[node];
    const State& then = state(at.state);
    if (here.height > then.run || (here.classes & ~then.loops()) != 0 || wanted_ == Wanted::kEnds) return false;
    if (then.stops && (at.frame > kBottom || wanted_ == Wanted::kExits)) return false;
    const auto tokens = trie_->tokens_below(node);
    found_.insert(found_.end(), tokens.begin(), tokens.end());
    note_need(at, kCut);
    return true;
}

// Whether the walk goes on below a node; if not, that is done, or noted.
bool Walk::go_below(std::int32_t node, Thread at) {
    const State& then = state(at.state);
    if (wanted_ == Wanted::kExits && then.stops && frame(at.frame).stops) listed_.push_back({node, at.state, at.frame});
    if (at.frame == kOpen && then.kind == Kind::kCall && trie_->nodes()[node].end - node > kMany) {
        spots_.push_back({node, at.state, at.frame});
        return false;
    }
    at = resolve(node, at);
    switch (state(at.state).kind) {
        case Kind::kRow:
        case Kind::kChain:
        case Kind::kAside: stack_[trie_->nodes()[node].depth + std::size_t{1}] = at; return true;
        case Kind::kUnfilled: later_.push_back({node, at.state, at.frame}); return false;
        case Kind::kUnknown: hidden_.push_back(node); return false;
        default: return false;
    }
}

// The thread that is walked for another one: calls are entered, and what has ended is popped. Of a choice the first;
// the others are noted.
Walk::Thread Walk::resolve(std::int32_t node, Thread at) {
    while (true) {
        const State& here = state(at.state);
        if (here.kind == Kind::kCall) {
            if (here.second >= 0) at.frame = push(here.second, at.frame);
            at.state = here.first;
        } else if (here.kind == Kind::kChoice) {
            const std::int32_t* parts = tables_->choices + here.first;
            for (std::int32_t i = 1; i < here.second; ++i) spots_.push_back({node, parts[i], at.frame});
            at.state = parts[0];
        } else if (here.kind == Kind::kEnd && at.frame > kBottom) {
            at = pop(node, at.frame);
        } else {
            return at;
        }
    }
}

// What waits on a frame. Where the frame stands for several the first; the others are noted.
Walk::Thread Walk::pop(std::int32_t node, std::int32_t number) {
    const Frame& top = frame(number);
    if (top.state >= 0) return {top.state, top.below};
    const std::int32_t* several = tables_->choices + top.below;
    for (std::int32_t i = 1; i < -top.state; ++i) {
        const Frame& one = frame(several[i]);
        spots_.push_back({node, one.state, one.below});
    }
    const Frame& first = frame(several[0]);
    return {first.state, first.below};
}

std::int32_t Walk::push(std::int32_t waiting, std::int32_t below) {
    const Frame& under = frame(below);
    const State& top = state(waiting);
    Frame pushed{};
    pushed.state = waiting;
    pushed.below = below;
    pushed.stops = top.stops && under.stops;
    pushed.fewest = static_cast<std::int32_t>(std::min(std::int64_t{top.fewest} + under.fewest, std::int64_t{kFar}));
    own_frames_.push_back(pushed);
    return kOwnFrames + static_cast<std::int32_t>(own_frames_.size()) - 1;
}

std::int32_t Walk::next_of_aside(const State& aside, std::uint8_t byte) const {
    const std::int32_t* own = tables_->choices + aside.second;
    for (std::int32_t i = 1; i < 1 + 2 * own[0]; i += 2) {
        if (own[i] == byte) return own[i + 1];
    }
    return tables_->rows[state(aside.first).first][byte];
}

void Walk::note_need(Thread at, std::int32_t more) {
    const std::int64_t need = std::int64_t{state(at.state).fewest} + frame(at.frame).fewest + more;
    greatest_need_ = std::max(greatest_need_, need);
}

}  // namespace fcgen
