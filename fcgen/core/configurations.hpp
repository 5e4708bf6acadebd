// What is known of the configurations of one grammar over one vocabulary: their masks, where tokens lead from them, and
// how many tokens finish the text there.
//
// A cursor asks here first. What is not known is found by the owner of the table, and noted. What is used goes on being
// known; of the rest at most half as much is kept as there may be.
//
// All of it is used by one thread at a time, which in Python holds the interpreter's lock. A lookup takes less time
// than handing that lock over; what takes longer (`batch.hpp`) needs no table.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "automaton.hpp"

namespace fcgen {

using TokenId = std::int32_t;

inline constexpr Configuration kStopped = -2;  // after a stop token

// A map that keeps what was used last. It has at most `most` entries, and drops the others half of these at a time.
template <class Key, class Value, class Hash = std::hash<Key>>
class Recent {
  public:
    explicit Recent(std::size_t most) : half_(std::max<std::size_t>(1, most / 2)) {}

    // The value, until the next call; null: there is none.
    Value* find(const Key& key) {
        if (const auto found = young_.find(key); found != young_.end()) return &found->second;
        const auto found = old_.find(key);
        if (found == old_.end()) return nullptr;
        Value value = std::move(found->second);
        old_.erase(found);
        return &keep(key, std::move(value));
    }

    Value& keep(const Key& key, Value value) {
        if (const auto known = young_.find(key); known != young_.end()) {
            std::swap(known->second, value);
            return known->second;
        }
        Map dropped;  // whose destructors run when all is in order again
        if (young_.size() >= half_) {
            dropped = std::exchange(old_, std::exchange(young_, {}));
        }
        return young_.emplace(key, std::move(value)).first->second;
    }

  private:
    using Map = std::unordered_map<Key, Value, Hash>;

    std::size_t half_;
    Map young_, old_;
};

// A mask that something else owns: token t is bit t & 31 of word t >> 5.
struct SharedMask {
    const std::uint32_t* words = nullptr;
    std::shared_ptr<void> owner;
};

class ConfigurationTable {
  public:
    static constexpr std::int64_t kUnknown = std::numeric_limits<std::int64_t>::max();

    struct Masks {
        SharedMask mask;
        SharedMask canonical;                    // without tokens that no tokenizer would end there
        std::int64_t most_to_finish = kUnknown;  // tokens, after any of the mask, or more
    };

    // A mask has `words` words; `max_masks` and `max_steps` are how many are kept.
    ConfigurationTable(std::size_t words, std::size_t max_masks, std::size_t max_steps)
        : words(words), masks_(max_masks), steps_(max_steps), to_finish_(max_steps) {}

    const std::size_t words;

    // Null: nothing is known. What is found is good until the next call.
    Masks* masks(Configuration configuration) { return masks_.find(configuration); }
    void keep_mask(Configuration configuration, SharedMask mask);
    void keep_canonical(Configuration configuration, SharedMask mask);
    void keep_most_to_finish(Configuration configuration, std::int64_t tokens);

    // The configuration after a token, Automaton::kNowhere or kStopped.
    std::optional<Configuration> step(Configuration configuration, TokenId token);
    void keep_step(Configuration configuration, TokenId token, Configuration then);

    // How many tokens finish the text, stop token included.
    std::optional<std::int64_t> to_finish(Configuration configuration);
    void keep_to_finish(Configuration configuration, std::int64_t tokens);

  private:
    struct Step {
        Configuration from;
        TokenId token;
        bool operator==(const Step&) const = default;
    };
    struct StepHash {
        std::size_t operator()(const Step& step) const {
            const auto mixed = (static_cast<std::uint64_t>(step.from) ^
                                std::uint64_t{0x9e3779b97f4a7c15} * static_cast<std::uint32_t>(step.token)) *
                               0xff51afd7ed558ccd;
            return static_cast<std::size_t>(mixed ^ mixed >> 32);
        }
    };

    Masks& masks_of(Configuration configuration);

    Recent<Configuration, Masks> masks_;
    Recent<Step, Configuration, StepHash> steps_;
    Recent<Configuration, std::int64_t> to_finish_;
};

}  // namespace fcgen
