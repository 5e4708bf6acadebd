// Threads that share a loop.
#pragma once

#include <cstddef>
#include <functional>

namespace fcgen {

// Calls `work`, which does not throw, for each number below `count`, on at most so many threads, this one among them.
//
// The other threads wait for such loops as long as the process lives. One that wakes up late finds the loop done: it is
// never waited for a thread that has not begun, so where all processors are busy a loop takes as long as on one thread.
void in_parallel(std::size_t count, std::size_t threads, const std::function<void(std::size_t)>& work);

}  // namespace fcgen
