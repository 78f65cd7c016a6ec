"""What this machine can do at this moment: the bounds that figures are set against."""

from __future__ import annotations

import ctypes
import functools
import os
import subprocess
import tempfile
from pathlib import Path

# Independent multiply-adds that never leave the registers, and a read of more than the caches hold.
SOURCE = r"""
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __linux__
#include <sys/mman.h>
#endif
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif
#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
#define CHAINS 12
typedef float vec __attribute__((vector_size(BYTES)));

struct job { long n; const vec *data; float result; };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static float total(const vec *acc, int n) {
  float sum = 0;
  for (int i = 0; i < n; ++i)
    for (unsigned j = 0; j < BYTES / 4; ++j) sum += acc[i][j];
  return sum;
}

static void *multiply_add(void *argument) {
  struct job *job = argument;
  vec acc[CHAINS], a, b;
  for (unsigned j = 0; j < BYTES / 4; ++j) a[j] = 0.999f, b[j] = 1e-3f;
  for (int i = 0; i < CHAINS; ++i) acc[i] = a * (float)i;
  for (long n = 0; n < job->n; ++n)
    for (int i = 0; i < CHAINS; ++i) acc[i] = acc[i] * a + b;
  job->result = total(acc, CHAINS);
  return 0;
}

#ifdef __AVX512BF16__
static void *multiply_add_bf16(void *argument) {
  struct job *job = argument;
  __m512 acc[CHAINS];
  __m512bh a = (__m512bh)_mm512_set1_epi16(0x3f00), b = (__m512bh)_mm512_set1_epi16(0x3e00);
  for (int i = 0; i < CHAINS; ++i) acc[i] = _mm512_setzero_ps();
  for (long n = 0; n < job->n; ++n)
    for (int i = 0; i < CHAINS; ++i) acc[i] = _mm512_dpbf16_ps(acc[i], a, b);
  job->result = total((vec *)acc, CHAINS);
  return 0;
}
#endif

static void *read_all(void *argument) {
  struct job *job = argument;
  vec acc[8] = {0};
  for (long n = 0; n < job->n; n += 8)
    for (int i = 0; i < 8; ++i) acc[i] += job->data[n + i];
  job->result = total(acc, 8);
  return 0;
}

static double timed(void *(*body)(void *), struct job *jobs, int threads) {
  pthread_t handles[256];
  double start = now();
  for (int i = 0; i < threads; ++i) pthread_create(&handles[i], 0, body, &jobs[i]);
  for (int i = 0; i < threads; ++i) pthread_join(handles[i], 0);
  return now() - start;
}

double flops_per_second(int threads, long n, int bf16) {
  struct job jobs[256] = {{0}};
  for (int i = 0; i < threads; ++i) jobs[i].n = n;
  double flops = 2.0 * (BYTES / 4) * CHAINS * n * threads;
#ifdef __AVX512BF16__
  if (bf16) return 2 * flops / timed(multiply_add_bf16, jobs, threads);
#endif
  return flops / timed(multiply_add, jobs, threads);
}

// In huge pages, where the system gives them: with small ones a third of the rate can be lost.
static const vec *block(long bytes) {
  static vec *data;
  if (data) return data;
  if (posix_memalign((void **)&data, 2 << 20, bytes)) return 0;
#ifdef MADV_HUGEPAGE
  madvise(data, bytes, MADV_HUGEPAGE);
#endif
  memset(data, 1, bytes);
  return data;
}

double bytes_per_second(int threads) {
  struct job jobs[256] = {{0}};
  long bytes = 256l << 20, each = bytes / BYTES / threads / 8 * 8;
  const vec *data = block(bytes);
  if (!data) return 0;
  for (int i = 0; i < threads; ++i) {
    jobs[i].n = each;
    jobs[i].data = data + i * each;
  }
  return (double)each * BYTES * threads / timed(read_all, jobs, threads);
}
"""


def threads() -> int:
    """The cores that this process may use, and so the threads that are measured with."""
    return min(256, len(os.sched_getaffinity(0)))


@functools.cache
def _library() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as directory:
        source, library = Path(directory) / "machine.c", Path(directory) / "machine.so"
        source.write_text(SOURCE)
        flags = ["-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC", "-pthread"]
        subprocess.run(["cc", *flags, source, "-o", library], check=True)
        loaded = ctypes.CDLL(str(library))
    for name in ("flops_per_second", "bytes_per_second"):
        getattr(loaded, name).restype = ctypes.c_double
    loaded.flops_per_second.argtypes = [ctypes.c_int, ctypes.c_long, ctypes.c_int]
    return loaded


def peak_gflops(repeats: int = 5, *, bf16: bool = False) -> float:
    """Multiply-adds on all cores, best of `repeats` runs of about 20 ms; GFLOP/s.

    They are float32, or with `bf16` products of bfloat16 added in float32, where the CPU has such
    an instruction (AVX512-BF16); else float32 too.
    """
    measure = _library().flops_per_second
    return max(measure(threads(), 4_000_000, bf16) for _ in range(repeats)) / 1e9


def read_gbps(repeats: int = 5) -> float:
    """Reading 256 MiB with all cores, best of `repeats`; GB/s."""
    return max(_library().bytes_per_second(threads()) for _ in range(repeats)) / 1e9


if __name__ == "__main__":
    print(
        f"{threads()} threads, {peak_gflops():.0f} GFLOP/s float32, "
        f"{peak_gflops(bf16=True):.0f} bfloat16, {read_gbps():.0f} GB/s read"
    )
