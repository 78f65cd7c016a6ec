// What every kernel file needs: the device, the kernel interface, small helpers.
#ifndef VIDYA_OPENBLAS_COMMON_H
#define VIDYA_OPENBLAS_COMMON_H

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "base/blas.h"
#include "base/pool.h"
#include "simd.h"
#include "vidya/sdk.hpp"

namespace vob {

namespace sdk = vidya::sdk;
using sdk::DType;
using sdk::fail;

/* Memory that grows and stays: one kernel uses it at a time, because the queue is in order. */
class Scratch {
 public:
  ~Scratch() { std::free(data_); }
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  /* At least `bytes` bytes, 64-byte aligned, contents undefined; nullptr if there is no memory. */
  void* get(size_t bytes);

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

class Kernel;
using Make = vd_status (*)(class Device&, const vd_call&, std::unique_ptr<Kernel>&, vd_err*);

class Device {
 public:
  explicit Device(int threads);
  Pool pool;
  Scratch scratch;
  Blas blas;
  const Simd* simd;
  const char* simd_name;
  // where the CPU multiplies bfloat16 itself
  const struct Bf16Kernels* bf16 = nullptr;
  const AttentionLoops* attention_bf16 = nullptr;
  sdk::Table<Make> table;
};

/* What `find` makes: everything that shapes and dtypes decide is decided by then. */
class Kernel {
 public:
  explicit Kernel(uint32_t caps) : caps(caps) {}
  virtual ~Kernel() = default;
  virtual vd_status run(Device& d, const vd_call& call, vd_err* err) = 0;
  const uint32_t caps;
};

constexpr uint32_t kStrided = VD_CAP_STRIDED_IN, kInplace = VD_CAP_INPLACE,
                   kScalars = VD_CAP_SCALAR_IN, kPreferred = VD_CAP_PREFERRED,
                   kStridedOut = VD_CAP_STRIDED_OUT;

/* A kernel from a lambda (Device &, const vd_call &, vd_err *) -> vd_status. */
template <class F>
class LambdaKernel final : public Kernel {
 public:
  LambdaKernel(uint32_t caps, F f) : Kernel(caps), f_(std::move(f)) {}
  vd_status run(Device& d, const vd_call& call, vd_err* err) override { return f_(d, call, err); }

 private:
  F f_;
};

template <class F>
vd_status answer(std::unique_ptr<Kernel>& kernel, uint32_t caps, F f) {
  kernel = std::make_unique<LambdaKernel<F>>(caps, std::move(f));
  return VD_OK;
}

inline DType in_type(const vd_call& c, int i) { return sdk::dtype_of(c.inputs[i].dtype); }
inline DType out_type(const vd_call& c, int i = 0) { return sdk::dtype_of(c.outputs[i].dtype); }

template <class T>
T* out_ptr(const vd_call& c, int i = 0) {
  return reinterpret_cast<T*>(static_cast<char*>(c.outputs[i].buffer) + c.outputs[i].offset);
}
template <class T>
const T* in_ptr(const vd_call& c, int i) {
  return static_cast<const T*>(sdk::data(c.inputs[i]));
}

/* VD_UNSUPPORTED naming op and dtype, for `find`. */
inline vd_status unsupported(const vd_call& c, vd_err* err, const char* why) {
  return fail(err, VD_UNSUPPORTED, "openblas has no %s kernel for %s: %s", c.op,
              c.n_inputs ? sdk::name_of(in_type(c, 0)) : "this call", why);
}

/* Does the call have that many inputs and outputs, with ranks a kernel can hold? */
inline bool arity(const vd_call& c, int inputs, int outputs) {
  return c.n_inputs == inputs && c.n_outputs == outputs;
}

/* `dim` of the call if it names one of t's dims, else -1. */
inline int dim_attr(const vd_call& c, const vd_tensor& t) {
  int64_t dim = sdk::attr_int(c, "dim", -1);
  return dim >= 0 && dim < t.ndim ? int(dim) : -1;
}

/* Calls f with a value of the C type behind a real dtype other than the 16-bit floats. */
template <class F>
bool with_int(DType t, F&& f) {
  switch (t) {
    case DType::U8:
      f(uint8_t{});
      return true;
    case DType::U16:
      f(uint16_t{});
      return true;
    case DType::U32:
      f(uint32_t{});
      return true;
    case DType::U64:
      f(uint64_t{});
      return true;
    case DType::I8:
      f(int8_t{});
      return true;
    case DType::I16:
      f(int16_t{});
      return true;
    case DType::I32:
      f(int32_t{});
      return true;
    case DType::I64:
      f(int64_t{});
      return true;
    default:
      return false;
  }
}

/* What each family adds to the table. */
void add_elementwise(sdk::Table<Make>&);
void add_ewise(sdk::Table<Make>&);
void add_activations(sdk::Table<Make>&);
void add_gated(sdk::Table<Make>&);
void add_rope(sdk::Table<Make>&);
void add_cast(sdk::Table<Make>&);
void add_copy(sdk::Table<Make>&);
void add_triangle(sdk::Table<Make>&);
void add_create(sdk::Table<Make>&);
void add_reduce(sdk::Table<Make>&);
void add_scan(sdk::Table<Make>&);
void add_matmul(sdk::Table<Make>&);
void add_index(sdk::Table<Make>&);
void add_scatter(sdk::Table<Make>&);
void add_sort(sdk::Table<Make>&);
void add_softmax(sdk::Table<Make>&);
void add_norm(sdk::Table<Make>&);
void add_norm_residual(sdk::Table<Make>&);
void add_channels(sdk::Table<Make>&);
void add_loss(sdk::Table<Make>&);
void add_optim(sdk::Table<Make>&);
void add_attention(sdk::Table<Make>&);
void add_attention_backward(sdk::Table<Make>&);
void add_quant(sdk::Table<Make>&);
void add_factor(sdk::Table<Make>&);
void add_solve(sdk::Table<Make>&);
void add_least_squares(sdk::Table<Make>&);
void add_permutation(sdk::Table<Make>&);
void add_conv(sdk::Table<Make>&);
void add_pool(sdk::Table<Make>&);
void add_topk(sdk::Table<Make>&);
void add_cache(sdk::Table<Make>&);
void add_fft(sdk::Table<Make>&);
void add_embedding_backward(sdk::Table<Make>&);
void add_pad(sdk::Table<Make>&);
void add_search(sdk::Table<Make>&);
void add_cdist(sdk::Table<Make>&);
void add_recurrent(sdk::Table<Make>&);

}  // namespace vob

#endif
