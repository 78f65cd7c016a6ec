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
#include <time.h>
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

double flops_per_second(int threads, long n) {
  struct job jobs[256] = {{0}};
  for (int i = 0; i < threads; ++i) jobs[i].n = n;
  double seconds = timed(multiply_add, jobs, threads);
  return 2.0 * (BYTES / 4) * CHAINS * n * threads / seconds;
}

double bytes_per_second(int threads, const void *data, long bytes) {
  struct job jobs[256] = {{0}};
  long each = bytes / BYTES / threads / 8 * 8;
  for (int i = 0; i < threads; ++i) {
    jobs[i].n = each;
    jobs[i].data = (const vec *)data + i * each;
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
    loaded.flops_per_second.restype = ctypes.c_double
    loaded.flops_per_second.argtypes = [ctypes.c_int, ctypes.c_long]
    loaded.bytes_per_second.restype = ctypes.c_double
    loaded.bytes_per_second.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_long]
    return loaded


def peak_gflops(repeats: int = 5) -> float:
    """float32 multiply-adds on all cores, best of `repeats` runs of about 20 ms; GFLOP/s."""
    return max(_library().flops_per_second(threads(), 4_000_000) for _ in range(repeats)) / 1e9


@functools.cache
def _block():
    import numpy as np

    block = np.ones((256 << 20) // 4 + 16, np.float32)
    start = (-block.ctypes.data % 64) // 4
    return block[start : start + (256 << 20) // 4]


def read_gbps(repeats: int = 5) -> float:
    """Reading 256 MiB with all cores, best of `repeats`; GB/s."""
    block = _block()
    read = _library().bytes_per_second
    return max(read(threads(), block.ctypes.data, block.nbytes) for _ in range(repeats)) / 1e9


if __name__ == "__main__":
    print(f"{threads()} threads, {peak_gflops():.0f} GFLOP/s float32, {read_gbps():.0f} GB/s read")
