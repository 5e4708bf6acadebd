#include "term_automaton.hpp"

#include <algorithm>

#include "build.hpp"

namespace fcgen {
namespace {

// How many stack nodes a recording in another counts as: each byte within is derived through all around it.
constexpr int kRecorded = 8;

struct Leading {
    std::string_view data;
    TermRef tail;
};

// The literal that a term begins with, if it does, and what follows it.
Leading leading_literal(const TermRef& term) {
    if (const LiteralTerm* whole = as<LiteralTerm>(term)) return {whole->data, empty()};
    const SeqTerm* row = as<SeqTerm>(term);
    const LiteralTerm* head = row ? as<LiteralTerm>(row->head) : nullptr;
    return head ? Leading{head->data, row->tail} : Leading{{}, term};
}

bool begins_in_ascii(const TermRef& term) {
    const std::string_view data = leading_literal(term).data;
    return !data.empty() && static_cast<std::uint8_t>(data[0]) < 0x80;
}

bool is_alive(const TermRef& term) {
    return fewest(term.get()) != kNever;
}
bool is_near(const TermRef& term) {
    return fewest(term.get()) < kBeyond;
}

// Whether a choice with such a part is walked as the states of its parts.
bool is_leading(const TermRef& part) {
    switch (head_of(part.get())->kind) {
        case TermKind::kLiteral:
        case TermKind::kApart:
        case TermKind::kDeferred:
        case TermKind::kReference:
        case TermKind::kRecord:
        case TermKind::kFork:
        case TermKind::kEmpty:
            return true;
        default:
            return false;
    }
}

bool is_long(const TermRef& term, std::int64_t horizon) {
    const RepeatTerm* loop = as<RepeatTerm>(term);
    return loop && loop->most != RepeatTerm::kNoLimit && loop->most > horizon && !loop->inner->can_stop;
}

// A term, where the runs at its head have no bound if `horizon` bytes cannot exhaust them: `grammar/horizon.py`.
TermRef without_bounds(const TermRef& term, std::int64_t horizon) {
    switch (term->kind) {
        case TermKind::kRepeat: {
            const RepeatTerm& loop = to<RepeatTerm>(term);
            return is_long(term, horizon) ? repeat(loop.inner, loop.least, RepeatTerm::kNoLimit) : term;
        }
        case TermKind::kSeq: {
            const SeqTerm& row = to<SeqTerm>(term);
            const TermRef head = without_bounds(row.head, horizon);
            return head == row.head ? term : follow(head, row.tail);
        }
        case TermKind::kAlt: {
            const std::vector<TermRef>& parts = to<PartsTerm>(term).parts;
            std::vector<TermRef> found;
            for (const TermRef& part : parts) found.push_back(without_bounds(part, horizon));
            return found == parts ? term : alt(found);
        }
        case TermKind::kBoth:
        case TermKind::kCounted: {
            const nb::object found = hooks().boundless(to_object(term), horizon);
            return TermRef(term_of(found));
        }
        default:
            return term;
    }
}

}  // namespace

StateId TermAutomaton::number(const TermRef& given) {
    TermRef term = given;
    while (term->kind == TermKind::kApart) term = to<InnerTerm>(term).inner;
    if (const auto found = numbers_.find(term); found != numbers_.end()) return found->second;
    if (const std::optional<StateId> place = number_in_text(term)) {
        numbers_.emplace(term, *place);
        return *place;
    }
    const double need = std::min<double>(fewest(term.get()), kInfinite);
    const StateId state = add(1);
    describe(state, term->can_stop, static_cast<std::int32_t>(need));
    numbers_.emplace(term, state);
    if (term == empty()) {
        make_end(state);
    } else {
        terms_.emplace(state, term);
    }
    return state;
}

void TermAutomaton::expand(StateId id) {
    if (at(id).kind != Kind::kUnexpanded) return;
    if (const auto found = besides_.find(id); found != besides_.end()) {
        const Beside beside = found->second;
        expand_beside(id, beside);
        besides_.erase(id);
        return;
    }
    const auto known = terms_.find(id);
    if (known == terms_.end()) return;  // whoever asks finds that it is not expanded
    const TermRef term = known->second;
    if (!expand_term(id, term)) {
        abstract(id, generic(term.get(), true));
    } else if (at(id).kind != Kind::kCall) {
        terms_.erase(id);
    }
}

std::pair<StateId, std::size_t> TermAutomaton::skip(StateId state, StackId stack, std::string_view text) {
    TermRef term = terms_.at(state);
    std::size_t count = 0;
    while (count < text.size()) {
        if (count > 0 && ((term->can_stop && stack > kBottom) || !is_abstracted(term))) break;
        auto [then, more] = skipped(term.get(), text.substr(count));
        if (more == 0) {
            then = derived(term.get(), static_cast<std::uint8_t>(text[count]));
            more = 1;
        }
        term = std::move(then);
        count += more;
        if (!is_alive(term)) return {kDead, count};
    }
    return {number(term), count};
}

bool TermAutomaton::is_abstracted(const TermRef& term) {
    return boundless(term) != term || is_recording(term.get());
}

TermRef TermAutomaton::boundless(const TermRef& term) {
    const SeqTerm* row = as<SeqTerm>(term);
    const TermRef head = row ? row->head : term;
    if (head->kind != TermKind::kSubstring) return without_bounds(term, horizon_);
    const OwnedTerm& part = to<OwnedTerm>(head);
    if (part.most.is_none() || nb::cast<std::int64_t>(part.most) <= nb::cast<std::int64_t>(text_horizon_(part.owner))) {
        return term;
    }
    const nb::object free = part.owner.attr("term")(part.state, part.least);
    return follow(TermRef(term_of(free)), row ? row->tail : empty());
}

// False: there is a recording at its head.
bool TermAutomaton::expand_term(StateId state, const TermRef& term) {
    const auto [data, tail] = leading_literal(term);
    const bool is_near_end = is_near(term);
    const SeqTerm* row = as<SeqTerm>(term);
    if (!data.empty()) {
        const StateId end = number(tail);
        make_literals(state, std::span(reinterpret_cast<const std::uint8_t*>(data.data()), data.size()), end);
    } else if (term->kind == TermKind::kDeferred) {
        make_call(state, number(force(*static_cast<DeferredTerm*>(term.get()))), kDead);
    } else if (term->kind == TermKind::kReference) {
        make_call(state, number(parts_of(term.get())[0]), kDead);
    } else if (row != nullptr && row->head->kind == TermKind::kApart && is_near_end) {
        const StateId called = number(row->head);
        make_call(state, called, number(row->tail));
    } else if (term->kind == TermKind::kAlt && is_near_end &&
               std::ranges::all_of(to<PartsTerm>(term).parts, is_leading)) {
        expand_choice(state, to<PartsTerm>(term));
    } else if (const TermRef free = boundless(term); free != term) {
        abstract(state, free);
    } else if (!expand_excluded(state, term)) {
        return expand_table(state, term);
    }
    return true;
}

void TermAutomaton::expand_choice(StateId state, const PartsTerm& term) {
    std::vector<TermRef> parts = term.parts;
    ByteSet beginnings;
    bool is_ambiguous = false;
    for (const TermRef& part : parts) {
        const std::string_view data = leading_literal(part).data;
        if (data.empty()) continue;
        is_ambiguous |= beginnings.has(static_cast<std::uint8_t>(data[0]));
        beginnings.add(static_cast<std::uint8_t>(data[0]));
    }
    if (is_ambiguous) {  // deep down in a tree of names
        const TermRef factored = alt(parts);
        parts = factored->kind == TermKind::kAlt ? to<PartsTerm>(factored).parts : std::vector{factored};
    }
    std::vector<StateId> states;
    for (const TermRef& part : parts) {
        if (is_alive(part)) states.push_back(number(part));
    }
    make_choice(state, states);
}

// Lets walks take a state for that of `term`.
void TermAutomaton::abstract(StateId state, const TermRef& term) {
    set_abstracted(state, kRecorded * std::max(0, recordings(terms_.at(state).get()) - 1));
    const StateId abstraction = number(term);
    if (abstraction != state) expand(abstraction);
    if (abstraction != state && at(abstraction).kind != Kind::kOpaque) {
        make_call(state, abstraction, kDead);
    } else {
        make_opaque(state);
    }
}

bool TermAutomaton::expand_table(StateId state, const TermRef& term) {
    const ArcsPointer arcs = arcs_once(term.get());
    if (!arcs) return false;
    std::vector<States::Arc> found;
    for (const fcgen::Arc& arc : *arcs) {
        const double need = fewest(arc.then.get());
        if (need < kBeyond) {
            found.push_back({arc.bytes, number(arc.then)});
        } else if (need != kNever) {
            found.push_back({arc.bytes, kOpaqueNext});
        }
    }
    const auto [home, most] = run_from(state, term);
    make_table(state, found);
    if (home == kDead) return true;
    ClassSet classes = loops(state, home);
    if (classes == 0) return true;
    const RepeatTerm* loop = as<RepeatTerm>(head_of(term.get()));
    const SeqTerm* row = as<SeqTerm>(term);
    if (loop != nullptr && (row == nullptr || begins_in_ascii(row->tail))) {
        classes |= nb::cast<ClassSet>(hooks().whole_characters(to_object(loop->inner)));
    }
    set_run(state, most, classes);
    return true;
}

// The state that bytes lead back to from a state, or to states like it, and how often; kDead: to none.
std::pair<StateId, std::int32_t> TermAutomaton::run_from(StateId state, const TermRef& term) {
    const SeqTerm* row = as<SeqTerm>(term);
    const RepeatTerm* loop = as<RepeatTerm>(head_of(term.get()));
    if (loop == nullptr || (loop->least == 0 && loop->most == RepeatTerm::kNoLimit)) return {state, kEndless};
    if (loop->inner->can_stop || (loop->least > 0 && (row == nullptr || row->tail->can_stop))) return {kDead, 0};
    const TermRef fewer = one_less(*loop);
    const StateId home = number(row ? follow(fewer, row->tail) : fewer);
    const std::int64_t most = loop->most == RepeatTerm::kNoLimit ? loop->least : loop->most;
    return {home, static_cast<std::int32_t>(std::min<std::int64_t>(most, kEndless))};
}

// Expands a state of names that are none of some names, if it is one.
bool TermAutomaton::expand_excluded(StateId state, const TermRef& term) {
    const SeqTerm* row = as<SeqTerm>(term);
    const UnlikeTerm* names = row ? as<UnlikeTerm>(row->head) : nullptr;
    const LiteralTerm* tail = row ? as<LiteralTerm>(row->tail) : nullptr;
    if (names == nullptr || tail == nullptr) return false;
    const StateId home = number(follow(names->plain, row->tail));
    expand(home);
    if (at(home).kind != Kind::kTable) return false;
    expand_beside(state, {home, names->names, 0, names->names->size(), 0, static_cast<std::uint8_t>(tail->data[0])});
    return true;
}

// Wherever a text parts from the names it is where it would be without them.
void TermAutomaton::expand_beside(StateId state, const Beside& beside) {
    expand(beside.other);
    const State other = at(beside.other);
    std::size_t first = beside.first;
    const auto next_of = [&](std::size_t at) { return static_cast<std::uint8_t>(beside.name(at)[beside.depth]); };
    const auto within = [&](std::size_t from, StateId then) {
        std::size_t last = from;
        while (last < beside.last && next_of(last) == next_of(from)) ++last;
        return Beside{then, beside.names, from, last, beside.depth + 1, beside.end};
    };
    if (other.kind == Kind::kLiteral) {  // within an escape
        while (first < beside.last && next_of(first) != other.byte) ++first;
        make_literal(state, other.byte, first < beside.last ? add_beside(within(first, other.first)) : other.first);
        return;
    }
    if (other.kind != Kind::kTable) throw std::logic_error("what leads back to a run has a table, or one way");
    std::vector<std::int32_t> own;
    if (beside.is_name()) {
        own = {beside.end, kDead};
        ++first;
    }
    while (first < beside.last) {
        const StateId then = next(at(beside.other), next_of(first));
        const Beside group = within(first, then);
        if (then >= 0) {
            own.push_back(next_of(first));
            own.push_back(add_beside(group));
        }
        first = group.last;
    }
    make_overlay(state, beside.other, own);
}

StateId TermAutomaton::add_beside(Beside beside) {
    const StateId state = add(1);
    const std::int32_t need = at(beside.other).min_length;
    describe(state, false, beside.is_name() ? need + 1 : need);
    besides_.emplace(state, std::move(beside));
    return state;
}

// The state of a substring and a tail, if it is one of those that all substrings of its text have.
std::optional<StateId> TermAutomaton::number_in_text(const TermRef& term) {
    const SeqTerm* row = as<SeqTerm>(term);
    const LiteralTerm* tail = row ? as<LiteralTerm>(row->tail) : nullptr;
    if (tail == nullptr || row->head->kind != TermKind::kSubstring) return std::nullopt;
    const OwnedTerm& part = to<OwnedTerm>(row->head);
    const auto least = nb::cast<std::int64_t>(part.least);
    if (!part.most.is_none() || least > (part.state == 0 ? 1 : 0)) return std::nullopt;
    const ByteSet beginnings = byte_set_of(part.owner.attr("first_bytes"));
    if (nb::len(nb::object(part.owner.attr("others"))) > 0 ||
        beginnings.has(static_cast<std::uint8_t>(tail->data[0]))) {
        return std::nullopt;  // a substring could go on where it has ended
    }
    const std::int64_t place = part.state == 0 ? least : part.state + 1;
    return text(part, row->tail) + static_cast<StateId>(place);
}

// The first of the states of a text's substrings.
StateId TermAutomaton::text(const OwnedTerm& substring, const TermRef& tail) {
    const auto key = std::pair(substring.owner.ptr(), static_cast<const Term*>(tail.get()));
    if (const auto found = texts_.find(key); found != texts_.end()) return found->second;
    const nb::object owner = substring.owner;
    const std::string_view data = to<LiteralTerm>(tail).data;
    const StateId then = number(literal(data.substr(1)));
    const StateId end = number(tail);
    const nb::object automaton = owner.attr("automaton");
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(data.data()), data.size());
    const StateId first = add_text(nb::cast<const SuffixAutomaton&>(automaton), bytes, end, then);
    kept_.emplace_back(owner, tail);
    texts_.emplace(key, first);
    return first;
}

}  // namespace fcgen
