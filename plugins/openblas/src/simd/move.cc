// Words carried from place to place: reversed, in rows, and the check of where to.
#include "parts.h"

namespace vob {
namespace VOB_ISA {
namespace {

template <class T>
void reversed(void* out, const void* in, int64_t n) {
  T* to = static_cast<T*>(out);
  const T* last = static_cast<const T*>(in) + n - 1;
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) to[i] = last[-i];
}

template <int Bytes>
inline void piece(char* to, const char* from) {
  char words[Bytes];
  __builtin_memcpy(words, from, Bytes);
  __builtin_memcpy(to, words, Bytes);
}
/* n >= Bytes: the last piece may cover some of the one before it. */
template <int Bytes>
inline void pieces(char* to, const char* from, int64_t n) {
  for (int64_t i = 0; i + Bytes < n; i += Bytes) piece<Bytes>(to + i, from + i);
  piece<Bytes>(to + n - Bytes, from + n - Bytes);
}

void rows(char* to, int64_t to_step, const char* from, int64_t from_step, int64_t bytes,
          int64_t rows) {
  auto each = [&](auto copy) {
    for (int64_t r = 0; r < rows; ++r, to += to_step, from += from_step) copy(to, from);
  };
  if (bytes >= 64) return each([&](char* q, const char* p) { pieces<64>(q, p, bytes); });
  if (bytes >= 32) return each([&](char* q, const char* p) { pieces<32>(q, p, bytes); });
  if (bytes >= 16) return each([&](char* q, const char* p) { pieces<16>(q, p, bytes); });
  if (bytes >= 8) return each([&](char* q, const char* p) { pieces<8>(q, p, bytes); });
  if (bytes >= 4) return each([&](char* q, const char* p) { pieces<4>(q, p, bytes); });
  if (bytes >= 2) return each([&](char* q, const char* p) { pieces<2>(q, p, bytes); });
  if (bytes == 1) each([&](char* q, const char* p) { *q = *p; });
}

/* The sign of i | (limit - 1 - i): both are at least 0 for an index that fits. */
int64_t outside(const int64_t* index, int64_t n, int64_t limit) {
  int64_t wrong = 0;
  for (int64_t i = 0; i < n; ++i) wrong |= index[i] | (limit - 1 - index[i]);
  return wrong;
}

}  // namespace

void fill_move(Simd& s) {
  s.move.reversed[0] = reversed<uint8_t>, s.move.reversed[1] = reversed<uint16_t>;
  s.move.reversed[2] = reversed<uint32_t>, s.move.reversed[3] = reversed<uint64_t>;
  s.move.rows = rows;
  s.move.outside = outside;
}

}  // namespace VOB_ISA
}  // namespace vob
