// Kernels that do one thing to every matrix of a batch, with a status that LAPACK gives.
#ifndef VIDYA_OPENBLAS_MATRICES_H
#define VIDYA_OPENBLAS_MATRICES_H

#include <algorithm>
#include <atomic>
#include <complex>

#include "base/common.h"
#include "base/lines.h"

namespace vob {

constexpr int kNoMemory = -1000;  // what a function gives besides LAPACK's info

inline float conjugate(float x) { return x; }
inline double conjugate(double x) { return x; }
template <class R>
std::complex<R> conjugate(std::complex<R> x) {
  return std::conj(x);
}

/* A batch of M x N matrices, contiguous. */
struct Matrices {
  int64_t batch = 1, m, n;
  explicit Matrices(const vd_tensor& a) : m(a.shape[a.ndim - 2]), n(a.shape[a.ndim - 1]) {
    for (int i = 0; i < a.ndim - 2; ++i) batch *= a.shape[i];
  }
  /* What input or output `which` has for matrix i, `each` elements per matrix. */
  template <class T>
  const T* in(const vd_call& call, int which, int64_t i, int64_t each) const {
    return in_ptr<T>(call, which) + i * each;
  }
  template <class T>
  T* out(const vd_call& call, int which, int64_t i, int64_t each) const {
    return out_ptr<T>(call, which) + i * each;
  }
};

using MatrixFn = int (*)(const Matrices&, const Lapack&, const vd_call&, int64_t i);

inline vd_status each_matrix(Device& d, const vd_call& call, const Matrices& shape, MatrixFn fn,
                             const char* refusal, vd_err* err) {
  std::atomic<int> worst{0};
  const double side = double(std::max<int64_t>(shape.m, shape.n));
  d.pool.ranges(shape.batch, side * side * side + 1000, 1, [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i)
      if (int info = fn(shape, d.blas.lapack, call, i)) worst = info;
  });
  if (worst == kNoMemory) return fail(err, VD_OOM, "%s: no memory to work in", call.op);
  return worst ? fail(err, VD_INVALID, "%s: %s", call.op, refusal) : VD_OK;
}

template <class Functions>
vd_status make_matrices(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                        vd_err* err) {
  const DType t = call.n_inputs ? in_type(call, 0) : DType::Unknown;
  MatrixFn fn = t == DType::F32    ? Functions::template of<float>
                : t == DType::F64  ? Functions::template of<double>
                : t == DType::C64  ? Functions::template of<std::complex<float>>
                : t == DType::C128 ? Functions::template of<std::complex<double>>
                                   : nullptr;
  if (!fn || !arity(call, Functions::inputs, Functions::outputs) || call.inputs[0].ndim < 2)
    return unsupported(call, err, "it takes matrices of floating point or complex numbers");
  if (!d.blas.has_lapack) return unsupported(call, err, "this OpenBLAS has no LAPACK");
  for (int i = 0; i < call.n_inputs; ++i)
    for (int k = 1; k <= 2; ++k)
      if (call.inputs[i].shape[call.inputs[i].ndim - k] > (1 << 24))
        return unsupported(call, err, "LAPACK counts with 32 bits");
  const Matrices shape(call.inputs[0]);
  return answer(kernel, kPreferred, [shape, fn](Device& dev, const vd_call& c, vd_err* e) {
    return each_matrix(dev, c, shape, fn, Functions::refusal(), e);
  });
}

/* What make_matrices wants to know of fn<T>(shape, lapack, call, i), which gives LAPACK's info. */
#define VOB_MATRICES(fn, n_in, n_out, text)              \
  struct fn##_kernel {                                   \
    static constexpr int inputs = n_in, outputs = n_out; \
    static const char* refusal() { return text; }        \
    template <class T>                                   \
    static constexpr MatrixFn of = fn<T>;                \
  };

/* Part of add_factor. */
void add_eig(sdk::Table<Make>&);

}  // namespace vob

#endif
