"""Fourier transforms against NumPy's in double, at every instruction set."""

from __future__ import annotations

import numpy as np
import pytest

F32, F64, C64, C128 = (np.dtype(t) for t in ("f4", "f8", "c8", "c16"))
# powers, mixed radices, a large prime factor, primes (one just above what a pass takes)
SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 12, 15, 16, 30, 31, 32, 37, 49, 64, 77, 100, 121, 125, 128, 131,
         210, 256, 331, 720, 1000, 1021, 1024, 2187, 4099]  # fmt: skip


def complex_values(shape, seed, dtype):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)


def close(got, want, n: int) -> None:
    eps = np.finfo(got.dtype).eps
    size = np.abs(want).max() if want.size else 0
    assert got.shape == want.shape
    assert np.abs(got - want).max(initial=0) <= eps * size * (3 + 2 * np.log2(n + 1))


@pytest.mark.parametrize("dtype", [C64, C128], ids=str)
@pytest.mark.parametrize("n", SIZES)
def test_complex(simd_device, n, dtype):
    for shape, dim in [((21, n), 1), ((n, 19), 0), ((2, n, 3), 1)]:
        x = complex_values(shape, n, dtype)
        for inverse, fn in ((0, np.fft.fft), (1, np.fft.ifft)):
            want = fn(x.astype(C128), axis=dim) * (n if inverse else 1)
            (y,) = simd_device.run("fft_c2c", [x], [(shape, dtype)], dim=dim, inverse=inverse)
            close(y, want, n)


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
@pytest.mark.parametrize("n", SIZES)
def test_real(simd_device, n, dtype):
    pair = C64 if dtype == F32 else C128
    for shape, dim in [((21, n), 1), ((n, 19), 0), ((2, n, 3), 1)]:
        x = np.random.default_rng(n).standard_normal(shape).astype(dtype)
        half = tuple(n // 2 + 1 if i == dim else s for i, s in enumerate(shape))
        (y,) = simd_device.run("fft_r2c", [x], [(half, pair)], dim=dim)
        close(y, np.fft.rfft(x.astype(F64), axis=dim), n)
        z = complex_values(half, n, pair)
        (y,) = simd_device.run("fft_c2r", [z], [(shape, dtype)], dim=dim, n=n)
        close(y, np.fft.irfft(z.astype(C128), n, axis=dim) * n, n)


def test_lines_do_not_touch(simd_device):
    """A line's size and its NaNs are its own."""
    x = np.random.default_rng(0).standard_normal((40, 60)).astype(F32)
    x[3] *= 1e30
    x[4, 7] = np.nan
    (y,) = simd_device.run("fft_r2c", [x], [((40, 31), C64)], dim=1)
    for i, row in enumerate(y):
        if i == 4:
            assert np.isnan(row).all()
        else:
            close(row, np.fft.rfft(x[i].astype(F64)), 60)


def test_threads(blas):
    x = np.random.default_rng(0).standard_normal((300, 512)).astype(F32)
    (y,) = blas.run("fft_r2c", [x], [((300, 257), C64)], dim=1)
    close(y, np.fft.rfft(x.astype(F64)), 512)


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
@pytest.mark.parametrize("n", [4096, 5000, 8192, 13_310, 65_536, 82_944])
def test_a_few_long_lines(blas, n, dtype):
    pair = C64 if dtype == F32 else C128
    x = np.random.default_rng(n).standard_normal((2, n)).astype(dtype)
    half = (2, n // 2 + 1)
    (y,) = blas.run("fft_r2c", [x], [(half, pair)], dim=1)
    close(y, np.fft.rfft(x.astype(F64)), n)
    z = complex_values(half, n, pair)
    (y,) = blas.run("fft_c2r", [z], [((2, n), dtype)], dim=1, n=n)
    close(y, np.fft.irfft(z.astype(C128), n) * n, n)
    z = complex_values((2, n), n, pair)
    for inverse, fn in ((0, np.fft.fft), (1, np.fft.ifft)):
        (y,) = blas.run("fft_c2c", [z], [((2, n), pair)], dim=1, inverse=inverse)
        close(y, fn(z.astype(C128)) * (n if inverse else 1), n)
