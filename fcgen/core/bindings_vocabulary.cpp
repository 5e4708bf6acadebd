// Tries, suffix automata and bits in Python.

#include <algorithm>
#include <string>
#include <string_view>

#include "bindings.hpp"
#include "substrings.hpp"

namespace fcgen {
namespace {

// A read-only array of one member of all nodes of a trie.
template <class T>
Numpy<const T> member(nb::pointer_and_handle<Trie> trie, T TrieNode::* field, std::size_t count) {
    constexpr auto stride = static_cast<std::int64_t>(sizeof(TrieNode) / sizeof(T));
    static_assert(sizeof(TrieNode) % sizeof(T) == 0);
    return Numpy<const T>(&(trie.p->nodes().data()->*field), {count}, trie.h, {stride});
}

void check_node(const Trie& trie, std::int32_t node, bool may_be_root = true) {
    if (node < (may_be_root ? Trie::kRoot : 0) || node >= trie.size()) throw nb::index_error("no node of the trie");
}

std::shared_ptr<Trie> make_trie(nb::bytes data, const Array<std::int32_t>& bounds, const Array<std::int32_t>& last,
                                const Array<std::int32_t>& order) {
    const std::span<const std::int32_t> all = span_of(bounds);
    if (all.empty()) throw nb::value_error("there is no bound");
    if (all.size() > INT32_MAX) throw nb::value_error("too many tokens");
    if (all.front() < 0 || std::size_t(all.back()) > data.size() || !std::ranges::is_sorted(all))
        throw nb::value_error("a string is outside of the data");
    const std::vector<std::int32_t> kept(all.begin(), all.end());  // another thread may write to the array
    const Trie::Texts texts{{data.c_str(), data.size()}, kept};
    nb::gil_scoped_release unlocked;
    return std::make_shared<Trie>(texts, span_of(last), span_of(order));
}

void bind_trie(nb::module_& module) {
    nb::class_<Trie>(module, "Trie")
        .def(nb::new_(&make_trie), "data"_a, "bounds"_a, "last"_a, "order"_a)
        .def_prop_ro("size", &Trie::size)
        .def_prop_ro("height", &Trie::height)
        .def_prop_ro("memory", &Trie::bytes)
        .def_prop_ro("byte",
                     [](nb::pointer_and_handle<Trie> trie) { return member(trie, &TrieNode::byte, trie.p->size()); })
        .def_prop_ro("depth",
                     [](nb::pointer_and_handle<Trie> trie) { return member(trie, &TrieNode::depth, trie.p->size()); })
        .def_prop_ro("end",
                     [](nb::pointer_and_handle<Trie> trie) { return member(trie, &TrieNode::end, trie.p->size()); })
        .def_prop_ro("classes",
                     [](nb::pointer_and_handle<Trie> trie) { return member(trie, &TrieNode::classes, trie.p->size()); })
        .def_prop_ro("reach",
                     [](nb::pointer_and_handle<Trie> trie) { return member(trie, &TrieNode::height, trie.p->size()); })
        .def_prop_ro("token_start",
                     [](nb::pointer_and_handle<Trie> trie) {
                         return member(trie, &TrieNode::first_token, trie.p->nodes().size());
                     })
        .def_prop_ro("tokens", [](nb::pointer_and_handle<Trie> trie) { return view(trie.h, trie.p->tokens()); })
        .def(
            "child",
            [](const Trie& trie, std::int32_t node, std::uint8_t byte) {
                check_node(trie, node);
                return trie.child(node, byte);
            },
            "node"_a, "byte"_a)
        .def(
            "children",
            [](const Trie& trie, std::int32_t node) {
                check_node(trie, node);
                std::vector<std::int32_t> found;
                for (std::int32_t one = node + 1; one < trie.end_of(node); one = trie.nodes()[one].end)
                    found.push_back(one);
                return found;
            },
            "node"_a)
        .def(
            "tokens_at",
            [](nb::pointer_and_handle<Trie> trie, std::int32_t node) {
                check_node(*trie.p, node, false);
                return view(trie.h, trie.p->tokens_at(node));
            },
            "node"_a)
        .def(
            "longest", [](const Trie& trie, nb::bytes text) { return trie.longest({text.c_str(), text.size()}); },
            "text"_a)
        .def(
            "may_share",
            [](const Trie& trie, nb::bytes text, std::size_t size) {
                return trie.may_share({text.c_str(), text.size()}, size);
            },
            "text"_a, "size"_a)
        .def(
            "path",
            [](const Trie& trie, std::int32_t node) {
                check_node(trie, node);
                const std::string path = trie.path(node);
                return nb::bytes(path.data(), path.size());
            },
            "node"_a)
        .def(
            "below",
            [](const Trie& trie, const Array<std::int32_t>& exits) -> std::shared_ptr<Trie> {
                for (std::size_t i = 0; i < exits.size(); ++i) {
                    check_node(trie, exits(i));
                    if (i > 0 && exits(i) <= exits(i - 1)) throw nb::value_error("the nodes are not in order");
                }
                nb::gil_scoped_release unlocked;
                return trie.below(span_of(exits));
            },
            "exits"_a);
}

void bind_substrings(nb::module_& module) {
    using Of = nb::pointer_and_handle<SuffixAutomaton>;
    nb::class_<SuffixAutomaton>(module, "SuffixAutomaton")
        .def_prop_ro("edges", [](Of self) { return view(self.h, self.p->edges); })
        .def_prop_ro("symbols", [](Of self) { return view(self.h, self.p->symbols); })
        .def_prop_ro("targets", [](Of self) { return view(self.h, self.p->targets); })
        .def_prop_ro("longest", [](Of self) { return view(self.h, self.p->longest); })
        .def_prop_ro("nearest", [](Of self) { return view(self.h, self.p->nearest); })
        .def_prop_ro("places", [](Of self) { return view(self.h, self.p->places); })
        .def_prop_ro(
            "ends",
            [](Of self) { return Numpy<const std::uint8_t>(self.p->ends.data(), {self.p->ends.size()}, self.h); })
        .def_prop_ro("size", [](const SuffixAutomaton& self) {
            return self.ends.size() + 4 * (self.edges.size() + 2 * self.symbols.size() + 3 * self.longest.size());
        });
    module.def(
        "suffix_automaton",
        [](const Array<std::int32_t>& text, const Array<std::uint8_t>& ends, const Array<std::uint8_t>& begins,
           const Array<std::int32_t>& weights) {
            nb::gil_scoped_release unlocked;
            return suffix_automaton(span_of(text), span_of(ends), span_of(begins), span_of(weights));
        },
        "text"_a, "ends"_a, "begins"_a, "weights"_a);
}

std::size_t words_for(std::span<const std::int32_t> tokens, const Mask& row) {
    for (std::int32_t token : tokens) {
        if (token < 0 || static_cast<std::size_t>(token) >= 32 * row.size())
            throw nb::index_error("no token of the mask");
    }
    return row.size();
}

void bind_bits(nb::module_& module) {
    module.def(
        "clear",
        [](const Array<std::int32_t>& tokens, Mask row) {
            words_for(span_of(tokens), row);
            for (std::int32_t token : span_of(tokens)) row.data()[token >> 5] &= ~(std::uint32_t{1} << (token & 31));
        },
        "tokens"_a, "row"_a.noconvert());
    module.def(
        "put_at",
        [](const Trie& trie, const Array<std::int32_t>& nodes, Mask row) {
            for (std::int32_t node : span_of(nodes)) {
                check_node(trie, node, false);
                words_for(trie.tokens_at(node), row);
                for (std::int32_t token : trie.tokens_at(node))
                    row.data()[token >> 5] |= std::uint32_t{1} << (token & 31);
            }
        },
        "trie"_a, "nodes"_a, "row"_a.noconvert());
}

}  // namespace

void bind_vocabulary(nb::module_& module) {
    bind_trie(module);
    bind_substrings(module);
    bind_bits(module);
}

}  // namespace fcgen
