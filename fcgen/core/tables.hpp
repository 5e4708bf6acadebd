// The automaton's tables, as a walk reads them. `fcgen/grammar/states.py` and `automaton.py` say what they mean.
#pragma once

#include <cstdint>
#include <limits>

namespace fcgen {

// A state's number in `rows` and `choices` where there is none.
inline constexpr std::int32_t kDead = -1;
inline constexpr std::int32_t kBeyond = -2;  // what only unknown states lead on from

inline constexpr std::int32_t kFar = 1 << 30;  // so many bytes or more to an end

enum class Kind : std::int32_t { kUnfilled, kRow, kChain, kCall, kChoice, kEnd, kUnknown, kAside };

struct State {
    Kind kind;
    std::int32_t first, second;  // by kind
    std::int32_t stops;          // whether its text may end here
    std::int32_t fewest;         // bytes to an end of it
    std::int32_t run;            // so many bytes of the classes in `loops` lead back to it
    std::uint32_t loops_low, loops_high;

    std::uint64_t loops() const { return loops_low | static_cast<std::uint64_t>(loops_high) << 32; }
};
static_assert(sizeof(State) == 32);

// Frame kOpen stands for whatever may follow, kBottom for the end of the text. Of a frame that stands for n others
// `state` is -n, and `below` is where these begin in `choices`.
inline constexpr std::int32_t kOpen = 0;
inline constexpr std::int32_t kBottom = 1;

struct Frame {
    std::int32_t state, below;
    std::int32_t unused;
    std::int32_t stops, fewest;  // of all of the stack
    std::int32_t depth;
    std::int32_t unused_too[2];
};
static_assert(sizeof(Frame) == 32);

struct Tables {
    const State* states;
    const std::int32_t (*rows)[256];
    const std::int32_t* choices;
    const Frame* frames;
};

}  // namespace fcgen
