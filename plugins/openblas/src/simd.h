// The loops that are worth compiling once per instruction set, as a table of plain functions.
// The files under simd/ are compiled several times, each time into another namespace; `open`
// takes the table that the CPU can run.  Loops work on contiguous data.
#ifndef VIDYA_OPENBLAS_SIMD_H
#define VIDYA_OPENBLAS_SIMD_H

#include <cstdint>

namespace vob {

/* n elements: out[i] = f(in[0][i], in[1][i], ...).  out may be the same memory as an input. */
using Loop = void (*)(void* out, const void* const* in, int64_t n);

/* clang-format moves one X to a line of its own at every pass. */
/* clang-format off */
#define VOB_UNARY_OPS(X)                                                                  \
  X(neg) X(abs) X(sign) X(floor) X(ceil) X(round) X(trunc) X(sqrt) X(exp) X(expm1) X(log) \
  X(log1p) X(sin) X(cos) X(tanh) X(erf) X(relu) X(sigmoid) X(silu) X(gelu) X(gelu_tanh)   \
  X(rsqrt) X(reciprocal) X(square) X(exp2) X(log2) X(log10) X(tan) X(asin) X(acos) X(atan)  \
  X(sinh) X(cosh) X(asinh) X(acosh) X(atanh) X(erfc) X(erfinv) X(lgamma) X(digamma) X(i0) X(i1)
#define VOB_BINARY_OPS(X)                                                                \
  X(add) X(sub) X(mul) X(div) X(maximum) X(minimum) X(relu_backward) X(sigmoid_backward) \
  X(tanh_backward) X(silu_backward) X(gelu_backward) X(gelu_tanh_backward) X(pow) X(fmod) \
  X(remainder) X(atan2) X(hypot) X(logaddexp)
#define VOB_COMPARE_OPS(X) \
  X(eq) X(ne) X(lt) X(le) X(gt) X(ge)

/* What element-wise programs have besides; truth is 0 or 1 there.  In simd/ewise.cc. */
#define VOB_PROGRAM_OPS(X)                                                               \
  X(eq) X(ne) X(lt) X(le) X(gt) X(ge) X(and) X(or) X(not) X(where) X(fma) X(fms) X(fnma) \
  X(round_bf16) X(round_f16)
/* Instructions that are kernels too.  In simd/activations.cc. */
#define VOB_ACTIVATION_OPS(X)                                                              \
  X(frac) X(clamp) X(lerp) X(leaky_relu) X(leaky_relu_backward) X(hardswish) X(hardswish_backward) \
  X(softplus) X(softplus_backward)
#define VOB_EWISE_OPS(X) VOB_PROGRAM_OPS(X) VOB_ACTIVATION_OPS(X)
/* clang-format on */

#define VOB_ENUM(name) k_##name,
enum UnaryOp { VOB_UNARY_OPS(VOB_ENUM) kUnaryOps };
enum BinaryOp { VOB_BINARY_OPS(VOB_ENUM) kBinaryOps };
enum CompareOp { VOB_COMPARE_OPS(VOB_ENUM) kCompareOps };
#undef VOB_ENUM
#define VOB_ENUM(name) k_e_##name,
enum EwiseOp { VOB_EWISE_OPS(VOB_ENUM) kEwiseOps };
#undef VOB_ENUM

enum Float { kF32 = 0, kF64 = 1, kBF16 = 2 };  // first index of the tables below

/* The coefficients of one Adam step, worked out once per call. */
struct AdamStep {
  double lr, beta1, beta2, eps, weight_decay, correction1, correction2;
  bool decoupled;
};
struct SgdStep {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, first, buffered;
};

/* Reductions of one dtype: how accumulators start, take in a row or columns, and become results.
 * The 16-bit floats come as float32. */
enum ReduceOp { kSum, kProd, kMax, kMin, kNorm, kReduceOps };
struct ReduceLoops {
  int acc_bytes;  // 0 where the op has no meaning
  void (*start)(void* acc, int64_t n);
  void (*row)(void* acc, const void* x, int64_t n);  // one accumulator
  /* n accumulators, with `rows` rows of n elements, `stride` elements apart. */
  void (*columns)(void* acc, const void* x, int64_t n, int64_t rows, int64_t stride);
  void (*join)(void* acc, const void* other, int64_t n);
  void (*finish)(void* y, const void* acc, int64_t n);
};
/* By their numbers in sdk::DType, where 0 is bool. */
constexpr int kReduceTypes = 15;
/* clang-format off */
#define VOB_REDUCE_TYPES(X)                                                         \
  X(1, uint8_t) X(2, uint16_t) X(3, uint32_t) X(4, uint64_t) X(5, int8_t) X(6, int16_t) \
  X(7, int32_t) X(8, int64_t) X(11, float) X(12, double) X(13, complex64) X(14, complex128)
/* clang-format on */

/* Down `width` neighbouring columns of `rows` rows, `stride` apart in all operands. */
template <class T>
struct ColumnLoops {
  using One = void (*)(T* y, const T* x, int64_t rows, int64_t width, int64_t stride);
  using Two = void (*)(T* dx, const T* g, const T* y, int64_t rows, int64_t width, int64_t stride);
  One softmax, log_softmax;
  Two softmax_backward, log_softmax_backward;
};

/* Over one run of a channel. */
template <class T>
struct ChannelLoops {
  double (*sum)(const T* x, int64_t n);
  double (*squares_about)(const T* x, int64_t n, double mean);
  double (*products_about)(const T* g, const T* x, int64_t n, double mean);
  void (*normalized)(T* y, const T* x, int64_t n, double mean, double scale, double shift);
  void (*normalized_backward)(T* dx, const T* g, const T* x, int64_t n, double mean, double scale,
                              double slope, double shift);
};

/* One row of n states; see simd/recurrent.cc. */
template <class T>
struct RecurrentLoops {
  void (*lstm)(T* h, T* after, const T* parts, const T* c, int64_t n);
  void (*lstm_backward)(T* dparts, T* dc, const T* gh, const T* parts, const T* c, const T* after,
                        const T* gc, int64_t n);
  void (*gru)(T* y, const T* x, const T* s, const T* h, int64_t n);
  void (*gru_backward)(T* dx, T* ds, T* dh, const T* g, const T* x, const T* s, const T* h,
                       int64_t n);
};

constexpr int64_t kChannelPad = 16;  // of conv_outer: the widest vector

struct AttentionLoops;
struct QuantLoops;
template <class E>
struct PackedKernels;

template <class T>
struct FftLoops;

/* Words carried from place to place. */
struct MoveLoops {
  /* to[i] = from[n - 1 - i], of words of 1, 2, 4 and 8 bytes. */
  void (*reversed[4])(void* to, const void* from, int64_t n);
  /* `rows` rows of `bytes` bytes; from one to the next it is that many bytes. */
  void (*rows)(char* to, int64_t to_step, const char* from, int64_t from_step, int64_t bytes,
               int64_t rows);
  /* Negative if one of them is not in [0, limit). */
  int64_t (*outside)(const int64_t* index, int64_t n, int64_t limit);
};

struct Simd {
  // float32, float64, bfloat16; nullptr where there is none
  Loop unary[3][kUnaryOps];
  Loop rough_gelu;  // float32, as near as bfloat16 needs it
  Loop binary[3][kBinaryOps];
  Loop compare[2][kCompareOps];  // to bool
  Loop ewise[2][kEwiseOps];
  /* `half` pairs of a row: (x[i], x[i + half]), or neighbours if interleaved. */
  void (*rope32)(float* y, const float* x, const float* cos, const float* sin, int64_t half,
                 bool interleaved);

  // 16-bit floats to and from float32, to nearest even
  void (*bf16_to_f32)(float*, const uint16_t*, int64_t);
  void (*f32_to_bf16)(uint16_t*, const float*, int64_t);
  void (*f16_to_f32)(float*, const uint16_t*, int64_t);
  void (*f32_to_f16)(uint16_t*, const float*, int64_t);
  Loop narrow[2], widen[2];  // the same as element-wise loops: bfloat16, then float16
  void (*fill32)(void* y, const void* x, int64_t n);  // n times the 4 bytes at x
  MoveLoops move;
  /* Copies past the caches: dst is 64-byte aligned, bytes a multiple of 64.  Others see it after
   * stream_end, which is dear: once per chunk of work, not per block. */
  void (*stream)(void* dst, const void* src, int64_t bytes);
  void (*stream_end)();
  /* dst[i * ldd + j] = src[j * lds + i] for i, j < 16 (elements of 4 bytes); `stream` may send the
   * rows, then 64-byte aligned, past the caches. */
  void (*transpose16)(uint32_t* dst, int64_t ldd, const uint32_t* src, int64_t lds, bool stream);

  // reductions of a row; sums are blocked
  double (*sum32)(const float*, int64_t);
  double (*sum64)(const double*, int64_t);
  float (*max32)(const float*, int64_t);  // NaN if there is one; -inf for n = 0
  float (*min32)(const float*, int64_t);
  ReduceLoops reduce[kReduceTypes][kReduceOps];
  void (*sum_row_bf16)(void* acc, const void* x, int64_t n);  // onto a double
  /* Running sums and products of a row, in double. */
  void (*cumsum32)(float* y, const float* x, int64_t n);
  void (*cumprod32)(float* y, const float* x, int64_t n);

  // rows of length n; the 16-bit floats come through float32 buffers
  void (*softmax32)(float* y, const float* x, int64_t n);
  void (*softmax64)(double* y, const double* x, int64_t n);
  void (*log_softmax32)(float* y, const float* x, int64_t n);
  void (*log_softmax64)(double* y, const double* x, int64_t n);
  void (*softmax_backward32)(float* dx, const float* g, const float* y, int64_t n);
  void (*softmax_backward64)(double* dx, const double* g, const double* y, int64_t n);
  void (*log_softmax_backward32)(float* dx, const float* g, const float* y, int64_t n);
  void (*log_softmax_backward64)(double* dx, const double* g, const double* y, int64_t n);
  void (*rms_norm32)(float* y, const float* x, const float* w, int64_t n, double eps);
  void (*rms_norm64)(double* y, const double* x, const double* w, int64_t n, double eps);
  /* dw (accumulated into) may be null; w may be null. */
  void (*rms_norm_backward32)(float* dx, float* dw, const float* g, const float* x, const float* w,
                              int64_t n, double eps);
  void (*rms_norm_backward64)(double* dx, double* dw, const double* g, const double* x,
                              const double* w, int64_t n, double eps);
  void (*layer_norm32)(float* y, const float* x, const float* w, const float* b, int64_t n,
                       double eps);
  void (*layer_norm64)(double* y, const double* x, const double* w, const double* b, int64_t n,
                       double eps);
  void (*layer_norm_backward32)(float* dx, float* dw, float* db, const float* g, const float* x,
                                const float* w, int64_t n, double eps);
  void (*layer_norm_backward64)(double* dx, double* dw, double* db, const double* g,
                                const double* x, const double* w, int64_t n, double eps);
  ColumnLoops<float> columns32;
  ColumnLoops<double> columns64;
  ChannelLoops<float> channels32;
  ChannelLoops<double> channels64;
  RecurrentLoops<float> recurrent32;
  RecurrentLoops<double> recurrent64;
  double (*log_sum_exp32)(const float* x, int64_t n);
  double (*log_sum_exp64)(const double* x, int64_t n);
  /* dx = g exp(x - lse); the one-hot part is the caller's. */
  void (*scaled_exp32)(float* dx, const float* x, double lse, double g, int64_t n);
  void (*scaled_exp64)(double* dx, const double* x, double lse, double g, int64_t n);
  /* The same of bfloat16, for |lse| < 1e37; null where the CPU has no instructions for it. */
  double (*log_sum_exp_bf16)(const uint16_t* x, int64_t n) = nullptr;
  void (*scaled_exp_bf16)(uint16_t* dx, const uint16_t* x, double lse, double g,
                          int64_t n) = nullptr;

  /* silu(gate) up, and the gradients of both; results may be operands. */
  void (*swiglu32)(float* y, const float* gate, const float* up, int64_t n);
  void (*swiglu_bf16)(uint16_t* y, const uint16_t* gate, const uint16_t* up, int64_t n);
  void (*swiglu_backward32)(float* dgate, float* dup, const float* g, const float* gate,
                            const float* up, int64_t n);
  void (*swiglu_backward_bf16)(uint16_t* dgate, uint16_t* dup, const uint16_t* g,
                               const uint16_t* gate, const uint16_t* up, int64_t n);

  // matrix-vector: y[i] = dot(a row i, x), rows `stride` apart; and y += sum_k x[k] * (a row k)
  void (*dot_rows32)(float* y, int64_t ystride, const float* a, int64_t stride, const float* x,
                     int64_t rows, int64_t n);
  void (*dot_rows64)(double* y, int64_t ystride, const double* a, int64_t stride, const double* x,
                     int64_t rows, int64_t n);
  void (*dot_rows_bf16)(float* y, int64_t ystride, const uint16_t* a, int64_t stride,
                        const float* x, int64_t rows, int64_t n);
  void (*dot_rows_f16)(float* y, int64_t ystride, const uint16_t* a, int64_t stride, const float* x,
                       int64_t rows, int64_t n);
  void (*axpy_rows32)(float* y, const float* a, int64_t stride, const float* x, int64_t xstride,
                      int64_t rows, int64_t n);
  void (*axpy_rows64)(double* y, const double* a, int64_t stride, const double* x, int64_t xstride,
                      int64_t rows, int64_t n);
  /* y[j * ldy + r] = dot(row r of `rows` of w, row j of `count` of x), each n long. */
  void (*few_rows32)(float* y, int64_t ldy, const float* w, int64_t stride, int64_t rows,
                     const float* x, int64_t ldx, int64_t count, int64_t n);
  void (*few_rows64)(double* y, int64_t ldy, const double* w, int64_t stride, int64_t rows,
                     const double* x, int64_t ldx, int64_t count, int64_t n);
  void (*few_rows_bf16)(float* y, int64_t ldy, const uint16_t* w, int64_t stride, int64_t rows,
                        const float* x, int64_t ldx, int64_t count, int64_t n);
  void (*few_rows_f16)(float* y, int64_t ldy, const uint16_t* w, int64_t stride, int64_t rows,
                       const float* x, int64_t ldx, int64_t count, int64_t n);
  /* C (m x n, rows ldc apart) = A (m x k; element (i, p) at i * sa0 + p * sa1) B (rows ldb apart):
   * for products too small for OpenBLAS's packing. */
  void (*small_gemm32)(float* c, int64_t ldc, const float* a, int64_t sa0, int64_t sa1,
                       const float* b, int64_t ldb, int64_t m, int64_t n, int64_t k);
  void (*small_gemm64)(double* c, int64_t ldc, const double* a, int64_t sa0, int64_t sa1,
                       const double* b, int64_t ldb, int64_t m, int64_t n, int64_t k);
  /* c[m, n], the distances of the m rows of a [m, k] from the n columns of b [k, n]. */
  void (*distances32)(float* c, const float* a, const float* b, int64_t m, int64_t n, int64_t k);
  void (*distances64)(double* c, const double* a, const double* b, int64_t m, int64_t n, int64_t k);
  /* Row i of c[m, n] is the sum over j of w[i, j] (a[i] - b[j]); w[m, p], a[m, n], b[p, n]. */
  void (*pulls32)(float* c, const float* w, const float* a, const float* b, int64_t m, int64_t p,
                  int64_t n);
  void (*pulls64)(double* c, const double* w, const double* a, const double* b, int64_t m,
                  int64_t p, int64_t n);

  void (*adamw32)(float* p, const float* g, float* m, float* v, const float* p0, const float* m0,
                  const float* v0, int64_t n, const AdamStep&);
  void (*adamw64)(double* p, const double* g, double* m, double* v, const double* p0,
                  const double* m0, const double* v0, int64_t n, const AdamStep&);
  void (*sgd32)(float* p, const float* g, float* buf, const float* p0, const float* buf0, int64_t n,
                const SgdStep&);
  void (*sgd64)(double* p, const double* g, double* buf, const double* p0, const double* buf0,
                int64_t n, const SgdStep&);
  /* Whole Philox blocks: 4 * blocks words, the first with counter (counter, 0). */
  void (*philox)(uint32_t* out, uint64_t key, uint64_t counter, int64_t blocks);
  /* n pixels of m <= 8 channels, ldo apart: bias + sum of a[k * 8 + m] * rows[k][i].  Rows may be
   * read to the end of a vector. */
  void (*conv_line32)(float* out, int64_t ldo, const float* a, int m, const float* const* rows,
                      int64_t k, int64_t n, const float* bias);
  void (*conv_line64)(double* out, int64_t ldo, const double* a, int m, const double* const* rows,
                      int64_t k, int64_t n, const double* bias);
  /* to[m * ldt + j] += the product of g[m] and x[j], over `lines` lines of n pixels. */
  void (*conv_products32)(float* to, int64_t ldt, const float* const* g, int64_t gstep, int64_t m,
                          const float* const* x, int64_t xstep, int64_t count, int64_t lines,
                          int64_t n);
  void (*conv_products64)(double* to, int64_t ldt, const double* const* g, int64_t gstep, int64_t m,
                          const double* const* x, int64_t xstep, int64_t count, int64_t lines,
                          int64_t n);
  /* to[j * ldt + o] += the product of channel o of g, whose ldg channels lie side by side pixel by
   * pixel, and x[j]; ldg is a multiple of kChannelPad. */
  void (*conv_outer32)(float* to, int64_t ldt, const float* g, int64_t ldg, const float* const* x,
                       int64_t xstep, int64_t count, int64_t lines, int64_t n);
  void (*conv_outer64)(double* to, int64_t ldt, const double* g, int64_t ldg,
                       const double* const* x, int64_t xstep, int64_t count, int64_t lines,
                       int64_t n);
  /* One element of the window for n results: the largest and its place, or the sum. */
  void (*max_line32)(float* best, int32_t* where, const float* x, int64_t n, int64_t stride,
                     int64_t first);
  void (*max_line64)(double* best, int64_t* where, const double* x, int64_t n, int64_t stride,
                     int64_t first);
  void (*sum_rows32)(float* to, const float* a, const float* b, int64_t n);  // to may be a or b
  void (*add_line32)(float* sum, const float* x, int64_t n, int64_t stride);
  void (*add_line64)(double* sum, const double* x, int64_t n, int64_t stride);
  const AttentionLoops* attention;
  const QuantLoops* quant;
  const FftLoops<float>* fft32;
  const FftLoops<double>* fft64;
  const PackedKernels<float>* gemm32;  // null: OpenBLAS multiplies
};

const Simd* simd_baseline();
const Simd* simd_avx2();
const Simd* simd_avx512();

/* `simd` with what a CPU that knows bfloat16 does faster. */
const Simd* with_bf16(const Simd* simd);
/* The best table for this CPU, or the one VIDYA_SIMD names; nullptr if that cannot run here. */
const Simd* choose_simd(const char* wanted, const char** name);

}  // namespace vob

#endif
