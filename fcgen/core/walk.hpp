// A walk of a trie of tokens through an automaton.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "automaton.hpp"
#include "trie.hpp"

namespace fcgen {

// What a walk lists beside tokens.
enum class Collect : std::uint8_t {
    kTokens,  // nothing
    kEnds,    // configurations at which tokens end
    kExits,   // nodes at which the text on stack kOpen has ended, and tokens go on
};

// Goes down the trie in preorder, and skips a subtree as soon as its path is dead. Where all bytes of a subtree lead
// back to the state there, its tokens are taken unread. Where a text is at two states at once, the second is walked
// afterwards. States are expanded as they are met.
//
// A walk takes abstracted states as their abstractions, which may be opaque. A node there is listed as opaque, since
// only the text itself can tell what follows; `resolve_opaque` asks it.
class Walk {
  public:
    Walk(Automaton& automaton, std::shared_ptr<const Trie> trie, Collect collect);

    // Starts at the state and stack that the path of a node leads to (Trie::kRoot: no byte yet).
    void add(std::int32_t node, StateId state, StackId stack) { spots_.push_back({node, false, {state, stack}}); }

    // Starts at those that the path leads to before the byte of a node.
    void add_before(std::int32_t node, StateId state, StackId stack) { spots_.push_back({node, true, {state, stack}}); }

    // Walks from all that was added.
    void run(Expander& expander);

    // Steps from `start`, which knows the text, to each opaque node, and goes on from there.
    void resolve_opaque(Configuration start, Expander& expander);

    // The configurations that tokens lead to, with the nodes at which these end. With kEnds.
    std::vector<std::pair<Configuration, std::vector<std::int32_t>>> ends(Expander& expander);

    std::vector<std::int32_t> tokens;  // that stay alive; some more than once
    std::vector<std::int32_t> exits;   // with kExits; unordered, some more than once
    std::vector<std::int32_t> opaque;
    // By the state of a call, the nodes with many tokens below at which the text on stack kOpen enters it. They are
    // not walked here: merged with others, they are walked once for all.
    std::map<StateId, std::vector<std::int32_t>> calls;
    std::int64_t max_length_left = 0;  // no more bytes are missing to an end after one of the tokens

  private:
    static constexpr std::int32_t kMany = 100;         // nodes
    static constexpr std::int32_t kCharacterTail = 3;  // bytes of a character that can be missing where a token ends
    static constexpr StackId kOwn = 1 << 30;           // stacks of the walk itself are numbered from here on

    struct Head {
        StateId state;
        StackId stack;
    };
    struct Spot {
        std::int32_t node;
        bool is_before;  // the byte of the node is yet to come
        Head head;
    };
    struct End {
        std::int32_t node;
        Thread thread;
    };

    void walk(const Spot& spot);
    Head step(std::int32_t node, Head from);
    bool may_go_on(StateId id, std::uint8_t byte) const;
    void take_tokens_at(std::int32_t node, Head at);
    bool take_subtree(std::int32_t node, Head at);
    bool go_below(std::int32_t node, Head at);
    Head resolve(const Spot& spot);
    Head pop(const Spot& spot);
    StackId push(StateId waiting, StackId below);
    void note_length(Head at, std::int32_t more);
    void expand_all(StateId id, Expander& expander);
    void keep_ends();

    const State& state(StateId id) const { return automaton_.state(id); }
    const StackNode& stack(StackId id) const { return id >= kOwn ? own_stacks_[id - kOwn] : automaton_.stack(id); }

    Automaton& automaton_;
    std::shared_ptr<const Trie> trie_;
    Collect collect_;
    std::vector<Spot> spots_, later_;
    std::vector<Head> path_;  // by depth
    std::vector<StackNode> own_stacks_;
    std::vector<std::pair<std::int32_t, Head>> ended_;  // in this run, on stacks of its own
    std::vector<End> ends_;
};

}  // namespace fcgen
