// What is left of terms whose recordings remember, and of the terms that forget.

#include <algorithm>
#include <unordered_map>

#include "build.hpp"
#include "derivatives.hpp"
#include "fuel.hpp"

namespace fcgen {

bool is_recording(Term* term) {
    const Deeper deeper;
    while (const SeqTerm* row = as<SeqTerm>(term)) {
        if (is_recording(row->head.get())) return true;
        if (!row->head->can_stop) return false;
        term = row->tail.get();
    }
    if (const UnlikeTerm* names = as<UnlikeTerm>(term)) return is_recording(names->plain.get());
    return !arcs_of(term);
}

namespace {

TermRef derived_beside(Term* term, std::uint8_t byte) {
    switch (term->kind) {
        case TermKind::kRecord: {
            const RecordTerm& record = to<RecordTerm>(term);
            std::string written = record.written + static_cast<char>(byte);
            const TermRef within =
                recorded(derived(record.names.get(), byte), std::move(written), record.after, record.like, record.sure);
            if (!record.names->can_stop) return within;
            return alt(within, derived(record.after(record.written).get(), byte));
        }
        case TermKind::kSeq: {
            const SeqTerm& row = to<SeqTerm>(term);
            const TermRef then = follow(derived(row.head.get(), byte), row.tail);
            return row.head->can_stop ? alt(then, derived(row.tail.get(), byte)) : then;
        }
        case TermKind::kAlt:
        case TermKind::kBoth: {
            std::vector<TermRef> parts;
            for (const TermRef& part : to<PartsTerm>(term).parts) parts.push_back(derived(part.get(), byte));
            return term->kind == TermKind::kAlt ? alt(parts) : both(parts);
        }
        case TermKind::kRepeat: {
            const RepeatTerm& loop = to<RepeatTerm>(term);
            return follow(derived(loop.inner.get(), byte), one_less(loop));
        }
        case TermKind::kApart:
            return apart(derived(to<InnerTerm>(term).inner.get(), byte));
        case TermKind::kReference:
            return derived(looked_up(to<ReferenceTerm>(term)).get(), byte);
        case TermKind::kDeferred:
            return derived(force(*static_cast<DeferredTerm*>(term)).get(), byte);
        default:
            throw RecordingFound();
    }
}

}  // namespace

TermRef derived(Term* term, std::uint8_t byte) {
    const Deeper deeper;
    const TermRef alive(term);
    if (term->arcs_state != ArcsState::kKnown) {
        const SeqTerm* row = as<SeqTerm>(term);
        if (row != nullptr && !row->head->can_stop) return follow(derived(row->head.get(), byte), row->tail);
        if (const UnlikeTerm* names = as<UnlikeTerm>(term)) {
            return unlike(derived(names->plain.get(), byte), tails_of(*names->names, byte));
        }
    }
    const ArcsPointer found = arcs_of(term);
    if (!found) return derived_beside(term, byte);
    for (const Arc& arc : *found) {
        if (arc.bytes.has(byte)) return arc.then;
    }
    return nothing();
}

namespace {

bool is_apart_from_runs(const TermRef& tail) {
    return tail->kind == TermKind::kLiteral || tail->kind == TermKind::kSeq;
}

ByteSet first_byte(const TermRef& tail) {
    const LiteralTerm* first = as<LiteralTerm>(head_of(tail.get()));
    return first ? ByteSet::of(static_cast<std::uint8_t>(first->data[0])) : ByteSet::all();
}

std::size_t run_of(const ByteSet& bytes, std::string_view text) {
    std::size_t count = 0;
    while (count < text.size() && bytes.has(static_cast<std::uint8_t>(text[count]))) ++count;
    return count;
}

// The bytes that are all of a text of `one`.
ByteSet single_bytes(Term* one) {
    ByteSet found;
    if (const ArcsPointer arcs = arcs_of(one)) {
        for (const Arc& arc : *arcs) {
            if (arc.then == empty()) found |= arc.bytes;
        }
    }
    return found;
}

}  // namespace

std::pair<TermRef, std::size_t> skipped(Term* term, std::string_view text) {
    const Deeper deeper;
    const SeqTerm* row = as<SeqTerm>(term);
    const TermRef head = row ? row->head : TermRef(term);
    const TermRef tail = row ? row->tail : empty();
    if (const RecordTerm* record = as<RecordTerm>(head)) {
        TermRef names = record->names;
        std::size_t count = 0;
        while (count < text.size() && names != empty() && !names->can_stop) {
            auto [then, more] = skipped(names.get(), text.substr(count));
            if (more == 0) {
                then = derived(names.get(), static_cast<std::uint8_t>(text[count]));
                more = 1;
            }
            names = std::move(then);
            count += more;
        }
        std::string written = record->written + std::string(text.substr(0, count));
        return {follow(recorded(names, std::move(written), record->after, record->like, record->sure), tail), count};
    }
    if (head->kind == TermKind::kSubstring && is_apart_from_runs(tail)) {
        const std::string_view run = text.substr(0, run_of(~first_byte(tail), text));
        const nb::object skip = to<OwnedTerm>(head).owner.attr("skip");
        const nb::object found = skip(to_object(head), nb::bytes(run.data(), run.size()));
        return {follow(TermRef(term_of(nb::object(found[0]))), tail), nb::cast<std::size_t>(found[1])};
    }
    const RepeatTerm* loop = as<RepeatTerm>(head);
    if (loop != nullptr && is_apart_from_runs(tail)) {
        const auto count = run_of(single_bytes(loop->inner.get()) & ~first_byte(tail), text);
        const auto many = static_cast<std::int64_t>(count);
        if (loop->most == RepeatTerm::kNoLimit || many <= loop->most) {
            const std::int64_t most = loop->most == RepeatTerm::kNoLimit ? loop->most : loop->most - many;
            return {follow(repeat(loop->inner, std::max<std::int64_t>(0, loop->least - many), most), tail), count};
        }
    }
    return {TermRef(term), 0};
}

TermRef generic(Term* term, bool leaves_out_dead) {
    const Deeper deeper;
    if (!is_recording(term)) return TermRef(term);
    const auto of = [&](const TermRef& part) { return generic(part.get(), leaves_out_dead); };
    switch (term->kind) {
        case TermKind::kRecord: {
            const RecordTerm& record = to<RecordTerm>(term);
            if (leaves_out_dead && fewest(term) == kNever) return nothing();
            return follow(apart(of(record.names)), record.names->can_stop ? of(record.like) : record.like);
        }
        case TermKind::kSeq: {
            const SeqTerm& row = to<SeqTerm>(term);
            return follow(of(row.head), row.head->can_stop ? of(row.tail) : row.tail);
        }
        case TermKind::kAlt:
        case TermKind::kBoth: {
            std::vector<TermRef> parts;
            for (const TermRef& part : to<PartsTerm>(term).parts) parts.push_back(of(part));
            return term->kind == TermKind::kAlt ? alt(parts) : both(parts);
        }
        case TermKind::kRepeat: {
            const RepeatTerm& loop = to<RepeatTerm>(term);
            const TermRef then = follow(of(loop.inner), one_less(loop));
            return term->can_stop ? alt(empty(), then) : then;
        }
        case TermKind::kApart:
            return apart(of(to<InnerTerm>(term).inner));
        case TermKind::kReference:
            return of(looked_up(to<ReferenceTerm>(term)));
        case TermKind::kDeferred:
            return of(force(*static_cast<DeferredTerm*>(term)));
        default:
            return TermRef(term);
    }
}

int recordings(Term* root) {
    std::unordered_map<const Term*, int> deepest;
    std::vector<std::pair<const Term*, int>> ahead = {{root, 0}};
    while (!ahead.empty()) {
        const auto [term, depth] = ahead.back();
        ahead.pop_back();
        const auto [known, is_new] = deepest.try_emplace(term, depth);
        if (!is_new && known->second >= depth) continue;
        known->second = depth;
        spend(1);
        switch (term->kind) {
            case TermKind::kRecord:
                ahead.push_back({to<RecordTerm>(term).names.get(), depth + 1});
                break;
            case TermKind::kSeq:
                ahead.push_back({to<SeqTerm>(term).head.get(), depth});
                if (to<SeqTerm>(term).head->can_stop) ahead.push_back({to<SeqTerm>(term).tail.get(), depth});
                break;
            case TermKind::kAlt:
            case TermKind::kBoth:
                for (const TermRef& part : to<PartsTerm>(term).parts) ahead.push_back({part.get(), depth});
                break;
            case TermKind::kApart:
                ahead.push_back({to<InnerTerm>(term).inner.get(), depth});
                break;
            case TermKind::kRepeat:
                ahead.push_back({to<RepeatTerm>(term).inner.get(), depth});
                break;
            case TermKind::kUnlike:
                ahead.push_back({to<UnlikeTerm>(term).plain.get(), depth});
                break;
            default:
                break;
        }
    }
    int found = 0;
    for (const auto& [term, depth] : deepest) found = std::max(found, depth);
    return found;
}

}  // namespace fcgen
