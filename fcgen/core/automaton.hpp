// An automaton with a stack, over the states of terms.
//
// A thread is a state and the stack that waits behind it. A text is at a configuration: at one thread, or at several
// where the text so far leaves a choice open. Threads of one state are one thread, on a stack that stands for their
// stacks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "states.hpp"

namespace fcgen {

// Numbers that Python holds. A configuration is the number of its thread, if it has one.
using Thread = std::int64_t;
using Configuration = std::int64_t;

constexpr Thread thread_of(StateId state, StackId stack) {
    return std::int64_t{stack} << 32 | state;
}
constexpr StateId state_of(Thread thread) {
    return static_cast<StateId>(thread & 0xFFFFFFFF);
}
constexpr StackId stack_of(Thread thread) {
    return static_cast<StackId>(thread >> 32);
}

// A text can be read in more ways than there may be.
class TooAmbiguous : public std::runtime_error {
  public:
    TooAmbiguous() : std::runtime_error("the text so far can be read in too many ways") {}
};

// Expands states.
class Expander {
  public:
    virtual ~Expander() = default;

    // Fills a state.
    virtual void expand(StateId state) = 0;

    // The state after some of `data`, from one that is shadowed, and after how many bytes of it.
    virtual std::pair<StateId, std::size_t> skip(StateId state, StackId stack, std::string_view data) = 0;
};

class Automaton : public States {
  public:
    static constexpr std::int64_t kMostThreads = 20'000;
    static constexpr std::size_t kFewRuns = 256;          // of threads through a text as a whole
    static constexpr std::size_t kMostMoves = 1'000'000;  // without a byte: more are a rule that begins with itself
    static constexpr Configuration kNowhere = -1;

    Automaton();
    virtual ~Automaton() = default;

    // How many states, stacks and configurations of several threads there are, by what they take.
    std::int64_t size() const;

    // Expands a state if it is not. Throws std::logic_error where the expander does not do it.
    void expand(StateId id, Expander& expander);

    const StackNode& stack(StackId id) const { return stacks_[id]; }
    StackId push(StateId state, StackId below);

    // What waits on a stack; where it stands for several, what waits on each.
    std::vector<Thread> popped(StackId stack) const;

    // The configuration of a text that is at all of these threads.
    Configuration configuration_of(std::vector<Thread> threads, Expander& expander);

    std::span<const Thread> threads(const Configuration& configuration) const;
    bool can_stop(Configuration configuration) const;

    // The min_length bytes from a configuration to an end, or somewhat more; kInfinite or more: unknown.
    std::int64_t min_length(Configuration configuration) const;

    // How many states wait behind the deepest thread, or would without what is abstracted, which counts more.
    std::int32_t depth(Configuration configuration) const;

    // The configuration after a text, or kNowhere.
    Configuration step(Configuration configuration, std::string_view data, Expander& expander);

    // The threads that a walk is at, at these: no calls, choices, nor what has ended.
    std::vector<Thread> entered(std::span<const Thread> threads, Expander& expander);

    // Those, and what waits where they may end.
    std::vector<Thread> ended(Configuration configuration, Expander& expander);

    // The bytes that may come next; none: that depends on what was written.
    std::optional<std::vector<std::uint8_t>> next_bytes(Configuration configuration, Expander& expander);

    // The configuration after the first byte of the shortest text from a thread that is entered and cannot end, and
    // that byte, which is among `writable`; none: it is not known.
    std::optional<std::pair<Thread, std::uint8_t>> nearer(Thread thread, const ByteSet& writable) const;

    // Throw std::out_of_range for numbers that stand for none.
    void check_configuration(Configuration configuration) const;
    void check_stack(StackId stack) const;

  private:
    static constexpr Configuration kMany = Configuration{1} << 62;

    struct Hash {
        std::size_t operator()(const std::vector<std::int64_t>& values) const;
        std::size_t operator()(const std::vector<std::int32_t>& values) const;
    };

    struct Ahead {
        StateId state;
        StackId stack;
        std::size_t done;
    };

    Configuration step_by_byte(Configuration configuration, std::string_view data, Expander& expander);
    std::vector<Thread> enter(std::span<const Thread> threads, bool keeps_abstracted, Expander& expander);
    void run(Ahead at, std::string_view data, std::vector<Ahead>& ahead, std::vector<Thread>& found,
             Expander& expander);
    Configuration intern(std::vector<Thread> threads);
    StackId joined(std::vector<StackId> stacks);
    StackId add_node(const StackNode& stack);

    std::vector<StackNode> stacks_;
    std::unordered_map<Thread, StackId> stack_ids_;
    std::unordered_map<std::vector<StackId>, StackId, Hash> joined_ids_;
    std::unordered_map<StackId, std::vector<StackId>> members_;  // of joined stacks
    std::unordered_map<std::vector<Thread>, std::int64_t, Hash> group_ids_;
    std::vector<const std::vector<Thread>*> groups_;  // the keys above
};

}  // namespace fcgen
