#include "states.hpp"

#include <algorithm>

namespace fcgen {
namespace {

constexpr std::int32_t kLighter = 16;
constexpr ClassSet kWholeCharacters = ClassSet{7} << kTwoBytes;

// The bytes of each class.
std::array<ByteSet, 64> make_members() {
    std::array<ByteSet, 64> members;
    for (std::size_t byte = 0; byte < 256; ++byte) members[kByteClasses[byte]].add(static_cast<std::uint8_t>(byte));
    return members;
}

const std::array<ByteSet, 64> kMembers = make_members();

}  // namespace

StateId States::next(const State& from, std::uint8_t byte) const {
    switch (from.kind) {
        case Kind::kTable:
            return rows_[from.first][byte];
        case Kind::kLiteral:
            return from.byte == byte ? from.first : kDead;
        case Kind::kOverlay: {
            const std::int32_t* own = lists_.data() + from.second;
            for (std::int32_t i = 1; i <= 2 * own[0]; i += 2) {
                if (own[i] == byte) return own[i + 1];
            }
            return rows_[states_[from.first].first][byte];
        }
        default:
            return kDead;
    }
}

std::vector<std::uint8_t> States::overlay_bytes(StateId id) const {
    std::vector<std::uint8_t> found;
    const std::int32_t* own = lists_.data() + states_.at(id).second;
    for (std::int32_t i = 1; i <= 2 * own[0]; i += 2) found.push_back(static_cast<std::uint8_t>(own[i]));
    return found;
}

StateId States::add(std::int32_t count, bool is_light) {
    if (count < 0) throw std::out_of_range("a negative number of states");
    const std::int64_t weight = is_light ? 1 + count / kLighter : count;
    count_growth(weight);
    const auto first = static_cast<StateId>(states_.size());
    states_.resize(states_.size() + static_cast<std::size_t>(count));
    spared_ += count - weight;
    return first;
}

void States::describe(StateId id, bool stops, std::int32_t min_length) {
    State& state = states_.at(id);
    state.stops = stops;
    state.min_length = std::clamp(min_length, 0, kInfinite);
}

void States::make_end(StateId id) {
    unexpanded(id).kind = Kind::kEnd;
}

void States::make_opaque(StateId id) {
    unexpanded(id).kind = Kind::kOpaque;
}

void States::make_call(StateId id, StateId called, StateId waiting) {
    check(called);
    if (waiting != kDead) check(waiting);
    State& state = unexpanded(id);
    state.first = called;
    state.second = waiting;
    state.kind = Kind::kCall;
}

void States::make_choice(StateId id, std::span<const StateId> parts) {
    if (parts.empty()) throw std::out_of_range("a choice of nothing");
    for (StateId part : parts) check(part);
    State& state = unexpanded(id);
    state.first = add_list(parts);
    state.second = static_cast<std::int32_t>(parts.size());
    state.kind = Kind::kChoice;
}

void States::make_literals(StateId id, std::span<const std::uint8_t> bytes, StateId end) {
    unexpanded(id);
    check(end);
    if (bytes.empty()) throw std::out_of_range("a literal without bytes");
    const auto within = static_cast<std::int32_t>(bytes.size()) - 1;
    const StateId first = add(within);
    StateId then = end;
    std::int32_t need = states_[end].min_length;
    for (std::int32_t place = within; place >= 0; --place) {
        const StateId here = place == 0 ? id : first + place - 1;
        need = std::min(need + 1, kInfinite);
        describe(here, false, need);
        make_literal(here, bytes[place], then);
        then = here;
    }
}

void States::make_literal(StateId id, std::uint8_t byte, StateId then) {
    check(then);
    State& state = unexpanded(id);
    state.byte = byte;
    state.first = then;
    state.kind = Kind::kLiteral;
}

void States::make_table(StateId id, std::span<const Arc> arcs) {
    State& state = unexpanded(id);
    Row row;
    row.fill(kDead);
    for (const Arc& arc : arcs) {
        if (arc.to != kOpaqueNext) check(arc.to);
        arc.bytes.each([&](std::uint8_t byte) { row[byte] = arc.to; });
    }
    state.first = static_cast<std::int32_t>(rows_.size());
    rows_.push_back(row);
    state.kind = Kind::kTable;
}

void States::make_overlay(StateId id, StateId other, std::span<const std::int32_t> own) {
    check(other);
    if (states_[other].kind != Kind::kTable || own.size() % 2 != 0) throw std::out_of_range("aside of what has no row");
    for (std::size_t i = 0; i < own.size(); i += 2) {
        if (own[i] < 0 || own[i] > 255) throw std::out_of_range("no byte");
        if (own[i + 1] != kDead) check(own[i + 1]);
    }
    const std::int32_t count = static_cast<std::int32_t>(own.size() / 2);
    State& state = unexpanded(id);
    state.second = add_list(std::span(&count, 1));
    add_list(own);
    state.first = other;
    state.kind = Kind::kOverlay;
}

StateId States::add_text(const SuffixAutomaton& text, std::span<const std::uint8_t> tail, StateId end,
                         StateId after_close) {
    check(end);
    check(after_close);
    if (tail.empty()) throw std::out_of_range("a text without what closes it");
    const auto length = static_cast<std::int32_t>(tail.size());
    const StateId shut = add(1), closing = add(1);
    describe(shut, false, kInfinite);
    make_table(shut, {});
    Arc close{{}, after_close};
    close.bytes.add(tail[0]);
    describe(closing, false, states_[after_close].min_length + 1);
    make_table(closing, std::span(&close, 1));

    const auto count = static_cast<std::int32_t>(text.ends.size());
    const StateId first = add(count + 1, true);
    const auto degree = [&](std::int32_t part) { return text.edges[part + 1] - text.edges[part]; };
    const auto state_of = [&](std::int32_t part) { return degree(part) == 0 ? end : first + 1 + part; };
    std::vector<std::int32_t> own;
    for (std::int32_t part = 0; part < count; ++part) {
        const StateId id = first + 1 + part;
        describe(id, false, (text.ends[part] ? 0 : text.nearest[part]) + length);
        const std::int32_t edge = text.edges[part];
        if (!text.ends[part] && degree(part) == 1) {
            make_literal(id, static_cast<std::uint8_t>(text.symbols[edge]), state_of(text.targets[edge]));
            continue;
        }
        own.clear();
        for (std::int32_t one = edge; one < text.edges[part + 1]; ++one) {
            own.push_back(text.symbols[one] & 0xFF);
            own.push_back(state_of(text.targets[one]));
        }
        make_overlay(id, text.ends[part] ? closing : shut, own);
    }
    states_[first] = states_[first + 1];
    states_[first + 1].first = shut;  // a part of one character or more cannot end at once
    describe(first + 1, false, text.nearest[0] + length);
    return first;
}

void States::set_run(StateId id, std::int32_t run, ClassSet loops) {
    State& state = states_.at(id);
    state.run = run;
    state.loops = loops;
}

ClassSet States::loops(StateId id, StateId home) const {
    if (states_.at(id).kind != Kind::kTable) throw std::out_of_range("the state has no row");
    const Row& row = rows_[states_[id].first];
    ByteSet leads;
    for (std::size_t byte = 0; byte < 256; ++byte) {
        if (row[byte] == home) leads.add(static_cast<std::uint8_t>(byte));
    }
    if (leads.is_empty()) return 0;
    ClassSet found = 0;
    for (std::size_t name = 0; name < 64; ++name) {
        if (!kMembers[name].is_empty() && kMembers[name].is_within(leads)) found |= ClassSet{1} << name;
    }
    const bool has_high = std::all_of(row.begin() + 0x80, row.end(), [=](StateId then) { return then == home; });
    return has_high ? found | kWholeCharacters : found;
}

void States::set_abstracted(StateId id, std::int32_t extra_depth) {
    State& state = states_.at(id);
    state.is_abstracted = true;
    state.extra_depth = std::clamp(extra_depth, 0, kInfinite);
}

std::int32_t States::add_list(std::span<const std::int32_t> values) {
    if (lists_.size() + values.size() > INT32_MAX) throw std::length_error("the lists of states are too long");
    const auto first = static_cast<std::int32_t>(lists_.size());
    lists_.insert(lists_.end(), values.begin(), values.end());
    return first;
}

void States::count_growth(std::int64_t added) {
    if (growth->used + added > growth->limit) throw TooManyStates(growth->limit, growth->used + added);
    growth->used += added;
}

State& States::unexpanded(StateId id) {
    State& state = states_.at(id);
    if (state.kind != Kind::kUnexpanded) throw std::out_of_range("the state is expanded already");
    return state;
}

void States::check(StateId id) const {
    if (id < 0 || id >= count()) throw std::out_of_range("no state of the automaton");
}

}  // namespace fcgen
