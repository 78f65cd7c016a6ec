"""Fourier transforms by NumPy, not normalised."""

from __future__ import annotations

import numpy as np

from .table import VIEWS, Caps, array_kernel

BEST = VIEWS | Caps.PREFERRED


@array_kernel("fft_c2c", "c", BEST)
def fft_c2c(x, dim, inverse=False):
    return np.fft.ifft(x, axis=dim, norm="forward") if inverse else np.fft.fft(x, axis=dim)


@array_kernel("fft_r2c", "f", BEST)
def fft_r2c(x, dim):
    return np.fft.rfft(x, axis=dim)


@array_kernel("fft_c2r", "c", BEST)
def fft_c2r(x, dim, n):
    return np.fft.irfft(x, n, axis=dim, norm="forward")
