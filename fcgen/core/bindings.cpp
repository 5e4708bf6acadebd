// The Python module `fcgen.core._core`; `_core.pyi` says what each name takes and gives.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "automaton.hpp"
#include "masks.hpp"
#include "substrings.hpp"
#include "trie.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace fcgen {
namespace {

template <class T>
using Array = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Table = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T>
using Numpy = nb::ndarray<nb::numpy, T>;
using Mask = nb::ndarray<std::uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class T>
std::span<const T> span_of(const Array<T>& array) {
    return {array.data(), array.size()};
}

// An array that owns what was in a vector.
template <class T>
Numpy<T> to_numpy(std::vector<T>&& values) {
    auto* kept = new std::vector<T>(std::move(values));
    nb::capsule owner(kept, [](void* kept) noexcept { delete static_cast<std::vector<T>*>(kept); });
    return Numpy<T>(kept->data(), {kept->size()}, owner);
}

// A read-only array of one member of all nodes of a trie.
template <class T>
Numpy<const T> member(nb::pointer_and_handle<Trie> trie, T TrieNode::* field, std::size_t count) {
    constexpr auto stride = static_cast<std::int64_t>(sizeof(TrieNode) / sizeof(T));
    static_assert(sizeof(TrieNode) % sizeof(T) == 0);
    return Numpy<const T>(&(trie.p->nodes().data()->*field), {count}, trie.h, {stride});
}

Numpy<const std::int32_t> view(nb::handle owner, std::span<const std::int32_t> values) {
    return Numpy<const std::int32_t>(values.data(), {values.size()}, owner);
}

void check_node(const Trie& trie, std::int32_t node, bool may_be_root = true) {
    if (node < (may_be_root ? Trie::kRoot : 0) || node >= trie.size()) throw nb::index_error("no node of the trie");
}

std::shared_ptr<Trie> make_trie(nb::bytes data, const Array<std::int64_t>& start, const Array<std::int64_t>& length,
                                const std::vector<std::int32_t>& last) {
    const std::string_view all(data.c_str(), data.size());
    if (start.size() != length.size()) throw nb::value_error("start and length differ in their lengths");
    if (start.size() > INT32_MAX) throw nb::value_error("too many tokens");
    std::vector<Trie::Entry> entries;
    entries.reserve(start.size());
    for (std::size_t token = 0; token < start.size(); ++token) {
        const std::int64_t first = start(token), size = length(token);
        if (first < 0 || size < 0 || first > std::int64_t(all.size()) || size > std::int64_t(all.size()) - first) {
            throw nb::value_error("a string is outside of the data");
        }
        entries.push_back({all.substr(first, size), static_cast<std::int32_t>(token), false});
    }
    for (std::int32_t token : last) {
        if (token >= 0 && token < std::int64_t(entries.size())) entries[token].goes_last = true;
    }
    nb::gil_scoped_release unlocked;
    return std::make_shared<Trie>(std::move(entries));
}

void bind_trie(nb::module_& module) {
    nb::class_<Trie>(module, "Trie")
        .def(nb::new_(&make_trie), "data"_a, "start"_a, "length"_a, "last"_a)
        .def_prop_ro("size", &Trie::size)
        .def_prop_ro("height", &Trie::height)
        .def_prop_ro("bytes", &Trie::bytes)
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
        .def_prop_ro("parent", [](nb::pointer_and_handle<Trie> trie) { return view(trie.h, trie.p->parents()); })
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
            "tokens_under",
            [](nb::pointer_and_handle<Trie> trie, std::int32_t node) {
                check_node(*trie.p, node, false);
                const std::int32_t first = trie.p->nodes()[node].first_token;
                return view(trie.h, trie.p->tokens().subspan(
                                        first, trie.p->nodes()[trie.p->nodes()[node].end].first_token - first));
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
                if (trie.parents().empty()) throw nb::value_error("only the trie of the vocabulary knows its paths");
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

// Asks the Python object that an automaton is part of.
class PythonExpander final : public Expander {
  public:
    explicit PythonExpander(nb::handle automaton) : automaton_(automaton) {}

    void expand(StateId state) override { automaton_.attr("expand")(state); }

    std::pair<StateId, std::size_t> skip(StateId state, StackId stack, std::string_view data) override {
        return nb::cast<std::pair<StateId, std::size_t>>(
            automaton_.attr("skip")(state, stack, nb::bytes(data.data(), data.size())));
    }

  private:
    nb::handle automaton_;
};

using Self = nb::pointer_and_handle<Automaton>;

// The automaton with the Python object that it is part of, which is alive.
Self self_of(Automaton& automaton) {
    return {&automaton, nb::find(&automaton)};
}

// Runs `ask` on an automaton and what expands its states, for a configuration that it knows.
template <class Ask>
auto ask(Self self, Configuration configuration, Ask&& ask) {
    self.p->check_configuration(configuration);
    PythonExpander expander(self.h);
    return ask(*self.p, expander);
}

std::span<const std::uint8_t> bytes_of(const nb::bytes& bytes) {
    return {static_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

ByteSet read_byte_set(const nb::bytes& bits) {
    if (bits.size() != 32) throw nb::value_error("a set of bytes has 32 bytes");
    ByteSet found;
    for (int byte = 0; byte < 256; ++byte) {
        if (bytes_of(bits)[byte >> 3] >> (byte & 7) & 1) found.add(static_cast<std::uint8_t>(byte));
    }
    return found;
}

void make_table(Automaton& automaton, StateId state, const std::vector<std::pair<nb::bytes, StateId>>& arcs) {
    std::vector<States::Arc> read;
    for (const auto& [bits, then] : arcs) read.push_back({read_byte_set(bits), then});
    automaton.make_table(state, read);
}

void bind_automaton(nb::module_& module) {
    nb::enum_<Kind>(module, "Kind")
        .value("UNEXPANDED", Kind::kUnexpanded)
        .value("TABLE", Kind::kTable)
        .value("LITERAL", Kind::kLiteral)
        .value("CALL", Kind::kCall)
        .value("CHOICE", Kind::kChoice)
        .value("END", Kind::kEnd)
        .value("OPAQUE", Kind::kOpaque)
        .value("OVERLAY", Kind::kOverlay);
    nb::class_<Growth>(module, "Growth")
        .def(
            "__init__",
            [](Growth* self, std::int64_t limit, std::int64_t max_steps) { new (self) Growth{limit, 0, max_steps}; },
            "max_states"_a, "max_steps"_a)
        .def_ro("limit", &Growth::limit)
        .def_rw("used", &Growth::used)
        .def_ro("max_steps", &Growth::max_steps);
    nb::class_<Automaton>(module, "Automaton")
        .def(nb::init<>())
        .def_rw("growth", &Automaton::growth)
        .def_prop_ro("size", &Automaton::size)
        .def_prop_ro("count", &Automaton::count)
        .def(
            "kind", [](const Automaton& self, StateId state) { return self.at(state).kind; }, "state"_a)
        .def(
            "stops", [](const Automaton& self, StateId state) { return self.at(state).stops; }, "state"_a)
        .def(
            "length_of", [](const Automaton& self, StateId state) { return self.at(state).min_length; }, "state"_a)
        .def(
            "run_of",
            [](const Automaton& self, StateId state) { return std::pair(self.at(state).run, self.at(state).loops); },
            "state"_a)
        .def(
            "next",
            [](const Automaton& self, StateId state, std::uint8_t byte) { return self.next(self.at(state), byte); },
            "state"_a, "byte"_a)
        .def(
            "literal",
            [](const Automaton& self, StateId state) {
                const State& here = self.at(state);
                if (here.kind != Kind::kLiteral) throw nb::value_error("no literal");
                return std::pair(here.byte, here.first);
            },
            "state"_a)
        .def("add", &Automaton::add, "count"_a, "is_light"_a = false)
        .def("describe", &Automaton::describe, "state"_a, "stops"_a, "min_length"_a)
        .def("make_end", &Automaton::make_end, "state"_a)
        .def("make_opaque", &Automaton::make_opaque, "state"_a)
        .def("make_call", &Automaton::make_call, "state"_a, "called"_a, "waiting"_a)
        .def(
            "make_choice",
            [](Automaton& self, StateId state, const std::vector<StateId>& parts) { self.make_choice(state, parts); },
            "state"_a, "parts"_a)
        .def(
            "make_literals",
            [](Automaton& self, StateId state, const nb::bytes& text, StateId end) {
                self.make_literals(state, bytes_of(text), end);
            },
            "state"_a, "text"_a, "end"_a)
        .def("make_literal", &Automaton::make_literal, "state"_a, "byte"_a, "then"_a)
        .def("make_table", &make_table, "state"_a, "arcs"_a)
        .def(
            "make_overlay",
            [](Automaton& self, StateId state, StateId other, const std::vector<std::int32_t>& own) {
                self.make_overlay(state, other, own);
            },
            "state"_a, "other"_a, "own"_a)
        .def(
            "add_text",
            [](Automaton& self, const SuffixAutomaton& text, const nb::bytes& tail, StateId end, StateId after_close) {
                return self.add_text(text, bytes_of(tail), end, after_close);
            },
            "text"_a, "tail"_a, "end"_a, "after_close"_a)
        .def("set_run", &Automaton::set_run, "state"_a, "run"_a, "loops"_a)
        .def("loops", &Automaton::loops, "state"_a, "home"_a)
        .def("set_abstracted", &Automaton::set_abstracted, "state"_a)
        .def("push", &Automaton::push, "state"_a, "below"_a)
        .def(
            "popped",
            [](const Automaton& self, StackId stack) {
                self.check_stack(stack);
                if (stack <= kBottom) throw nb::index_error("nothing waits there");
                return self.popped(stack);
            },
            "stack"_a)
        .def(
            "threads",
            [](const Automaton& self, Configuration configuration) {
                self.check_configuration(configuration);
                const auto found = self.threads(configuration);
                return std::vector<Thread>(found.begin(), found.end());
            },
            "configuration"_a)
        .def(
            "can_stop",
            [](const Automaton& self, Configuration configuration) {
                self.check_configuration(configuration);
                return self.can_stop(configuration);
            },
            "configuration"_a)
        .def(
            "min_length",
            [](const Automaton& self, Configuration configuration) {
                self.check_configuration(configuration);
                return self.min_length(configuration);
            },
            "configuration"_a)
        .def(
            "depth",
            [](const Automaton& self, Configuration configuration) {
                self.check_configuration(configuration);
                return self.depth(configuration);
            },
            "configuration"_a)
        .def(
            "configuration_of",
            [](Self self, std::vector<Thread> threads) {
                for (Thread thread : threads) self.p->check_configuration(thread);
                PythonExpander expander(self.h);
                return self.p->configuration_of(std::move(threads), expander);
            },
            "threads"_a)
        .def(
            "step",
            [](Self self, Configuration configuration, const nb::bytes& text) {
                return ask(self, configuration, [&](Automaton& automaton, Expander& expander) {
                    return automaton.step(configuration, {text.c_str(), text.size()}, expander);
                });
            },
            "configuration"_a, "text"_a)
        .def(
            "entered",
            [](Self self, Configuration configuration) {
                return ask(self, configuration, [&](Automaton& automaton, Expander& expander) {
                    return automaton.entered(automaton.threads(configuration), expander);
                });
            },
            "configuration"_a)
        .def(
            "ended",
            [](Self self, Configuration configuration) {
                return ask(self, configuration, [&](Automaton& automaton, Expander& expander) {
                    return automaton.ended(configuration, expander);
                });
            },
            "configuration"_a)
        .def(
            "next_bytes",
            [](Self self, Configuration configuration) {
                return ask(self, configuration, [&](Automaton& automaton, Expander& expander) {
                    return automaton.next_bytes(configuration, expander);
                });
            },
            "configuration"_a)
        .def(
            "nearer",
            [](const Automaton& self, Thread thread, const nb::bytes& writable) {
                self.check_configuration(thread);
                return self.nearer(thread, read_byte_set(writable));
            },
            "thread"_a, "writable"_a);
}

void bind_masks(nb::module_& module) {
    nb::class_<ConfigurationMask>(module, "ConfigurationMask")
        .def_ro("max_length_left", &ConfigurationMask::max_length_left)
        .def_prop_ro("key",
                     [](const ConfigurationMask& self) {
                         const std::string key = self.key();
                         return nb::bytes(key.data(), key.size());
                     })
        .def("write", [](const ConfigurationMask& self, Mask row) { self.write({row.data(), row.size()}); }, "row"_a);
    nb::class_<MaskCache>(module, "MaskCache")
        .def(
            "__init__",
            [](MaskCache* self, Automaton& automaton, std::shared_ptr<const Trie> trie, std::size_t words) {
                if (!trie->tokens().empty() && std::ranges::max(trie->tokens()) >= std::int64_t(32 * words)) {
                    throw nb::value_error("the mask has too few words for the tokens");
                }
                new (self) MaskCache(automaton, std::move(trie), words);
            },
            "automaton"_a, "trie"_a, "words"_a, nb::keep_alive<1, 2>())
        .def(
            "mask",
            [](MaskCache& self, Configuration configuration) {
                return ask(self_of(self.automaton()), configuration,
                           [&](Automaton&, Expander& expander) { return self.mask(configuration, expander); });
            },
            "configuration"_a)
        .def(
            "ends",
            [](MaskCache& self, Configuration configuration) {
                auto found = ask(self_of(self.automaton()), configuration,
                                 [&](Automaton&, Expander& expander) { return self.ends(configuration, expander); });
                nb::dict ends;
                for (auto& [end, nodes] : found) ends[nb::int_(end)] = to_numpy(std::move(nodes));
                return ends;
            },
            "configuration"_a);
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
        "put",
        [](const Array<std::int32_t>& tokens, Mask row) {
            words_for(span_of(tokens), row);
            for (std::int32_t token : span_of(tokens)) row.data()[token >> 5] |= std::uint32_t{1} << (token & 31);
        },
        "tokens"_a, "row"_a);
    module.def(
        "clear",
        [](const Array<std::int32_t>& tokens, Mask row) {
            words_for(span_of(tokens), row);
            for (std::int32_t token : span_of(tokens)) row.data()[token >> 5] &= ~(std::uint32_t{1} << (token & 31));
        },
        "tokens"_a, "row"_a);
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
        "trie"_a, "nodes"_a, "row"_a);
}

void raise_too_large(const char* message, nb::object limit, nb::object given, const char* hint) {
    nb::object error = nb::module_::import_("fcgen.errors").attr("GrammarTooLarge");
    PyErr_SetObject(error.ptr(), error(message, "limit"_a = limit, "given"_a = given, "hint"_a = hint).ptr());
}

void translate_limits(const std::exception_ptr& thrown, void*) {
    try {
        std::rethrow_exception(thrown);
    } catch (const TooManyStates& error) {
        raise_too_large(error.what(), nb::int_(error.limit), nb::int_(error.given),
                        "Lower length bounds, simplify patterns, or offer fewer functions at once.");
    } catch (const TooAmbiguous& error) {
        raise_too_large(error.what(), nb::int_(Automaton::kMostThreads), nb::none(),
                        "Make the alternatives of `anyOf` differ earlier.");
    }
}

}  // namespace
}  // namespace fcgen

NB_MODULE(_core, module) {
    nb::set_leak_warnings(false);  // caches of modules live until the process ends
    nb::register_exception_translator(fcgen::translate_limits);
    fcgen::bind_trie(module);
    fcgen::bind_automaton(module);
    fcgen::bind_masks(module);
    fcgen::bind_substrings(module);
    fcgen::bind_bits(module);
    module.attr("version") = FCGEN_VERSION;
    module.attr("build") = FCGEN_BUILD;
    module.attr("DEAD") = fcgen::kDead;
    module.attr("OPAQUE_NEXT") = fcgen::kOpaqueNext;
    module.attr("INFINITE") = fcgen::kInfinite;
    module.attr("ENDLESS") = fcgen::kEndless;
    module.attr("OPEN") = fcgen::kOpen;
    module.attr("BOTTOM") = fcgen::kBottom;
    module.attr("ROOT") = fcgen::Trie::kRoot;
    module.attr("BYTE_CLASSES") = nb::bytes(reinterpret_cast<const char*>(fcgen::kByteClasses.data()), 256);
}
