// A walk of a trie of tokens through an automaton with a stack of frames.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tables.hpp"
#include "trie.hpp"

namespace fcgen {

// Where a walk begins: a state and a frame, to which the path of a node leads (Trie::kRoot: no byte yet). `before(n)`
// stands for the path that has all but the byte of node n.
struct Spot {
    std::int32_t node, state, frame;

    static constexpr std::int32_t before(std::int32_t node) { return -2 - node; }
};

// What a walk lists beside tokens.
enum class Wanted : std::uint8_t { kTokens, kEnds, kExits };

// Goes down the trie in preorder, and skips a subtree as soon as its path is dead. Where all bytes of a subtree lead
// back to the state there, its tokens are taken as they are. Where a text is at two places at once, the second is noted
// and walked afterwards.
//
// Where it meets a state that is not filled it notes the place, and goes on there in the next run, before which the
// caller fills these states. What rows cannot tell, since it depends on the text, is noted as hidden.
class Walk {
  public:
    // Frames that a walk pushes are its own, numbered from here on, until they are taken with the ends.
    static constexpr std::int32_t kOwnFrames = 1 << 30;

    Walk(std::shared_ptr<const Trie> trie, Wanted wanted);

    void add(const Spot& spot) { spots_.push_back(spot); }

    // Walks from all spots. Gives the states that must be filled before it can go on; none: it is done.
    std::vector<std::int32_t> run(const Tables& tables);

    // The tokens that stay alive; some more than once.
    std::vector<std::int32_t>& found() { return found_; }

    // The greatest number of bytes that are missing to an end after one of the tokens, at most.
    std::int64_t greatest_need() const { return greatest_need_; }

    // With kExits, nodes at which the text of what is on frame kOpen has ended, and tokens go on. With kEnds, where
    // tokens end.
    std::vector<Spot>& listed() { return listed_; }

    // Nodes with many tokens below at which the text of what is on frame kOpen goes on with a kCall: they are left to
    // be walked by themselves.
    std::vector<Spot>& entered() { return entered_; }

    // Nodes of which only the text itself can tell whether their path is alive.
    std::vector<std::int32_t>& hidden() { return hidden_; }

    std::vector<Frame>& own_frames() { return own_frames_; }

  private:
    static constexpr std::int32_t kMany = 100;  // nodes: more are better merged with others, and walked once for all
    static constexpr std::int32_t kCut = 3;     // bytes of a character that can be missing where a token ends

    struct Thread {
        std::int32_t state, frame;
    };

    void walk(const Spot& spot);
    Thread step(std::int32_t node, Thread from);
    bool may_go_on(std::int32_t state, std::uint8_t byte) const;
    void take_tokens_at(std::int32_t node, Thread at);
    bool take_subtree(std::int32_t node, Thread at);
    bool go_below(std::int32_t node, Thread at);
    Thread resolve(std::int32_t node, Thread at);
    Thread pop(std::int32_t node, std::int32_t frame);
    std::int32_t push(std::int32_t state, std::int32_t below);
    std::int32_t next_of_aside(const State& state, std::uint8_t byte) const;
    void note_need(Thread at, std::int32_t more);

    const Frame& frame(std::int32_t number) const {
        return number >= kOwnFrames ? own_frames_[number - kOwnFrames] : tables_->frames[number];
    }
    const State& state(std::int32_t number) const { return tables_->states[number]; }

    std::shared_ptr<const Trie> trie_;
    Wanted wanted_;
    const Tables* tables_ = nullptr;
    std::vector<Spot> spots_, later_, listed_, entered_;
    std::vector<std::int32_t> found_, hidden_;
    std::vector<Frame> own_frames_;
    std::vector<Thread> stack_;  // by depth
    std::int64_t greatest_need_ = 0;
};

}  // namespace fcgen
