"""Results of 256 MB: memory that was given back is handed out again with its pages in place."""

from __future__ import annotations

import numpy as np

COUNT = 64 << 20  # float32: 256 MB


def bench_fresh_result(tensor, measure, best, benchmark):
    """x + 1, each time into a new tensor; gbps counts the read and the write."""
    x, array = tensor(COUNT)
    result = measure(lambda: x + 1, rounds=12).numpy()
    np.testing.assert_array_equal(result[:1000], array[:1000] + 1)
    benchmark.extra_info["gbps"] = round(2 * array.nbytes / best() / 1e9, 1)


def bench_chain_of_fresh_results(tensor, measure, best, benchmark):
    """Three results one after the other: as many blocks are kept as were alive at one time."""
    x, array = tensor(COUNT)
    result = measure(lambda: ((x + 1) * 2).abs(), rounds=6).numpy()
    np.testing.assert_array_equal(result[:1000], np.abs((array[:1000] + 1) * 2))
    benchmark.extra_info["gbps"] = round(6 * array.nbytes / best() / 1e9, 1)
