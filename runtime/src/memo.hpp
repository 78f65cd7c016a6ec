// The memo of an op: from what it was called with to the plan that was decided for it.
#pragma once
#include <cstring>
#include <vector>

#include "plan.hpp"

namespace vidya {

// What a plan depends on, as words: metas by address, attributes by type and value.
struct Key {
  static constexpr int kInline = 48;
  uint64_t words[kInline];
  int n = 0;
  bool objects = false;        // some words are addresses of Python objects, to be kept alive
  std::vector<uint64_t> more;  // the rest of an unusually long key
  void push(uint64_t w) {
    if (n < kInline)
      words[n++] = w;
    else
      more.push_back(w);
  }
  uint64_t hash() const {
    uint64_t h = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < n; ++i) h = (h ^ words[i]) * 0xff51afd7ed558ccdu, h ^= h >> 32;
    for (uint64_t w : more) h = (h ^ w) * 0xff51afd7ed558ccdu, h ^= h >> 32;
    return h;
  }
};

class Memo {
 public:
  static constexpr size_t kBound = 4096;  // entries; then the memo starts anew

  const PlanPtr* find(const Key& key, uint64_t hash) const {
    if (entries_.empty()) return nullptr;
    for (size_t at = hash & mask_; table_[at] != kFree; at = (at + 1) & mask_) {
      const Entry& e = entries_[static_cast<size_t>(table_[at])];
      if (e.hash == hash && same(e, key)) return &e.plan;
    }
    return nullptr;
  }

  void insert(const Key& key, uint64_t hash, PlanPtr plan) {
    if (entries_.size() >= kBound) clear();
    Entry e;
    e.hash = hash;
    e.words.assign(key.words, key.words + key.n);
    e.words.insert(e.words.end(), key.more.begin(), key.more.end());
    e.plan = std::move(plan);
    entries_.push_back(std::move(e));
    if (entries_.size() * 2 > table_.size()) {
      table_.assign(std::max<size_t>(16, table_.size() * 2), kFree);
      mask_ = table_.size() - 1;
      for (size_t i = 0; i < entries_.size(); ++i) place(i);
    } else {
      place(entries_.size() - 1);
    }
  }

  void clear() {
    entries_.clear();
    table_.clear();
    mask_ = 0;
  }
  size_t size() const { return entries_.size(); }

 private:
  static constexpr int32_t kFree = -1;
  struct Entry {
    uint64_t hash;
    std::vector<uint64_t> words;
    PlanPtr plan;
  };

  static bool same(const Entry& e, const Key& k) {
    size_t n = static_cast<size_t>(k.n);
    return e.words.size() == n + k.more.size() &&
           !std::memcmp(e.words.data(), k.words, n * sizeof(uint64_t)) &&
           (k.more.empty() ||
            !std::memcmp(e.words.data() + n, k.more.data(), k.more.size() * sizeof(uint64_t)));
  }
  void place(size_t i) {
    size_t at = entries_[i].hash & mask_;
    while (table_[at] != kFree) at = (at + 1) & mask_;
    table_[at] = static_cast<int32_t>(i);
  }

  std::vector<Entry> entries_;
  std::vector<int32_t> table_;
  size_t mask_ = 0;
};

}  // namespace vidya
