// A target of libFuzzer: bytes are read as tokens, a program of states, and a stream of tokens.
//
// Masks and steps are found on two ways, so each checks the other: a token is in the mask where, and only where, its
// bytes lead somewhere. A mask that is asked for again, or in another automaton of the same program, is the same. What
// is refused (too many states, too ambiguous, a number that stands for nothing) must leave the automaton as it was.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "../automaton.hpp"
#include "../masks.hpp"

namespace {

using namespace fcgen;

void require(bool holds, const char* law) {
    if (holds) return;
    std::fprintf(stderr, "broken: %s\n", law);
    std::abort();
}

class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

    bool is_done() const { return place_ >= size_; }
    std::uint8_t byte() { return is_done() ? 0 : data_[place_++]; }
    std::int32_t below(std::int32_t limit) { return byte() % limit; }

  private:
    const std::uint8_t* data_;
    std::size_t size_, place_ = 0;
};

constexpr char kLetters[] = {'a', 'b', '"', '1', ' ', '\xc3', '\xa9', '\xff'};
char letter(Input& input) {
    return kLetters[input.below(sizeof kLetters)];
}

// Tokens, of which some may be the same.
struct Tokens {
    std::string data;
    std::vector<std::int32_t> bounds{0};

    explicit Tokens(Input& input) {
        for (std::int32_t count = 1 + input.below(40); count > 0; --count) {
            for (std::int32_t size = 1 + input.below(4); size > 0; --size) data.push_back(letter(input));
            bounds.push_back(static_cast<std::int32_t>(data.size()));
        }
    }

    Trie::Texts texts() const { return {data, bounds}; }
    std::int32_t size() const { return static_cast<std::int32_t>(bounds.size()) - 1; }
};

struct Instruction {
    Kind kind = Kind::kEnd;
    bool stops = true;
    std::int32_t min_length = 0;
    std::string text;           // of a literal
    std::vector<StateId> next;  // of a table the state of each letter, or kDead; of others those that they lead to
    bool has_loop = false;
};

// A program without dead ends: states from which no end can be reached are ends.
class Program {
  public:
    explicit Program(Input& input) : states_(1 + input.below(24)) {
        for (Instruction& state : states_) read(state, input);
        settle();
    }

    std::int32_t size() const { return static_cast<std::int32_t>(states_.size()); }
    const Instruction& operator[](StateId id) const { return states_[id]; }

  private:
    void read(Instruction& state, Input& input) {
        constexpr Kind kinds[] = {Kind::kEnd, Kind::kTable, Kind::kLiteral, Kind::kChoice, Kind::kCall};
        state.kind = kinds[input.below(5)];
        const auto any = [&] { return static_cast<StateId>(input.below(size())); };
        switch (state.kind) {
            case Kind::kTable:
                state.stops = input.below(2) == 1;
                for (std::size_t at = 0; at < sizeof kLetters; ++at) {
                    state.next.push_back(input.below(3) == 0 ? kDead : any());
                }
                state.has_loop = input.below(2) == 1;
                break;
            case Kind::kLiteral:
                for (std::int32_t left = 1 + input.below(5); left > 0; --left) state.text.push_back(letter(input));
                state.next = {any()};
                break;
            case Kind::kChoice:
                for (std::int32_t left = 1 + input.below(2); left > 0; --left) state.next.push_back(any());
                break;
            case Kind::kCall:
                state.next = {any(), input.below(4) == 0 ? kDead : any()};
                break;
            default:
                break;
        }
    }

    std::int64_t need(StateId id) const { return id == kDead ? 0 : states_[id].min_length; }

    std::int64_t need(const Instruction& state) const {
        std::int64_t least = kInfinite;
        switch (state.kind) {
            case Kind::kTable:
                if (state.stops) return 0;
                for (StateId next : state.next) {
                    if (next != kDead) least = std::min(least, 1 + need(next));
                }
                break;
            case Kind::kLiteral:
                least = static_cast<std::int64_t>(state.text.size()) + need(state.next[0]);
                break;
            case Kind::kChoice:
                for (StateId next : state.next) least = std::min(least, need(next));
                break;
            case Kind::kCall:
                least = need(state.next[0]) + need(state.next[1]);
                break;
            default:
                return 0;
        }
        return std::min<std::int64_t>(least, kInfinite);
    }

    void settle() {
        for (Instruction& state : states_) state.min_length = kInfinite;
        for (bool changes = true; changes;) {
            changes = false;
            for (Instruction& state : states_) {
                const auto found = static_cast<std::int32_t>(need(state));
                changes |= std::exchange(state.min_length, found) != found;
            }
        }
        for (Instruction& state : states_) {
            if (state.min_length >= kInfinite) state = Instruction();
            state.stops = state.min_length == 0;
        }
    }

    std::vector<Instruction> states_;
};

class Run final : public Expander {
  public:
    Run(const Program& program, const Tokens& tokens)
        : program_(program), masks_(automaton_, std::make_shared<Trie>(tokens.texts()), (tokens.size() + 31) / 32) {
        *automaton_.growth = {.limit = 20'000, .used = 0, .max_steps = 20'000};
        automaton_.add(program.size());
        for (StateId id = 0; id < program.size(); ++id)
            automaton_.describe(id, program[id].stops, program[id].min_length);
    }

    Automaton& automaton() { return automaton_; }
    Configuration start() { return automaton_.configuration_of({thread_of(0, kBottom)}, *this); }
    Configuration step(Configuration at, std::string_view text) { return automaton_.step(at, text, *this); }

    Words mask(Configuration at) {
        const ConfigurationMask found = masks_.mask(at, *this);
        Words row(found.words);
        found.write(row);
        return row;
    }

    void expand(StateId id) override {
        if (automaton_.state(id).kind != Kind::kUnexpanded) return;
        if (id >= program_.size()) throw std::out_of_range("no state of the program");
        const Instruction& state = program_[id];
        switch (state.kind) {
            case Kind::kTable:
                expand_table(id, state);
                break;
            case Kind::kLiteral:
                automaton_.make_literals(
                    id, {reinterpret_cast<const std::uint8_t*>(state.text.data()), state.text.size()}, state.next[0]);
                break;
            case Kind::kChoice:
                automaton_.make_choice(id, state.next);
                break;
            case Kind::kCall:
                automaton_.make_call(id, state.next[0], state.next[1]);
                break;
            default:
                automaton_.make_end(id);
        }
    }

    std::pair<StateId, std::size_t> skip(StateId, StackId, std::string_view) override {
        throw std::logic_error("no state is abstracted");
    }

  private:
    void expand_table(StateId id, const Instruction& state) {
        std::vector<States::Arc> arcs;
        for (std::size_t at = 0; at < sizeof kLetters; ++at) {
            const auto byte = static_cast<std::uint8_t>(kLetters[at]);
            if (state.next[at] == kDead) continue;
            ByteSet one;
            one.add(byte);
            arcs.push_back({one, state.next[at]});
        }
        automaton_.make_table(id, arcs);
        if (state.has_loop) automaton_.set_run(id, kEndless, automaton_.loops(id, id));
    }

    const Program& program_;
    Automaton automaton_;
    MaskCache masks_;
};

void check_mask(Run& run, Configuration at, const Tokens& tokens) {
    const Words row = run.mask(at);
    for (std::int32_t token = 0; token < tokens.size(); ++token) {
        const bool is_allowed = row[token >> 5] >> (token & 31) & 1;
        const bool leads_on = run.step(at, tokens.texts()[token]) != Automaton::kNowhere;
        require(is_allowed == leads_on, "a token is in the mask where its bytes lead somewhere");
    }
    require(run.mask(at) == row, "a mask is the same when it is asked for again");
}

constexpr std::size_t kMostThreads = 64;  // more are slow, and nothing new

// Both walk the same way; the second one is asked for masks in another order.
void walk(Input& input, const Program& program, const Tokens& tokens) {
    Run run(program, tokens), other(program, tokens);
    Configuration at = run.start(), there = other.start();
    for (int steps = 0; steps < 40 && !input.is_done(); ++steps) {
        if (run.automaton().threads(at).size() > kMostThreads) return;
        const std::int32_t token = input.below(tokens.size());
        if (input.below(4) != 0) check_mask(run, at, tokens);
        if (input.below(4) == 0) require(run.mask(at) == other.mask(there), "masks do not depend on what was asked");
        require(run.automaton().can_stop(at) == other.automaton().can_stop(there), "both can stop");
        require(run.automaton().min_length(at) >= 0, "a length is not negative");
        run.automaton().next_bytes(at, run);
        const Configuration next = run.step(at, tokens.texts()[token]);
        const Configuration beyond = other.step(there, tokens.texts()[token]);
        require((next == Automaton::kNowhere) == (beyond == Automaton::kNowhere), "both take a token, or none does");
        if (next == Automaton::kNowhere) continue;
        at = next, there = beyond;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const Tokens tokens(input);
    const Program program(input);
    try {
        walk(input, program, tokens);
    } catch (const TooManyStates&) {
    } catch (const TooAmbiguous&) {
    }
    return 0;
}

#ifdef FCGEN_REPLAY  // without libFuzzer: run once with each file
int main(int count, char** files) {
    for (int at = 1; at < count; ++at) {
        std::ifstream file(files[at], std::ios::binary);
        const std::string data((std::istreambuf_iterator<char>(file)), {});
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(data.data()), data.size());
    }
    std::printf("%d files\n", count - 1);
}
#endif
