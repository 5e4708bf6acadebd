#include "automaton.hpp"

#include <algorithm>
#include <unordered_set>

namespace fcgen {
namespace {

template <class T>
std::size_t hash_all(const std::vector<T>& values) {
    std::uint64_t hash = values.size();
    for (T value : values) {
        hash ^= static_cast<std::uint64_t>(value) + 0x9e3779b97f4a7c15 + (hash << 6) + (hash >> 2);
        hash *= 0xff51afd7ed558ccd;
    }
    return static_cast<std::size_t>(hash ^ hash >> 32);
}

// Threads in the order in which they are first met.
class Found {
  public:
    void add(Thread thread) {
        if (threads.size() < kFew ? std::ranges::find(threads, thread) == threads.end() : is_new(thread)) {
            threads.push_back(thread);
        }
    }

    std::vector<Thread> threads;

  private:
    static constexpr std::size_t kFew = 16;

    bool is_new(Thread thread) {
        if (known_.empty()) known_.insert(threads.begin(), threads.end());
        return known_.insert(thread).second;
    }

    std::unordered_set<Thread> known_;
};

}  // namespace

std::size_t Automaton::Hash::operator()(const std::vector<std::int64_t>& values) const {
    return hash_all(values);
}
std::size_t Automaton::Hash::operator()(const std::vector<std::int32_t>& values) const {
    return hash_all(values);
}

Automaton::Automaton() : stacks_(2) {}

std::int64_t Automaton::size() const {
    return weight() + static_cast<std::int64_t>(stacks_.size() + groups_.size());
}

void Automaton::expand(StateId id, Expander& expander) {
    if (state(id).kind != Kind::kUnexpanded) return;
    expander.expand(id);
    if (state(id).kind == Kind::kUnexpanded) throw std::logic_error("a state was not expanded");
}

StackId Automaton::push(StateId waiting, StackId below) {
    check(waiting);
    check_stack(below);
    const auto [known, is_new] = stack_ids_.try_emplace(thread_of(waiting, below), 0);
    if (is_new) {
        const State& top = state(waiting);
        const StackNode& under = stack(below);
        const std::int64_t need = std::int64_t{top.min_length} + under.min_length;
        try {
            known->second = add_node({.state = waiting,
                                      .below = below,
                                      .min_length = static_cast<std::int32_t>(std::min<std::int64_t>(need, kInfinite)),
                                      .depth = under.depth + 1,
                                      .stops = top.stops && under.stops});
        } catch (...) {
            stack_ids_.erase(known);
            throw;
        }
    }
    return known->second;
}

std::vector<Thread> Automaton::popped(StackId id) const {
    const StackNode& top = stack(id);
    if (top.state >= 0) return {thread_of(top.state, top.below)};
    std::vector<Thread> found;
    for (StackId one : list(top.below, -top.state)) found.push_back(thread_of(stack(one).state, stack(one).below));
    return found;
}

Configuration Automaton::configuration_of(std::vector<Thread> threads, Expander& expander) {
    return intern(enter(threads, true, expander));
}

std::span<const Thread> Automaton::threads(const Configuration& configuration) const {
    if (configuration >= 0 && (configuration & kMany) != 0) return *groups_[configuration ^ kMany];
    return {&configuration, 1};
}

bool Automaton::can_stop(Configuration configuration) const {
    return std::ranges::any_of(threads(configuration), [this](Thread thread) {
        return state(state_of(thread)).stops && stack(stack_of(thread)).stops;
    });
}

std::int64_t Automaton::min_length(Configuration configuration) const {
    std::int64_t found = INT64_MAX;
    for (Thread thread : threads(configuration)) {
        found = std::min(found, std::int64_t{state(state_of(thread)).min_length} + stack(stack_of(thread)).min_length);
    }
    return found;
}

std::int32_t Automaton::depth(Configuration configuration) const {
    std::int32_t found = 0;
    for (Thread thread : threads(configuration)) {
        found = std::max(found, stack(stack_of(thread)).depth + state(state_of(thread)).extra_depth);
    }
    return found;
}

Configuration Automaton::step(Configuration configuration, std::string_view data, Expander& expander) {
    std::vector<Ahead> ahead;
    std::vector<Thread> found;
    for (Thread thread : threads(configuration)) ahead.push_back({state_of(thread), stack_of(thread), 0});
    const std::size_t most = data.size() > 1 ? std::max(kFewRuns, ahead.size()) : kMostThreads;
    for (std::size_t runs = 0; !ahead.empty(); ++runs) {
        if (runs > most) return step_by_byte(configuration, data, expander);
        const Ahead at = ahead.back();
        ahead.pop_back();
        run(at, data, ahead, found, expander);
    }
    return intern(std::move(found));
}

// The ways of reading a text double where each byte can be read in two. After a byte those of the same state are one.
Configuration Automaton::step_by_byte(Configuration configuration, std::string_view data, Expander& expander) {
    if (data.size() <= 1) throw TooAmbiguous();
    for (std::size_t place = 0; place < data.size() && configuration != kNowhere; ++place) {
        configuration = step(configuration, data.substr(place, 1), expander);
    }
    return configuration;
}

// One thread, as far as `data` goes. What may follow otherwise is noted in `ahead`.
void Automaton::run(Ahead at, std::string_view data, std::vector<Ahead>& ahead, std::vector<Thread>& found,
                    Expander& expander) {
    for (std::size_t moves = 0; at.state >= 0; ++moves) {
        if (moves > kMostMoves + data.size()) throw TooAmbiguous();
        expand(at.state, expander);
        const State here = state(at.state);
        const bool takes_byte = here.is_abstracted || here.kind == Kind::kTable || here.kind == Kind::kLiteral ||
                                here.kind == Kind::kOverlay;
        if (takes_byte) {
            if (at.done == data.size()) {
                found.push_back(thread_of(at.state, at.stack));
                return;
            }
            if (at.stack > kBottom && here.stops) {
                for (Thread below : popped(at.stack)) ahead.push_back({state_of(below), stack_of(below), at.done});
            }
            if (here.is_abstracted) {
                const auto [then, count] = expander.skip(at.state, at.stack, data.substr(at.done));
                if (count == 0 || count > data.size() - at.done) throw std::logic_error("a step of no length");
                if (then >= 0) check(then);
                at.state = then;
                at.done += count;
            } else {
                at.state = next(here, static_cast<std::uint8_t>(data[at.done]));
                ++at.done;
            }
        } else if (here.kind == Kind::kCall) {
            if (here.second >= 0) at.stack = push(here.second, at.stack);
            at.state = here.first;
        } else if (here.kind == Kind::kChoice) {
            const auto parts = list(here.first, here.second);
            for (StateId other : parts.subspan(1)) ahead.push_back({other, at.stack, at.done});
            at.state = parts[0];
        } else if (at.stack > kBottom) {  // an end
            const auto waiting = popped(at.stack);
            for (Thread below : std::span(waiting).subspan(1)) {
                ahead.push_back({state_of(below), stack_of(below), at.done});
            }
            at.state = state_of(waiting[0]);
            at.stack = stack_of(waiting[0]);
        } else {
            if (at.done == data.size()) found.push_back(thread_of(at.state, at.stack));
            return;
        }
    }
}

std::vector<Thread> Automaton::entered(std::span<const Thread> threads, Expander& expander) {
    return enter(threads, false, expander);
}

std::vector<Thread> Automaton::enter(std::span<const Thread> threads, bool keeps_abstracted, Expander& expander) {
    Found found;
    std::vector<Thread> ahead(threads.begin(), threads.end());
    for (std::size_t i = 0; i < ahead.size(); ++i) {
        if (i > kMostMoves) throw TooAmbiguous();
        const StateId id = state_of(ahead[i]);
        const StackId below = stack_of(ahead[i]);
        check(id);
        check_stack(below);
        expand(id, expander);
        const State& here = state(id);
        if (here.kind == Kind::kCall && !(keeps_abstracted && here.is_abstracted)) {
            const StateId called = here.first;
            ahead.push_back(thread_of(called, here.second < 0 ? below : push(here.second, below)));
        } else if (here.kind == Kind::kChoice) {
            for (StateId part : list(here.first, here.second)) ahead.push_back(thread_of(part, below));
        } else if (here.kind == Kind::kEnd && below > kBottom) {
            for (Thread waiting : popped(below)) ahead.push_back(waiting);
        } else {
            found.add(ahead[i]);
        }
    }
    return std::move(found.threads);
}

std::vector<Thread> Automaton::ended(Configuration configuration, Expander& expander) {
    std::vector<Thread> found = entered(threads(configuration), expander);
    for (std::size_t i = 0; i < found.size(); ++i) {
        const StackId below = stack_of(found[i]);
        if (below <= kBottom || !state(state_of(found[i])).stops) continue;
        const std::vector<Thread> waiting = entered(popped(below), expander);
        found.insert(found.end(), waiting.begin(), waiting.end());
    }
    return found;
}

std::optional<std::vector<std::uint8_t>> Automaton::next_bytes(Configuration configuration, Expander& expander) {
    ByteSet found;
    for (Thread thread : ended(configuration, expander)) {
        const State& here = state(state_of(thread));
        if (here.kind == Kind::kOpaque) return std::nullopt;
        if (here.kind == Kind::kLiteral) {
            found.add(here.byte);
        } else if (here.kind != Kind::kEnd) {
            for (int byte = 0; byte < 256; ++byte) {
                const StateId then = next(here, static_cast<std::uint8_t>(byte));
                if (then == kOpaqueNext) return std::nullopt;
                if (then != kDead) found.add(static_cast<std::uint8_t>(byte));
            }
        }
    }
    std::vector<std::uint8_t> bytes;
    found.each([&](std::uint8_t byte) { bytes.push_back(byte); });
    return bytes;
}

std::optional<std::pair<Thread, std::uint8_t>> Automaton::nearer(Thread thread, const ByteSet& writable) const {
    const State& here = state(state_of(thread));
    if (here.kind == Kind::kLiteral) return std::pair{thread_of(here.first, stack_of(thread)), here.byte};
    if (here.kind != Kind::kTable && here.kind != Kind::kOverlay) return std::nullopt;
    std::int32_t least = here.min_length;
    std::optional<std::pair<Thread, std::uint8_t>> found;
    writable.each([&](std::uint8_t byte) {
        const StateId then = next(here, byte);
        if (then < 0 || state(then).min_length >= least) return;
        least = state(then).min_length;
        found = {thread_of(then, stack_of(thread)), byte};
    });
    return found;
}

void Automaton::check_configuration(Configuration configuration) const {
    if (configuration >= 0 && (configuration & kMany) != 0) {
        if ((configuration ^ kMany) < std::int64_t(groups_.size())) return;
    } else if (configuration >= 0 && state_of(configuration) >= 0 && state_of(configuration) < count() &&
               stack_of(configuration) < std::int64_t(stacks_.size())) {
        return;
    }
    throw std::out_of_range("no configuration of the automaton");
}

void Automaton::check_stack(StackId id) const {
    if (id < 0 || id >= std::int64_t(stacks_.size())) throw std::out_of_range("no stack of the automaton");
}

Configuration Automaton::intern(std::vector<Thread> threads) {
    if (threads.size() < 2) return threads.empty() ? kNowhere : threads[0];
    std::map<StateId, std::vector<StackId>> stacks;
    for (Thread thread : threads) stacks[state_of(thread)].push_back(stack_of(thread));
    if (stacks.size() > kMostThreads) throw TooAmbiguous();
    std::vector<Thread> group;
    for (auto& [state, below] : stacks) group.push_back(thread_of(state, joined(std::move(below))));
    std::ranges::sort(group);
    if (group.size() == 1) return group[0];
    if (const auto known = group_ids_.find(group); known != group_ids_.end()) return known->second;
    count_growth(1);
    const Configuration configuration = std::int64_t(groups_.size()) | kMany;
    const auto added = group_ids_.emplace(std::move(group), configuration).first;
    groups_.push_back(&added->first);
    return configuration;
}

// The stack that stands for all of `stacks`.
StackId Automaton::joined(std::vector<StackId> stacks) {
    if (stacks.size() == 1) return stacks[0];
    std::vector<StackId> all;
    for (StackId one : stacks) {
        if (const auto known = members_.find(one); known != members_.end()) {
            all.insert(all.end(), known->second.begin(), known->second.end());
        } else {
            all.push_back(one);
        }
    }
    std::ranges::sort(all);
    all.erase(std::ranges::unique(all).begin(), all.end());
    if (all.size() == 1) return all[0];
    if (const auto known = joined_ids_.find(all); known != joined_ids_.end()) return known->second;
    StackNode together{.min_length = kInfinite, .stops = false};
    std::vector<StackId> waiting;
    for (StackId one : all) {
        together.min_length = std::min(together.min_length, stack(one).min_length);
        together.depth = std::max(together.depth, stack(one).depth);
        together.stops = together.stops || stack(one).stops;
        if (one > kBottom) waiting.push_back(one);
    }
    together.state = -static_cast<std::int32_t>(waiting.size());
    together.below = add_list(waiting);
    const StackId added = add_node(together);
    members_.emplace(added, all);
    joined_ids_.emplace(std::move(all), added);
    return added;
}

StackId Automaton::add_node(const StackNode& stack) {
    count_growth(1);
    stacks_.push_back(stack);
    return static_cast<StackId>(stacks_.size()) - 1;
}

}  // namespace fcgen
