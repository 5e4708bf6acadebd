#include "configurations.hpp"

namespace fcgen {

ConfigurationTable::Masks& ConfigurationTable::masks_of(Configuration configuration) {
    if (Masks* known = masks_.find(configuration)) return *known;
    return masks_.keep(configuration, {});
}

void ConfigurationTable::keep_mask(Configuration configuration, SharedMask mask) {
    std::swap(masks_of(configuration).mask, mask);
}

void ConfigurationTable::keep_canonical(Configuration configuration, SharedMask mask) {
    std::swap(masks_of(configuration).canonical, mask);
}

void ConfigurationTable::keep_most_to_finish(Configuration configuration, std::int64_t tokens) {
    masks_of(configuration).most_to_finish = tokens;
}

std::optional<Configuration> ConfigurationTable::step(Configuration configuration, TokenId token) {
    const Configuration* known = steps_.find({configuration, token});
    return known == nullptr ? std::nullopt : std::optional(*known);
}

void ConfigurationTable::keep_step(Configuration configuration, TokenId token, Configuration then) {
    steps_.keep({configuration, token}, then);
}

std::optional<std::int64_t> ConfigurationTable::to_finish(Configuration configuration) {
    const std::int64_t* known = to_finish_.find(configuration);
    return known == nullptr ? std::nullopt : std::optional(*known);
}

void ConfigurationTable::keep_to_finish(Configuration configuration, std::int64_t tokens) {
    to_finish_.keep(configuration, tokens);
}

}  // namespace fcgen
