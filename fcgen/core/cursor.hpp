// The position of one sequence in a grammar: where each token so far has led, and what is known of what may come next.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "configurations.hpp"

namespace fcgen {

// Which tokens a mask is to have.
enum class MaskKind : std::uint8_t {
    kAllowed,
    kCanonical,  // those of them that a tokenizer could write there
};

class Cursor {
  public:
    static constexpr std::int64_t kNoBudget = std::numeric_limits<std::int64_t>::max();

    Cursor(std::shared_ptr<ConfigurationTable> table, Configuration start, std::int64_t budget)
        : table_(std::move(table)), budget_(budget), path_{start} {}

    ConfigurationTable& table() const { return *table_; }
    Configuration configuration() const { return path_.back(); }
    bool stopped() const { return configuration() == kStopped; }
    const std::vector<TokenId>& tokens() const { return tokens_; }
    bool has_budget() const { return budget_ != kNoBudget; }

    // How many tokens may still be written, stop token included; or kNoBudget.
    std::int64_t left() const { return has_budget() ? budget_ - static_cast<std::int64_t>(tokens_.size()) : kNoBudget; }

    // The mask, if it is known, and no less for the budget. Null: it is not, or the sequence has ended.
    const SharedMask* known_mask(MaskKind kind) const;

    // Takes a token if all is known that tells that it may come next. False: nothing was done.
    bool take_known(TokenId token);

    // Takes a token that leads to `then`.
    void take(TokenId token, Configuration then);

    // Takes back the last tokens, of which there are as many.
    void rollback(std::size_t count);

    // Goes on in another table, where the tokens so far lead along `path`, which begins before the first.
    void move_to(std::shared_ptr<ConfigurationTable> table, std::vector<Configuration> path);

  private:
    bool affords_known(Configuration then) const;

    std::shared_ptr<ConfigurationTable> table_;
    std::int64_t budget_;
    std::vector<Configuration> path_;
    std::vector<TokenId> tokens_;
};

}  // namespace fcgen
