// Which tokens can be written from a configuration.
//
// What the text of one state allows does not depend on what waits behind it, so it is found once for each state and
// trie of tokens (`StateMask`), with what is left of the tokens where that text has ended. The mask of a configuration
// joins these, one stack after the other.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "walk.hpp"

namespace fcgen {

using Words = std::vector<std::uint32_t>;  // token t is bit t & 31 of word t >> 5

struct StateMask {
    struct Call {
        StateId call;
        std::vector<std::int32_t> nodes;
        std::shared_ptr<const Trie> rest;
    };

    std::int64_t id;  // no other has it
    Words row;        // of tokens, or empty: they are listed
    std::vector<std::int32_t> tokens;
    std::int64_t max_length_left;
    std::vector<std::int32_t> exits;   // nodes at which the text may have ended, and tokens go on
    std::shared_ptr<const Trie> rest;  // what is left of the tokens below these; null: nothing
    std::vector<Call> calls;           // entered within tokens, with what is left of these there
    std::vector<std::int32_t> opaque;

    std::size_t bytes() const;
};

// The mask of a configuration, before its rows are joined.
struct ConfigurationMask {
    std::vector<std::shared_ptr<const StateMask>> parts;
    Words row;  // what the parts do not tell; or empty
    std::size_t words = 0;
    std::int64_t max_length_left = 0;

    // Equal where the tokens are.
    std::string key() const;

    void write(std::span<std::uint32_t> row) const;
};

// The masks of states over one vocabulary, kept up to a limit of memory.
class MaskCache {
  public:
    static constexpr std::size_t kMaxBytes = 128 << 20;

    MaskCache(Automaton& automaton, std::shared_ptr<const Trie> trie, std::size_t words)
        : automaton_(automaton), trie_(std::move(trie)), words_(words) {}

    Automaton& automaton() const { return automaton_; }

    ConfigurationMask mask(Configuration configuration, Expander& expander);

    // The configurations that tokens lead to, with the nodes of the trie at which these end. They know as much as the
    // abstracted states of a walk, or more.
    std::vector<std::pair<Configuration, std::vector<std::int32_t>>> ends(Configuration configuration,
                                                                          Expander& expander);

  private:
    using TriePointer = std::shared_ptr<const Trie>;

    ConfigurationMask stepped(Configuration configuration, Expander& expander);
    std::shared_ptr<const StateMask> state_mask(const TriePointer& trie, StateId state, Collect collect,
                                                Expander& expander);
    std::shared_ptr<const StateMask> walked(const TriePointer& trie, StateId state, Collect collect,
                                            Expander& expander);
    Words walk_beside(Walk& walk, StateId state, const StateMask& other, Expander& expander);
    TriePointer below(const TriePointer& trie, std::vector<std::int32_t> exits);
    void make_room(std::size_t bytes);

    struct OfTrie {
        TriePointer trie;  // so that its address is not used again
        std::unordered_map<std::int64_t, std::shared_ptr<const StateMask>> masks;
        std::map<std::vector<std::int32_t>, TriePointer> rests;
    };

    Automaton& automaton_;
    TriePointer trie_;
    std::size_t words_;
    std::unordered_map<const Trie*, OfTrie> of_tries_;
    std::size_t bytes_ = 0;
    std::int64_t count_ = 0;
};

}  // namespace fcgen
