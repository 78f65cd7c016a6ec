#include "base/layout.h"

#include <cstring>

namespace vob {

Layout layout_of(const vd_tensor& t) {
  Layout l;
  for (int i = 0; i < t.ndim; ++i)
    if (t.shape[i] != 1) l.push(t.shape[i], t.strides[i]);
  return merged(l);
}

Layout merged(const Layout& l) {
  Layout m;
  for (int i = 0; i < l.nd; ++i) {
    if (m.nd && m.stride[m.nd - 1] == l.stride[i] * l.size[i]) {
      m.size[m.nd - 1] *= l.size[i];
      m.stride[m.nd - 1] = l.stride[i];
    } else {
      m.push(l.size[i], l.stride[i]);
    }
  }
  return m;
}

namespace {

/* Walks the runs of the innermost dim: f(offset of the first element, elements, how many done). */
template <class F>
inline void each_run(const Layout& l, int64_t begin, int64_t n, F&& f) {
  if (l.nd == 0) {
    for (int64_t i = 0; i < n; ++i) f(0, 1, i);
    return;
  }
  int64_t index[VD_MAX_NDIM], rest = begin, offset = 0;
  for (int d = l.nd - 1; d >= 0; --d) {
    index[d] = rest % l.size[d];
    rest /= l.size[d];
    offset += index[d] * l.stride[d];
  }
  const int inner = l.nd - 1;
  for (int64_t done = 0; done < n;) {
    int64_t run = l.size[inner] - index[inner];
    if (run > n - done) run = n - done;
    f(offset, run, done);
    done += run;
    index[inner] += run;
    offset += run * l.stride[inner];
    for (int d = inner; d > 0 && index[d] == l.size[d]; --d) {
      offset += l.stride[d - 1] - l.size[d] * l.stride[d];
      index[d] = 0;
      ++index[d - 1];
    }
  }
}

}  // namespace

void gather(const Layout& l, int bytes, const void* base, int64_t begin, int64_t n, void* dst) {
  const int64_t s = l.nd ? l.stride[l.nd - 1] : 0;
  with_size(bytes, [&](auto zero) {
    using T = decltype(zero);
    const T* from = static_cast<const T*>(base);
    T* to = static_cast<T*>(dst);
    each_run(l, begin, n, [&](int64_t offset, int64_t run, int64_t done) {
      const T* p = from + offset;
      T* q = to + done;
      if (s == 1) {
        for (int64_t i = 0; i < run; ++i) q[i] = p[i];
      } else if (s == 0) {
        T v = *p;
        for (int64_t i = 0; i < run; ++i) q[i] = v;
      } else {
        for (int64_t i = 0; i < run; ++i) q[i] = p[i * s];
      }
    });
  });
}

void spread(const Layout& l, int bytes, void* base, int64_t begin, int64_t n, const void* src) {
  const int64_t s = l.nd ? l.stride[l.nd - 1] : 0;
  with_size(bytes, [&](auto zero) {
    using T = decltype(zero);
    T* to = static_cast<T*>(base);
    const T* from = static_cast<const T*>(src);
    each_run(l, begin, n, [&](int64_t offset, int64_t run, int64_t done) {
      T* q = to + offset;
      const T* p = from + done;
      for (int64_t i = 0; i < run; ++i) q[i * s] = p[i];
    });
  });
}

}  // namespace vob
