#include "derivatives.hpp"

#include <algorithm>
#include <unordered_map>

#include "build.hpp"
#include "dfa.hpp"
#include "fuel.hpp"
#include "names.hpp"
#include "partition.hpp"

namespace fcgen {
namespace {

ArcsPointer share(Arcs arcs) {
    return std::make_shared<const Arcs>(std::move(arcs));
}

Arcs one_way(char byte, TermRef then) {
    Arcs found;
    found.push_back({ByteSet::of(static_cast<std::uint8_t>(byte)), std::move(then)});
    return found;
}

// The arcs, each followed by `rest`; null stays null.
ArcsPointer followed(const ArcsPointer& arcs, const TermRef& rest) {
    if (!arcs) return nullptr;
    Arcs found;
    found.reserve(arcs->size());
    for (const Arc& arc : *arcs) found.push_back({arc.bytes, follow(arc.then, rest)});
    return share(std::move(found));
}

ArcsPointer unlike_arcs(const UnlikeTerm& term) {
    const ArcsPointer plain = arcs_of(term.plain.get());
    if (!plain) return nullptr;
    ByteSet first;
    for (const std::string& name : *term.names) {
        if (!name.empty()) first.add(static_cast<std::uint8_t>(name[0]));
    }
    Arcs found;
    for (const Arc& arc : *plain) {
        (arc.bytes & first).each([&](std::uint8_t byte) {
            found.push_back({ByteSet::of(byte), unlike(arc.then, tails_of(*term.names, byte))});
        });
        const ByteSet rest = arc.bytes & ~first;
        if (!rest.is_empty()) found.push_back({rest, arc.then});
    }
    return share(std::move(found));
}

// What Python says of a term: pairs of a set of bytes, as a number, and a term.
ArcsPointer arcs_from(nb::handle pairs) {
    Arcs found;
    for (nb::handle pair : pairs) found.push_back({byte_set_of(pair[0]), TermRef(term_of(nb::object(pair[1])))});
    return share(std::move(found));
}

nb::object self_of(Term* term) {
    return nb::borrow(term->object());
}

ArcsPointer substring_arcs(Term* term) {
    std::vector<ArcsPointer> lists;
    for (nb::handle way : to<OwnedTerm>(term).owner.attr("ways")(self_of(term))) {
        const TermRef first(term_of(nb::object(way[0]))), then(term_of(nb::object(way[1])));
        lists.push_back(followed(arcs_of(first.get()), then));
        if (!lists.back()) return nullptr;
    }
    return share(refined(lists));
}

ArcsPointer seq_arcs(Term* term) {
    std::vector<ArcsPointer> lists;
    while (const SeqTerm* row = as<SeqTerm>(term)) {
        lists.push_back(followed(arcs_of(row->head.get()), row->tail));
        if (!lists.back()) return nullptr;
        if (!row->head->can_stop) return lists.size() == 1 ? lists[0] : share(refined(lists));
        term = row->tail.get();
    }
    lists.push_back(arcs_of(term));
    return lists.back() ? share(refined(lists)) : nullptr;
}

ArcsPointer parts_arcs(Term* term) {
    std::vector<ArcsPointer> lists;
    for (const TermRef& part : to<PartsTerm>(term).parts) {
        lists.push_back(arcs_of(part.get()));
        if (!lists.back()) return nullptr;
    }
    return share(term->kind == TermKind::kAlt ? refined(lists) : crossed(lists));
}

ArcsPointer fork_arcs(const ForkTerm& fork) {
    Arcs found;
    std::vector<TermRef> parts;
    for (auto& [number, then] : fork_ways(fork)) {
        if (fork.table->has_symbols()) {
            parts.push_back(follow(fork.table->spelled(number), then));
        } else {
            found.push_back({ByteSet::of(static_cast<std::uint8_t>(number)), std::move(then)});
        }
    }
    return fork.table->has_symbols() ? arcs_of(alt(parts).get()) : share(std::move(found));
}

ArcsPointer computed(Term* term) {
    switch (term->kind) {
        case TermKind::kByteSet:
            return share({{to<ByteSetTerm>(term).members, empty()}});
        case TermKind::kSeq:
            return seq_arcs(term);
        case TermKind::kAlt:
            spend(static_cast<std::int64_t>(to<PartsTerm>(term).parts.size()));
            return parts_arcs(term);
        case TermKind::kBoth:
            return parts_arcs(term);
        case TermKind::kRepeat: {
            const RepeatTerm& loop = to<RepeatTerm>(term);
            return followed(arcs_of(loop.inner.get()), one_less(loop));
        }
        case TermKind::kComplement: {
            const ArcsPointer inner = arcs_of(to<InnerTerm>(term).inner.get());
            return inner ? share(complemented(*inner)) : nullptr;
        }
        case TermKind::kFork: {
            return fork_arcs(to<ForkTerm>(term));
        }
        case TermKind::kReference:
            return arcs_of(looked_up(to<ReferenceTerm>(term)).get());
        case TermKind::kDfaState:
            return share(DfaTable::arcs(to<DfaStateTerm>(term)));
        case TermKind::kRecord:
        case TermKind::kUnknown:
            return nullptr;
        default:
            return share({});
    }
}

// Marks a term whose arcs are being found.
class Busy {
  public:
    explicit Busy(Term* term) : term_(term) { term_->arcs_state = ArcsState::kBusy; }
    ~Busy() {
        if (term_->arcs_state == ArcsState::kBusy) term_->arcs_state = ArcsState::kUnknown;
    }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

  private:
    Term* term_;
};

ArcsPointer derive(Term* term, bool is_kept) {
    const Building building;
    if (term->arcs_state == ArcsState::kKnown) return term->arcs;
    if (term->arcs_state == ArcsState::kRecords) return nullptr;
    if (term->arcs_state == ArcsState::kBusy) throw LeftRecursion();
    spend(2);
    const TermRef alive(term);
    ArcsPointer found;
    {
        const Busy busy(term);
        found = computed(term);
    }
    if (!found) {
        term->arcs_state = ArcsState::kRecords;
    } else if (is_kept) {
        kept().add_arcs(term, found);
    }
    return found;
}

// What takes no time, which is not kept. False: it does take time.
bool is_quick(Term* term, ArcsPointer& found) {
    switch (term->kind) {
        case TermKind::kLiteral: {
            const std::string& data = to<LiteralTerm>(term).data;
            found = share(one_way(data[0], literal(std::string_view(data).substr(1))));
            return true;
        }
        case TermKind::kSeq: {
            const SeqTerm& row = to<SeqTerm>(term);
            if (const LiteralTerm* head = as<LiteralTerm>(row.head)) {
                found =
                    share(one_way(head->data[0], follow(literal(std::string_view(head->data).substr(1)), row.tail)));
                return true;
            }
            if (row.head->can_stop) return false;
            found = followed(arcs_of(row.head.get()), row.tail);
            return true;
        }
        case TermKind::kApart: {
            const ArcsPointer inner = arcs_of(to<InnerTerm>(term).inner.get());
            if (!inner) return true;
            Arcs arcs;
            for (const Arc& arc : *inner) arcs.push_back({arc.bytes, apart(arc.then)});
            found = share(std::move(arcs));
            return true;
        }
        case TermKind::kUnlike:
            found = unlike_arcs(to<UnlikeTerm>(term));
            return true;
        case TermKind::kSubstring:
            found = substring_arcs(term);
            return true;
        case TermKind::kCounted:
            found = arcs_from(to<OwnedTerm>(term).owner.attr("arcs")(self_of(term)));
            return true;
        case TermKind::kDeferred:
            found = arcs_of(force(*static_cast<DeferredTerm*>(term)).get());
            return true;
        default:
            return false;
    }
}

ArcsPointer arcs(Term* term, bool is_kept) {
    if (term->arcs_state == ArcsState::kKnown) return term->arcs;
    const Deeper deeper;
    ArcsPointer found;
    return is_quick(term, found) ? found : derive(term, is_kept);
}

}  // namespace

Hooks& hooks() {
    static Hooks* provided = new Hooks;
    return *provided;
}

ArcsPointer arcs_of(Term* term) {
    return arcs(term, true);
}

ArcsPointer arcs_once(Term* term) {
    return arcs(term, false);
}

TermRef looked_up(const ReferenceTerm& term) {
    const nb::object found = nb::steal(PyObject_GetItem(term.scope.ptr(), term.name.ptr()));
    if (!found.is_valid()) throw nb::python_error();
    return TermRef(term_of(found));
}

NamesPointer tails_of(const std::vector<std::string>& names, std::uint8_t byte) {
    auto tails = std::make_shared<std::vector<std::string>>();
    for (const std::string& name : names) {
        if (!name.empty() && static_cast<std::uint8_t>(name[0]) == byte) tails->push_back(name.substr(1));
    }
    return tails;
}

double fewest(Term* term) {
    if (term->fewest < 0 && term->kind == TermKind::kFork) term->fewest = fork_need(to<ForkTerm>(term));
    if (term->fewest < 0) hooks().settle(self_of(term));
    return term->fewest;
}

std::vector<TermRef> parts_of(Term* term) {
    switch (term->kind) {
        case TermKind::kSeq:
            return {to<SeqTerm>(term).tail, to<SeqTerm>(term).head};
        case TermKind::kAlt:
            return to<PartsTerm>(term).parts;
        case TermKind::kRepeat:
            return {to<RepeatTerm>(term).inner};
        case TermKind::kApart:
            return {to<InnerTerm>(term).inner};
        case TermKind::kUnlike:
            return {to<UnlikeTerm>(term).plain};
        case TermKind::kReference:
            return {looked_up(to<ReferenceTerm>(term))};
        case TermKind::kDeferred:
            return {like_of(*static_cast<DeferredTerm*>(term))};
        case TermKind::kRecord:
            return {to<RecordTerm>(term).like, to<RecordTerm>(term).names};
        case TermKind::kCounted: {
            std::vector<TermRef> found;
            for (nb::handle part : to<OwnedTerm>(term).owner.attr("characters")) {
                found.emplace_back(term_of(part));
            }
            return found;
        }
        default:
            return {};
    }
}

}  // namespace fcgen
