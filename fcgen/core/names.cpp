#include "names.hpp"

#include <algorithm>
#include <numeric>

#include "build.hpp"
#include "derivatives.hpp"
#include "members.hpp"
#include "shared.hpp"

namespace fcgen {

NameTable::NameTable(std::vector<std::u32string> names, std::unordered_map<char32_t, TermRef> symbols)
    : order_(names.size()), places_(names.size()), symbols_(std::move(symbols)) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    is_sorted_ = std::ranges::is_sorted(names);
    if (!is_sorted_) std::ranges::sort(order_, {}, [&](std::size_t index) -> const auto& { return names[index]; });
    for (std::size_t place = 0; place < order_.size(); ++place) {
        places_[order_[place]] = place;
        sorted_.push_back(std::move(names[order_[place]]));
    }
    for (std::size_t place = 1; place < sorted_.size(); ++place) {
        if (sorted_[place].starts_with(sorted_[place - 1])) throw std::invalid_argument("a name begins another one");
    }
    shortest_first_.resize(sorted_.size());
    std::iota(shortest_first_.begin(), shortest_first_.end(), std::size_t{0});
    std::ranges::stable_sort(shortest_first_, {}, [&](std::size_t place) { return sorted_[place].size(); });
}

Bits NameTable::places_of(const Bits& indices) const {
    if (is_sorted_) return indices;
    Bits found(size());
    indices.each([&](std::size_t index) { found.add(places_[index]); });
    return found;
}

std::size_t NameTable::end_of(std::size_t first, std::size_t last, std::size_t depth) const {
    const auto begin = sorted_.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = sorted_.begin() + static_cast<std::ptrdiff_t>(last);
    const char32_t number = (*begin)[depth];
    const auto found =
        std::ranges::upper_bound(begin, end, number, {}, [&](const std::u32string& name) { return name[depth]; });
    return static_cast<std::size_t>(found - sorted_.begin());
}

Bits NameTable::writable(const ByteSet& alphabet) const {
    Bits found(size());
    const auto is_writable = [&](char32_t number) {
        return symbols_.empty() ? alphabet.has(static_cast<std::uint8_t>(number)) : symbols_.at(number) != nothing();
    };
    for (std::size_t place = 0; place < size(); ++place) {
        if (std::ranges::all_of(sorted_[place], is_writable)) found.add(order_[place]);
    }
    return found;
}

std::vector<std::u32string> NameTable::names() const {
    std::vector<std::u32string> found;
    for (std::size_t place : places_) found.push_back(sorted_[place]);
    return found;
}

TermRef NameTable::spelled(char32_t number) const {
    return symbols_.empty() ? literal(std::string(1, static_cast<char>(number))) : symbols_.at(number);
}

TermRef NameTable::spelled(std::u32string_view part) const {
    if (symbols_.empty()) return literal(std::string(part.begin(), part.end()));
    std::vector<TermRef> row;
    for (char32_t number : part) row.push_back(symbols_.at(number));
    return seq(row);
}

double NameTable::need(std::u32string_view part) const {
    if (symbols_.empty()) return static_cast<double>(part.size());
    double sum = 0;
    for (char32_t number : part) sum += fewest(symbols_.at(number).get());
    return sum;
}

TermRef after_name(const Following& following, std::size_t index) {
    if (following.members) return after_known(to<MembersTerm>(following.members), following.place, index);
    if (!following.names.is_valid()) return empty();
    const nb::object found = following.names.attr("leaf")(index);
    return TermRef(term_of(found));
}

double need_after_name(const Following& following, std::size_t index) {
    if (following.members) return need_after_known(to<MembersTerm>(following.members), following.place, index);
    return following.names.is_valid() ? nb::cast<double>(following.names.attr("need")(index)) : 0;
}

TermRef fork(const TablePointer& table, const Following& following, const BitsPointer& chosen, std::size_t first,
             std::size_t last, std::size_t depth) {
    first = chosen->next(first);
    if (first >= last) return nothing();  // kNone is beyond all
    last = chosen->previous(last);
    const std::u32string& low = table->at(first);
    if (first == last) {
        const TermRef then = after_name(following, table->index_at(first));
        return then == nothing() ? then : follow(table->spelled(std::u32string_view(low).substr(depth)), then);
    }
    const std::u32string& high = table->at(last);
    std::size_t size = depth;
    while (low[size] == high[size]) ++size;
    ++last;
    std::size_t hash = mixed(mixed(mixed(0, table.get()), following.hash()), first * 0x10001 + last);
    hash = mixed(mixed(hash, size), chosen->hash(first, last));
    const TermRef found = shared<ForkTerm>(
        TermKind::kFork, hash, false,
        [&](const ForkTerm& term) {
            return term.table == table && term.first == first && term.last == last && term.depth == size &&
                   term.following == following && term.chosen->is_same(*chosen, first, last);
        },
        [&](ForkTerm& term) {
            term.table = table;
            term.following = following;
            term.chosen = chosen;
            term.first = first;
            term.last = last;
            term.depth = size;
        });
    return follow(table->spelled(std::u32string_view(low).substr(depth, size - depth)), found);
}

TermRef fork(const TablePointer& table, const Following& following, const Bits& chosen) {
    return fork(table, following, std::make_shared<const Bits>(table->places_of(chosen)), 0, table->size(), 0);
}

std::vector<std::pair<char32_t, TermRef>> fork_ways(const ForkTerm& fork) {
    std::vector<std::pair<char32_t, TermRef>> found;
    for (std::size_t first = fork.first; first < fork.last;) {
        const std::size_t last = fork.table->end_of(first, fork.last, fork.depth);
        TermRef then = fcgen::fork(fork.table, fork.following, fork.chosen, first, last, fork.depth + 1);
        if (then != nothing()) found.emplace_back(fork.table->at(first)[fork.depth], std::move(then));
        first = fork.chosen->next(last);
    }
    return found;
}

double fork_need(const ForkTerm& fork) {
    const NameTable& table = *fork.table;
    const std::size_t range = fork.last - fork.first;
    if (fork.following.is_nothing() && !table.has_symbols() && range * range > table.size()) {
        for (std::size_t place : table.shortest_first()) {
            if (place >= fork.first && place < fork.last && fork.chosen->has(place)) {
                return static_cast<double>(table.at(place).size() - fork.depth);
            }
        }
    }
    double least = kNever;
    for (std::size_t place = fork.first; place < fork.last; place = fork.chosen->next(place + 1)) {
        const double name = table.need(std::u32string_view(table.at(place)).substr(fork.depth));
        if (name < least) least = std::min(least, name + need_after_name(fork.following, table.index_at(place)));
    }
    return least;
}

}  // namespace fcgen
