#include "parallel.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#ifndef _WIN32
#include <unistd.h>
#endif

namespace fcgen {
namespace {

long process() {
#ifdef _WIN32
    return 0;  // there is no fork
#else
    return getpid();
#endif
}

struct Loop {
    // The caller's, who waits until all is done; not called after that.
    Loop(const std::function<void(std::size_t)>* work, std::size_t count) : work(work), count(count) {}

    const std::function<void(std::size_t)>* work;
    std::size_t count;
    std::atomic<std::size_t> next = 0;
    std::atomic<std::size_t> done = 0;
    std::mutex lock;
    std::condition_variable ended;

    void run() {
        for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) {
            (*work)(i);
            if (done.fetch_add(1) + 1 == count) {
                const std::scoped_lock locked(lock);
                ended.notify_all();
            }
        }
    }

    void wait() {
        std::unique_lock locked(lock);
        ended.wait(locked, [this] { return done.load() == count; });
    }
};

// The threads that help, and the loops that want them.
class Pool {
  public:
    // The pool of this process. It is never destroyed, since its threads end with the process; what a fork leaves of
    // the parent's is not used.
    static Pool& instance() {
        static std::mutex lock;
        static Pool* pool = nullptr;
        const std::scoped_lock locked(lock);
        if (pool == nullptr || pool->process_ != process()) pool = new Pool;
        return *pool;
    }

    // Wakes up to this many threads to help.
    void help(const std::shared_ptr<Loop>& loop, std::size_t threads) {
        const std::scoped_lock locked(lock_);
        while (count_ < threads && add_thread()) ++count_;
        for (std::size_t i = 0; i < std::min(threads, count_); ++i) {
            waiting_.push_back(loop);
            wakes_.notify_one();
        }
    }

  private:
    bool add_thread() {
        try {
            std::thread([this] { serve(); }).detach();
        } catch (const std::system_error&) {
            return false;
        }
        return true;
    }

    [[noreturn]] void serve() {
        while (true) {
            std::unique_lock locked(lock_);
            wakes_.wait(locked, [this] { return !waiting_.empty(); });
            const std::shared_ptr<Loop> loop = std::move(waiting_.front());
            waiting_.pop_front();
            locked.unlock();
            loop->run();
        }
    }

    const long process_ = process();
    std::mutex lock_;
    std::condition_variable wakes_;
    std::deque<std::shared_ptr<Loop>> waiting_;
    std::size_t count_ = 0;
};

}  // namespace

void in_parallel(std::size_t count, std::size_t threads, const std::function<void(std::size_t)>& work) {
    if (std::min(threads, count) < 2) {
        for (std::size_t i = 0; i < count; ++i) work(i);
        return;
    }
    const auto loop = std::make_shared<Loop>(&work, count);
    Pool::instance().help(loop, std::min(threads, count) - 1);
    loop->run();
    loop->wait();
}

}  // namespace fcgen
