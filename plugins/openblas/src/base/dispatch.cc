// Which instruction set this CPU runs.
#include <cstring>

#include "attention/attention_loops.h"
#include "bf16/kernels.h"
#include "simd.h"

namespace vob {
namespace {

bool runs_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c");
#else
  return false;
#endif
}
bool runs_avx512() {
#if defined(__x86_64__)
  return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512cd");
#else
  return false;
#endif
}

}  // namespace

const Simd* choose_simd(const char* wanted, const char** name) {
  auto is = [&](const char* level) {
    return !wanted || !*wanted || std::strcmp(wanted, level) == 0;
  };
#if defined(__x86_64__)
  if (is("avx512") && runs_avx512()) return *name = "avx512", simd_avx512();
  if (is("avx2") && runs_avx2()) return *name = "avx2", simd_avx2();
#endif
  if (is("baseline")) return *name = "baseline", simd_baseline();
  return nullptr;
}

const Simd* with_bf16(const Simd* simd) {
#if defined(__x86_64__) && defined(VOB_BF16)
  static const Simd made = [simd] {
    Simd s = *simd;
    s.f32_to_bf16 = bf16_from_float;
    s.narrow[0] = [](void* out, const void* const* in, int64_t n) {
      bf16_from_float(static_cast<uint16_t*>(out), static_cast<const float*>(in[0]), n);
    };
    s.log_sum_exp_bf16 = bf16_log_sum_exp;
    s.scaled_exp_bf16 = bf16_scaled_exp;
    s.swiglu_bf16 = bf16_swiglu;
    s.swiglu_backward_bf16 = bf16_swiglu_backward;
    return s;
  }();
  return &made;
#else
  return simd;
#endif
}

const Bf16Kernels* bf16_kernels() {
#if defined(__x86_64__) && defined(VOB_BF16)
  if (runs_avx512() && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni"))
    return bf16_kernels_avx512();
#endif
  return nullptr;
}

const AttentionLoops* bf16_attention() {
#if defined(__x86_64__) && defined(VOB_BF16)
  if (bf16_kernels()) return bf16_attention_avx512();
#endif
  return nullptr;
}

}  // namespace vob
