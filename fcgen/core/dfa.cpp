#include "dfa.hpp"

#include <algorithm>
#include <unordered_map>

#include "build.hpp"
#include "derivatives.hpp"
#include "fuel.hpp"
#include "shared.hpp"

namespace fcgen {
namespace {

constexpr std::size_t kStatesPerStep = 8;  // telling this many apart takes as long as building a term

// The next blocks of a state, each once, with the bytes that lead there, in order.
void blocks_after(const Dfa::Row& row, const std::vector<std::int32_t>& blocks, Dfa::Row& found) {
    found.clear();
    for (const auto& [bytes, then] : row) {
        const std::int32_t block = blocks[static_cast<std::size_t>(then)];
        const auto at = std::ranges::find(found, block, &Dfa::Row::value_type::second);
        if (at == found.end()) {
            found.emplace_back(bytes, block);
        } else {
            at->first |= bytes;
        }
    }
}

std::size_t hash_of(std::int32_t block, const Dfa::Row& row) {
    std::size_t hash = static_cast<std::size_t>(block);
    for (const auto& [bytes, then] : row) {
        hash = mixed(hash, static_cast<std::size_t>(then));
        for (std::uint64_t word : bytes.words()) hash = mixed(hash, static_cast<std::size_t>(word));
    }
    return hash;
}

// For each state the number of its class, these numbered in the order of their first states.
std::vector<std::int32_t> equivalent(const Dfa& dfa, std::vector<std::int32_t> blocks) {
    std::size_t count = 0;
    std::vector<Dfa::Row> signatures(dfa.size());
    while (true) {
        spend(static_cast<std::int64_t>(1 + dfa.size() / kStatesPerStep));
        std::unordered_map<std::size_t, std::vector<std::size_t>> firsts;  // of each class so far, by its hash
        std::vector<std::int32_t> refined(dfa.size());
        std::size_t classes = 0;
        for (std::size_t state = 0; state < dfa.size(); ++state) {
            Dfa::Row& signature = signatures[state];
            blocks_after(dfa.rows[state], blocks, signature);
            std::ranges::sort(signature, {}, &Dfa::Row::value_type::second);
            std::vector<std::size_t>& alike = firsts[hash_of(blocks[state], signature)];
            const auto first = std::ranges::find_if(alike, [&](std::size_t other) {
                return blocks[other] == blocks[state] && signatures[other] == signature;
            });
            if (first != alike.end()) {
                refined[state] = refined[*first];
            } else {
                alike.push_back(state);
                refined[state] = static_cast<std::int32_t>(classes++);
            }
        }
        blocks = std::move(refined);
        if (classes == count) return blocks;
        count = classes;
    }
}

}  // namespace

Dfa explored(const TermRef& term, std::size_t limit) {
    std::unordered_map<const Term*, std::int32_t> numbers = {{term.get(), 0}};
    std::vector<TermRef> order = {term};
    Dfa found;
    for (std::size_t state = 0; state < order.size(); ++state) {
        const TermRef here = order[state];
        const ArcsPointer arcs = arcs_of(here.get());
        if (!arcs) throw RecordingFound();
        Dfa::Row row;
        for (const Arc& arc : *arcs) {
            const auto [at, is_new] = numbers.try_emplace(arc.then.get(), static_cast<std::int32_t>(order.size()));
            if (is_new) {
                if (order.size() >= limit) throw TooManyDfaStates(static_cast<std::int64_t>(limit));
                order.push_back(arc.then);
            }
            row.emplace_back(arc.bytes, at->second);
        }
        found.rows.push_back(std::move(row));
        found.accepting.push_back(here->can_stop);
    }
    return found;
}

std::vector<double> distances(const Dfa& dfa) {
    std::vector<std::vector<std::int32_t>> before(dfa.size());
    for (std::size_t state = 0; state < dfa.size(); ++state) {
        for (const auto& [bytes, then] : dfa.rows[state]) {
            if (!bytes.is_empty()) before[static_cast<std::size_t>(then)].push_back(static_cast<std::int32_t>(state));
        }
    }
    std::vector<double> found(dfa.size(), kNever);
    std::vector<std::int32_t> frontier;
    for (std::size_t state = 0; state < dfa.size(); ++state) {
        if (dfa.accepting[state]) {
            frontier.push_back(static_cast<std::int32_t>(state));
            found[state] = 0;
        }
    }
    for (double walked = 1; !frontier.empty(); ++walked) {
        std::vector<std::int32_t> next;
        for (std::int32_t state : frontier) {
            for (std::int32_t from : before[static_cast<std::size_t>(state)]) {
                double& distance = found[static_cast<std::size_t>(from)];
                if (distance != kNever) continue;
                distance = walked;
                next.push_back(from);
            }
        }
        frontier = std::move(next);
    }
    return found;
}

Dfa minimal(Dfa dfa) {
    const std::vector<double> away = distances(dfa);
    std::unordered_map<double, std::int32_t> of_distance;  // states at different distances differ
    std::vector<std::int32_t> blocks;
    for (std::size_t state = 0; state < dfa.size(); ++state) {
        std::erase_if(dfa.rows[state],
                      [&](const auto& arc) { return away[static_cast<std::size_t>(arc.second)] == kNever; });
        blocks.push_back(
            of_distance.try_emplace(away[state], static_cast<std::int32_t>(of_distance.size())).first->second);
    }
    blocks = equivalent(dfa, std::move(blocks));
    Dfa found;
    for (std::size_t state = 0; state < dfa.size(); ++state) {
        if (static_cast<std::size_t>(blocks[state]) != found.size()) continue;
        Dfa::Row row;
        blocks_after(dfa.rows[state], blocks, row);
        found.rows.push_back(std::move(row));
        found.accepting.push_back(dfa.accepting[state]);
    }
    return found;
}

namespace {

std::size_t hash_of(const Dfa& dfa) {
    std::size_t hash = dfa.size();
    for (std::size_t state = 0; state < dfa.size(); ++state) {
        hash = mixed(hash, static_cast<std::size_t>(dfa.accepting[state]) + 2);
        for (const auto& [bytes, then] : dfa.rows[state]) {
            for (std::uint64_t word : bytes.words()) hash = mixed(hash, static_cast<std::size_t>(word));
            hash = mixed(hash, static_cast<std::size_t>(then));
        }
    }
    return hash;
}

using Known = std::unordered_multimap<std::size_t, std::weak_ptr<const DfaTable>>;

// The automata that there are, by what they are. They are not kept alive.
Known& known_tables() {
    static Known* known = new Known;  // lives as long as the process
    static std::size_t most = 64;
    if (known->size() > most) {
        std::erase_if(*known, [](const auto& entry) { return entry.second.expired(); });
        most = std::max<std::size_t>(64, 2 * known->size());
    }
    return *known;
}

}  // namespace

std::shared_ptr<const DfaTable> DfaTable::of(Dfa dfa) {
    for (Dfa::Row& row : dfa.rows) {
        std::ranges::sort(row, {}, [](const auto& arc) { return std::pair(arc.first.words(), arc.second); });
    }
    const std::size_t hash = hash_of(dfa);
    Known& known = known_tables();
    for (auto [at, end] = known.equal_range(hash); at != end; ++at) {
        const std::shared_ptr<const DfaTable> found = at->second.lock();
        if (found && found->dfa_ == dfa) return found;
    }
    const auto made = std::make_shared<const DfaTable>(std::move(dfa));
    known.emplace(hash, made);
    return made;
}

DfaTable::DfaTable(Dfa dfa) : dfa_(std::move(dfa)), away_(distances(dfa_)) {}

std::vector<ByteSet> DfaTable::sets() const {
    std::vector<ByteSet> found;
    for (const Dfa::Row& row : dfa_.rows) {
        for (const auto& [bytes, then] : row) {
            if (std::ranges::find(found, bytes) == found.end()) found.push_back(bytes);
        }
    }
    return found;
}

TermRef DfaTable::term(const std::shared_ptr<const DfaTable>& self, std::size_t state) {
    const double away = self->away_.at(state);
    if (away == kNever) return nothing();
    return shared<DfaStateTerm>(
        TermKind::kDfaState, mixed(mixed(0, self.get()), state), away == 0,
        [&](const DfaStateTerm& term) { return term.table == self && term.state == state; },
        [&](DfaStateTerm& term) {
            term.table = self;
            term.state = state;
            term.fewest = away;
        });
}

Arcs DfaTable::arcs(const DfaStateTerm& term) {
    Arcs found;
    for (const auto& [bytes, then] : term.table->dfa_.rows[term.state]) {
        TermRef next = DfaTable::term(term.table, static_cast<std::size_t>(then));
        if (next != nothing()) found.push_back({bytes, std::move(next)});
    }
    return found;
}

}  // namespace fcgen
