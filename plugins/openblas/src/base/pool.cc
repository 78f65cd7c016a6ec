#include "base/pool.h"

#include <unistd.h>

#include <new>

namespace vob {
namespace {

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

constexpr int kSpins = 4000;  // about 50 us: longer than the gap between two kernels of a plan
constexpr int kSpinsToYield = 200;  // the caller gives its core up if a worker was descheduled

}  // namespace

void Pool::start() {
  owner_ = static_cast<int>(getpid());
  quit_.store(false);
  for (int i = 1; i < threads_; ++i) workers_.emplace_back([this, i] { work(i); });
}

void Pool::stop() {
  if (workers_.empty()) return;
  if (owner_ != static_cast<int>(getpid())) {
    // In a forked child the threads are gone: their handles can be neither joined nor destroyed.
    new std::vector<std::thread>(std::move(workers_));
    workers_.clear();
    return;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    quit_.store(true);
  }
  wake_.notify_all();
  for (auto& t : workers_) t.join();
  workers_.clear();
}

/* Takes indices of the current job until none is left: first its own, then those of the others. */
void Pool::drain(int self) {
  for (int i = 0; i < threads_; ++i) {
    const int t = self + i < threads_ ? self + i : self + i - threads_;
    std::atomic<uint64_t>& left = shares_[size_t(t)].left;
    uint64_t seen = left.load(std::memory_order_acquire);
    while (uint32_t(seen)) {
      if (!left.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel,
                                      std::memory_order_acquire))
        continue;
      task_(context_, first(t + 1) - int64_t(uint32_t(seen)));
      done_.fetch_add(1, std::memory_order_release);
      seen = left.load(std::memory_order_acquire);
    }
  }
}

void Pool::work(int self) {
  uint32_t seen = 0;
  for (;;) {
    int spins = 0;
    while (job_.load(std::memory_order_acquire) == seen) {
      if (++spins < kSpins) {
        relax();
        continue;
      }
      std::unique_lock<std::mutex> lock(mutex_);
      sleepers_.fetch_add(1);
      wake_.wait(lock, [&] { return quit_.load() || job_.load() != seen; });
      sleepers_.fetch_sub(1);
      if (quit_.load()) return;
      spins = 0;
    }
    if (quit_.load(std::memory_order_relaxed)) return;
    seen = job_.load(std::memory_order_acquire);
    drain(self);
  }
}

void Pool::run(int64_t n, void (*task)(void*, int64_t), void* context) {
  if (n <= 0) return;
  if (threads_ == 1 || n == 1) {
    for (int64_t i = 0; i < n; ++i) task(context, i);
    return;
  }
  if (!workers_.empty() && owner_ != static_cast<int>(getpid())) {
    stop();
    new (&mutex_) std::mutex();  // a worker may have held these at the fork
    new (&wake_) std::condition_variable();
    sleepers_.store(0);
  }
  if (workers_.empty()) start();
  task_ = task;
  context_ = context;
  count_ = n;
  done_.store(0, std::memory_order_relaxed);
  const uint32_t job = job_.load(std::memory_order_relaxed) + 1;
  for (int t = 0; t < threads_; ++t)  // a thread may begin as soon as it sees its share
    shares_[size_t(t)].left.store(uint64_t(job) << 32 | uint64_t(first(t + 1) - first(t)),
                                  std::memory_order_release);
  job_.store(job);  // seq_cst: ordered before `sleepers_`
  if (sleepers_.load()) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
    }
    wake_.notify_all();
  }
  drain(0);
  int spins = 0;
  while (done_.load(std::memory_order_acquire) != n) {
    if (++spins < kSpinsToYield) {
      relax();
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace vob
