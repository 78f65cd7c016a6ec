"""Reading images at any places, and the grids of affine maps."""

from __future__ import annotations

import itertools

import numpy as np

from ..case import S, Wrong, case

F = "nn.functional."
_NARROW = ("float16", "bfloat16")


def _cubic(t):
    def weight(d):
        d, a = abs(d), -0.75
        if d <= 1:
            return (a + 2) * d**3 - (a + 3) * d**2 + 1
        return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a

    return [(i, weight(t - i)) for i in range(-1, 3)]


def _mirrored(at, size, corners):
    low, high = (0.0, size - 1.0) if corners else (-0.5, size - 0.5)
    if high <= low:
        return 0.0
    while not low <= at <= high:
        at = 2 * low - at if at < low else 2 * high - at
    return at


def grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """One place, one neighbour at a time."""
    sizes = x.shape[2:]
    out = np.zeros((*x.shape[:2], *grid.shape[1:-1]))

    def inside(at, size):
        if padding_mode == "reflection":
            at = _mirrored(at, size, align_corners)
        return at if padding_mode == "zeros" else min(max(at, 0.0), size - 1.0)

    for n, *place in np.ndindex(grid.shape[:-1]):
        taps = []
        for size, g in zip(sizes, grid[(n, *place)][::-1], strict=True):
            at = (g + 1) / 2 * (size - 1) if align_corners else ((g + 1) * size - 1) / 2
            if np.isnan(at):
                at = size + 2.0 if padding_mode == "zeros" else 0.0
            if mode != "bicubic":
                at = inside(at, size)
            low = int(np.floor(at))
            if mode == "nearest":
                taps.append([(int(np.rint(at)), 1.0)])
            elif mode == "bilinear":
                taps.append([(low, 1 - (at - low)), (low + 1, at - low)])
            else:
                found = [(inside(low + i, size), w) for i, w in _cubic(at - low)]
                taps.append([(int(i), w) for i, w in found])
        for corner in itertools.product(*taps):
            index = tuple(i for i, _ in corner)
            if all(0 <= i < size for i, size in zip(index, sizes, strict=True)):
                weight = np.prod([w for _, w in corner])
                out[(n, slice(None), *place)] += weight * x[(n, slice(None), *index)]
    return out


def _samples(t):
    for mode, padding, corners in itertools.product(
        ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (False, True)
    ):
        grid = t(1, 2, 2, 2, low=-1.7, high=1.7)
        yield S(t(1, 1, 3, 4), grid, mode, padding, corners)
    yield S(t(2, 3, 3, 2), t(2, 1, 2, 2, low=-1, high=1))
    yield S(t(1, 1, 2, 3, 2), t(1, 1, 2, 1, 3, low=-1.2, high=1.2), align_corners=False)
    for mode in ("bilinear", "nearest"):
        many = t(2, 17, 19, 2, low=-1.4, high=1.4)
        yield S(t(2, 3, 9, 5), many, mode, "border", True).forward_only()
        far = t.of([[[[-1.3, -1.2], [-3, 0], [1e30, 0], [1.4, 1.5], [-1e30, 2], [0.9, -4]]]])
        image = t.of([[[[np.inf, 1, 2], [3, 4, np.nan]]]])
        for padding in ("zeros", "border"):
            yield S(image, far, mode, padding, False).forward_only()
        nowhere = t.of([[[[[0, np.nan, 0], [np.nan] * 3, [-1, 0, -1]]]]])
        yield S(t(1, 2, 1, 3, 2), nowhere, mode, "zeros", False).forward_only()
        volume = t(1, 3, 11, 10, 3, low=-1.4, high=1.4)
        yield S(t(1, 2, 3, 4, 5), volume, mode, "reflection", False).forward_only()


case(
    F + "grid_sample",
    grid_sample,
    _samples,
    skip_dtypes=_NARROW,
    scale=16,
    wrong=lambda t: [
        Wrong(S(t(1, 1, 3, 4), t(1, 2, 2, 3)), (ValueError, RuntimeError), "grid"),
        Wrong(S(t(1, 1, 3, 4), t(1, 2, 2, 2), "cubic"), ValueError, "mode"),
    ],
)


def affine_grid(theta, size, align_corners=None):
    lines = [
        (np.linspace(-1, 1, s) if s > 1 else np.zeros(1))
        if align_corners
        else (2 * np.arange(s) + 1) / s - 1
        for s in size[2:]
    ]
    places = np.meshgrid(*lines, indexing="ij")
    points = np.stack([*reversed(places), np.ones_like(places[0])], -1)
    return np.einsum("nij,...j->n...i", theta, points)


case(
    F + "affine_grid",
    affine_grid,
    lambda t: [
        S(t(2, 2, 3), (2, 1, 3, 4), False),
        S(t(1, 2, 3), (1, 1, 3, 1), True),
        S(t(1, 3, 4), (1, 1, 2, 2, 3), False),
    ],
    skip_dtypes=_NARROW,
    scale=4,
    wrong=lambda t: [Wrong(S(t(1, 2, 2), (1, 1, 2, 2)), (ValueError, RuntimeError), "theta")],
)
