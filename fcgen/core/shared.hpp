// What builders of terms share: a term that is there already is not made again.
#pragma once

#include <type_traits>
#include <utility>

#include "fuel.hpp"
#include "terms.hpp"

namespace fcgen {

// Whether comparing two terms may run Python, which may build and free other terms meanwhile.
enum class Comparing : bool { kPlain, kRunsPython };

// The term of a kind that is `same`, or else one that `fill` completes. `can_stop`: a bool, or what finds it out.
template <class T, Comparing comparing = Comparing::kPlain, class CanStop, class Same, class Fill>
TermRef shared(TermKind kind, std::size_t hash, CanStop&& can_stop, Same&& same, Fill&& fill) {
    hash = mixed(hash, static_cast<std::size_t>(kind));
    const auto is_wanted = [&](const Term* term) { return term->kind == kind && same(to<T>(term)); };
    TermRef found =
        comparing == Comparing::kPlain ? term_table.find_plain(hash, is_wanted) : term_table.find(hash, is_wanted);
    if (found) return found;
    bool stops;
    if constexpr (std::is_invocable_v<CanStop>) {
        stops = can_stop();
    } else {
        stops = can_stop;
    }
    spend(1);
    T* term = make<T>(kind, stops);
    found = TermRef::stolen(term);
    fill(*term);
    finish(term);
    term_table.add(term, hash);
    kept().add(term);
    return found;
}

}  // namespace fcgen
