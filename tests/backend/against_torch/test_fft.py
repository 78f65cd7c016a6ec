"""Fourier transforms of every length, their arguments, and the short-time one."""

from __future__ import annotations

from typing import Any

from .compare import check
from .draw import Call, Draw

NORMS = (None, "backward", "ortho", "forward")
REALS = ("float64", "float64", "float32", "int64", "uint8", "bool")
COMPLEXES = ("complex128", "complex128", "complex64")


def size(draw: Draw) -> int:
    return draw.one(1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 16, 17, 30)


def transform(draw: Draw) -> Call:
    name = draw.one("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
    several = draw.one("", "", "2", "n")
    kind = draw.one(*(REALS if name in ("rfft", "ihfft") else (*COMPLEXES, *REALS)))
    rank = draw.rng.randint(2 if several == "2" else 1, 3)
    shape = tuple(size(draw) if draw.maybe() else draw.rng.randint(1, 4) for _ in range(rank))
    x = draw.pair(kind, shape, hard=False)
    keywords: dict[str, Any] = {"norm": draw.one(*NORMS)}
    smooth = kind in ("float64", "complex128")
    if not several:
        if draw.maybe():
            keywords["n"] = size(draw)
        keywords["dim"] = draw.dim(shape)
        return Call(f"fft.{name}", [x], keywords, smooth, 30)
    count = 2 if several == "2" else draw.rng.randint(1, rank)
    dims = tuple(d - rank * draw.maybe() for d in draw.rng.sample(range(rank), count))
    if draw.maybe():
        keywords["s"] = tuple(draw.one(-1, size(draw)) for _ in dims)
    if several == "2" or "s" not in keywords or draw.maybe():
        keywords["dim"] = dims
    return Call(f"fft.{name}{several}", [x], keywords, smooth, 30)


def helper(draw: Draw) -> Call:
    name = draw.one("fftshift", "ifftshift", "fftfreq", "rfftfreq")
    if name.endswith("freq"):
        return Call(f"fft.{name}", [size(draw)], draw.one({}, {"d": 0.5}))
    shape = draw.shape(least=1)
    dims = draw.one(None, draw.dim(shape), tuple(range(len(shape))))
    return Call(f"fft.{name}", [draw.pair("float64", shape, False)], {"dim": dims}, True)


def stft(lib: Any, x: Any, n: int, **keywords: Any) -> Any:
    return lib.stft(x, n, return_complex=True, **keywords)


def there_and_back(lib: Any, x: Any, n: int, window: Any, length: Any, **keywords: Any) -> Any:
    turned = lib.stft(x, n, window=window, return_complex=True, **keywords)
    return lib.istft(turned, n, window=window, length=length, **keywords)


def short_time(draw: Draw) -> Call:
    n = draw.one(4, 5, 8, 9, 16)
    x = draw.pair("float64", (*draw.one((), (2,)), draw.rng.randint(2 * n, 4 * n)), False)
    keywords: dict[str, Any] = {"normalized": draw.maybe(0.3)}
    if draw.maybe():
        keywords["hop_length"] = draw.rng.randint(1, n // 2)
    width = n
    if draw.maybe(0.3):
        keywords["win_length"] = width = draw.rng.randint(max(2, n // 2), n)
    window = draw.of(draw.numpy.uniform(0.5, 1.5, width))
    if draw.maybe():
        length = draw.one(None, x.theirs.shape[-1] - 1)
        return Call(there_and_back, [x, n, window, length], keywords, True, 30)
    keywords.update(center=draw.maybe(0.6), window=draw.one(window, window, None))
    if keywords["center"]:
        keywords["pad_mode"] = draw.one("reflect", "constant", "replicate")
    if draw.maybe(0.4):
        keywords["onesided"] = draw.maybe()
    return Call(stft, [x, n], keywords, True, 30)


def test_transforms(draw):
    check(draw, transform)


def test_helpers(draw):
    check(draw, helper)


def test_short_time(draw):
    check(draw, short_time, calls=30)
