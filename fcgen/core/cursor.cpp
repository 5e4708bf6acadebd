#include "cursor.hpp"

#include <stdexcept>
#include <utility>

namespace fcgen {

const SharedMask* Cursor::known_mask(MaskKind kind) const {
    if (configuration() < 0) return nullptr;
    const ConfigurationTable::Masks* known = table_->masks(configuration());
    if (known == nullptr || known->mask.words == nullptr) return nullptr;
    if (has_budget() && left() <= known->most_to_finish) return nullptr;
    const SharedMask& found = kind == MaskKind::kCanonical ? known->canonical : known->mask;
    return found.words == nullptr ? nullptr : &found;
}

bool Cursor::take_known(TokenId token) {
    if (configuration() < 0) return false;
    const std::optional<Configuration> then = table_->step(configuration(), token);
    if (!then || *then == Automaton::kNowhere || !affords_known(*then)) return false;
    take(token, *then);
    return true;
}

bool Cursor::affords_known(Configuration then) const {
    if (!has_budget()) return true;
    if (then == kStopped) return left() >= 1;
    const ConfigurationTable::Masks* known = table_->masks(configuration());
    if (known != nullptr && left() > known->most_to_finish) return true;
    const std::optional<std::int64_t> to_finish = table_->to_finish(then);
    return to_finish && *to_finish < left();
}

void Cursor::take(TokenId token, Configuration then) {
    if (configuration() < 0) throw std::logic_error("the sequence has ended");
    tokens_.push_back(token);
    try {
        path_.push_back(then);
    } catch (...) {
        tokens_.pop_back();
        throw;
    }
}

void Cursor::rollback(std::size_t count) {
    if (count > tokens_.size()) throw std::out_of_range("there are fewer tokens to take back");
    path_.resize(path_.size() - count);
    tokens_.resize(tokens_.size() - count);
}

void Cursor::move_to(std::shared_ptr<ConfigurationTable> table, std::vector<Configuration> path) {
    if (path.size() != path_.size()) throw std::out_of_range("a path of another length");
    table_ = std::move(table);
    path_ = std::move(path);
}

}  // namespace fcgen
