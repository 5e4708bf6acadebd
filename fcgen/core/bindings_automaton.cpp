// The automaton and its masks in Python.

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "automaton.hpp"
#include "bindings.hpp"
#include "fuel.hpp"
#include "masks.hpp"
#include "term_automaton.hpp"

namespace fcgen {
namespace {

// Asks the Python object that an automaton is part of, unless the automaton expands its states itself.
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

// Runs `ask` on an automaton and what expands its states.
template <class Ask>
auto ask(Self self, Ask&& ask) {
    if (Expander* itself = dynamic_cast<TermAutomaton*>(self.p)) return ask(*self.p, *itself);
    PythonExpander expander(self.h);
    return ask(*self.p, static_cast<Expander&>(expander));
}

// The same for a configuration that it knows.
template <class Ask>
auto ask(Self self, Configuration configuration, Ask&& question) {
    self.p->check_configuration(configuration);
    return ask(self, std::forward<Ask>(question));
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

void bind_states(nb::module_& module) {
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
        .def("set_abstracted", &Automaton::set_abstracted, "state"_a, "extra_depth"_a)
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
                return ask(self, [&](Automaton& automaton, Expander& expander) {
                    return automaton.configuration_of(std::move(threads), expander);
                });
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

// Holds an automaton's lock, and counts what is added to it, and what work that takes.
class Growing {
  public:
    Growing(Automaton& automaton, std::shared_ptr<Growth> growth, nb::object lock)
        : automaton_(automaton), growth_(std::move(growth)), lock_(std::move(lock)) {}

    void enter() {
        if (is_entered_) throw std::runtime_error("it is entered");
        lock_.attr("acquire")();
        is_entered_ = true;
        before_ = fuel;
        fuel.left = std::min(before_.left, growth_->max_steps);
        if (growth_->max_steps < before_.left) fuel.limit = growth_->max_steps;
        started_ = fuel.left;
        std::swap(automaton_.growth, growth_);
    }

    void exit(const nb::args&) {
        if (!is_entered_) throw std::runtime_error("it is not entered");
        is_entered_ = false;
        std::swap(automaton_.growth, growth_);
        fuel = {before_.left - (started_ - fuel.left), before_.limit};
        lock_.attr("release")();
    }

  private:
    Automaton& automaton_;
    std::shared_ptr<Growth> growth_;
    nb::object lock_;
    Fuel before_;
    std::int64_t started_ = 0;
    bool is_entered_ = false;
};

void bind_growing(nb::module_& module) {
    nb::class_<Growing>(module, "Growing")
        .def(nb::init<Automaton&, std::shared_ptr<Growth>, nb::object>(), "automaton"_a, "growth"_a, "lock"_a,
             nb::keep_alive<1, 2>())
        .def("__enter__", &Growing::enter)
        .def("__exit__", &Growing::exit);
}

void bind_term_automaton(nb::module_& module) {
    nb::class_<TermAutomaton, Automaton>(module, "TermAutomaton")
        .def(nb::init<std::int64_t, nb::object>(), "horizon"_a, "text_horizon"_a)
        .def("number", &TermAutomaton::number, "term"_a)
        .def("expand", [](TermAutomaton& self, StateId state) { self.expand(state); }, "state"_a);
}

void bind_masks(nb::module_& module) {
    nb::class_<ConfigurationMask>(module, "ConfigurationMask")
        .def_ro("max_length_left", &ConfigurationMask::max_length_left)
        .def_prop_ro("key",
                     [](const ConfigurationMask& self) {
                         const std::string key = self.key();
                         return nb::bytes(key.data(), key.size());
                     })
        .def(
            "write",
            [](const ConfigurationMask& self, Mask row) {
                if (row.size() < self.words) throw nb::index_error("the mask has too few words");
                self.write({row.data(), row.size()});
            },
            "row"_a.noconvert());
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

}  // namespace

void bind_automaton(nb::module_& module) {
    bind_states(module);
    bind_growing(module);
    bind_term_automaton(module);
    bind_masks(module);
}

}  // namespace fcgen
