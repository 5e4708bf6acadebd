#include "substrings.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace fcgen {
namespace {

constexpr std::int32_t kNone = -1;
constexpr std::int32_t kRoot = 0;

// All states, with edges in lists; also those that begin or end within a character.
class Building {
  public:
    struct State {
        std::int32_t length = 0;
        std::int32_t link = kNone;
        std::int32_t place = kNone;
        std::int32_t edge = kNone;  // the first of its list
    };
    struct Edge {
        std::int32_t symbol, target, next;
    };

    Building(std::span<const std::int32_t> text, std::size_t symbols) : at_root_(symbols, kNone) {
        states.reserve(2 * text.size() + 1);
        edges.reserve(3 * text.size() + 1);
        states.push_back({});
        std::int32_t last = kRoot;
        for (std::size_t place = 0; place < text.size(); ++place) {
            last = text[place] < 0 ? kRoot : extend(last, text[place], static_cast<std::int32_t>(place));
        }
    }

    std::vector<State> states;
    std::vector<Edge> edges;

  private:
    // The state after a symbol, which may be one that is known.
    std::int32_t extend(std::int32_t last, std::int32_t symbol, std::int32_t place) {
        const std::int32_t known = edge_of(last, symbol);
        if (known != kNone) {
            const std::int32_t then = edges[known].target;
            return is_next(last, then) ? then : split(last, then, symbol);
        }
        const std::int32_t added = add({.length = states[last].length + 1, .place = place});
        std::int32_t state = last;
        for (; state != kNone && edge_of(state, symbol) == kNone; state = states[state].link) {
            add_edge(state, symbol, added);
        }
        std::int32_t link = kRoot;
        if (state != kNone) {
            link = edges[edge_of(state, symbol)].target;
            if (!is_next(state, link)) link = split(state, link, symbol);
        }
        states[added].link = link;
        return added;
    }

    // Gives the shorter parts of `longer`, which end here too, a state of their own.
    std::int32_t split(std::int32_t state, std::int32_t longer, std::int32_t symbol) {
        const std::int32_t added =
            add({.length = states[state].length + 1, .link = states[longer].link, .place = states[longer].place});
        for (std::int32_t edge = states[longer].edge; edge != kNone; edge = edges[edge].next) {
            add_edge(added, edges[edge].symbol, edges[edge].target);
        }
        states[longer].link = added;
        for (; state != kNone; state = states[state].link) {
            const std::int32_t edge = edge_of(state, symbol);
            if (edge == kNone || edges[edge].target != longer) break;
            edges[edge].target = added;
        }
        return added;
    }

    bool is_next(std::int32_t state, std::int32_t then) const {
        return states[then].length == states[state].length + 1;
    }

    std::int32_t add(State state) {
        states.push_back(state);
        return static_cast<std::int32_t>(states.size()) - 1;
    }

    void add_edge(std::int32_t state, std::int32_t symbol, std::int32_t target) {
        edges.push_back({symbol, target, states[state].edge});
        states[state].edge = static_cast<std::int32_t>(edges.size()) - 1;
        if (state == kRoot) at_root_[symbol] = states[state].edge;
    }

    std::int32_t edge_of(std::int32_t state, std::int32_t symbol) const {
        if (state == kRoot) return at_root_[symbol];
        std::int32_t edge = states[state].edge;
        while (edge != kNone && edges[edge].symbol != symbol) edge = edges[edge].next;
        return edge;
    }

    std::vector<std::int32_t> at_root_;  // the root has as many edges as there are symbols
};

}  // namespace

SuffixAutomaton suffix_automaton(std::span<const std::int32_t> text, std::span<const std::uint8_t> ends,
                                 std::span<const std::uint8_t> begins, std::span<const std::int32_t> weights) {
    const auto symbols = static_cast<std::int64_t>(begins.size());
    if (ends.size() != text.size() || weights.size() != begins.size()) {
        throw std::invalid_argument("ends is as long as the text, and weights as begins");
    }
    if (text.size() > (1u << 29)) throw std::invalid_argument("the text is too long");
    if (std::ranges::any_of(text, [=](std::int32_t symbol) { return symbol >= symbols; })) {
        throw std::invalid_argument("a symbol of the text is not among those of begins");
    }
    const Building built(text, begins.size());
    std::vector<std::int32_t> order(built.states.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [&](std::int32_t state) { return built.states[state].length; });

    const auto each_edge = [&](std::int32_t state, auto&& visit) {
        for (std::int32_t at = built.states[state].edge; at != kNone; at = built.edges[at].next) {
            if (state != kRoot || begins[built.edges[at].symbol]) visit(built.edges[at]);
        }
    };
    std::vector<std::int32_t> numbers(built.states.size(), kNone);
    numbers[kRoot] = 0;
    std::vector<std::int32_t> reached;
    for (std::int32_t state : order) {
        if (numbers[state] == kNone) continue;
        numbers[state] = static_cast<std::int32_t>(reached.size());
        reached.push_back(state);
        each_edge(state, [&](const auto& edge) { numbers[edge.target] = 0; });
    }

    SuffixAutomaton found;
    for (std::int32_t state : reached) {
        found.edges.push_back(static_cast<std::int32_t>(found.targets.size()));
        each_edge(state, [&](const auto& edge) {
            found.symbols.push_back(edge.symbol);
            found.targets.push_back(numbers[edge.target]);
        });
    }
    found.edges.push_back(static_cast<std::int32_t>(found.targets.size()));

    const std::size_t count = reached.size();
    found.ends.resize(count);
    found.longest.resize(count);
    found.nearest.resize(count);
    found.places.resize(count);
    for (std::size_t state = count; state-- > 0;) {
        std::int32_t place = built.states[reached[state]].place;
        found.ends[state] = state == kRoot || ends[place];
        for (std::int32_t edge = found.edges[state]; edge < found.edges[state + 1]; ++edge) {
            const std::int32_t then = found.targets[edge];
            const std::int32_t left = found.longest[then] + (found.ends[then] ? 1 : 0);
            if (left > found.longest[state]) {
                found.longest[state] = left;
                place = found.places[then] - 1;
            }
            const std::int32_t need = weights[found.symbols[edge]] + (found.ends[then] ? 0 : found.nearest[then]);
            if (edge == found.edges[state] || need < found.nearest[state]) found.nearest[state] = need;
        }
        found.places[state] = place;
    }
    return found;
}

}  // namespace fcgen
