"""The matrix product."""

from __future__ import annotations

import numpy as np

from .table import array_kernel


@array_kernel("matmul", "fci")
def matmul(a, b):
    """a [..., M, K] @ b [..., K, N] -> [..., M, N]; float32 sums for low precision, 0 for K = 0."""
    return np.matmul(a, b)
