"""Rows of a table: embedding and embedding_bag, with everything that they take."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compare import check
from .draw import WIDE, Call, Draw

_F = "nn.functional."


def embedding(draw: Draw) -> Call:
    count, width = draw.rng.randint(1, 6), draw.rng.randint(0 if draw.maybe(0.1) else 1, 4)
    kind = draw.one("float64", "float64", "float32", "bfloat16", "int64", "complex64")
    table = draw.pair(kind, (count, width), False)
    keywords: dict[str, Any] = {}
    if draw.maybe(0.4):
        keywords["padding_idx"] = draw.rng.randint(-count, count - 1)
    at = draw.index(count, draw.shape())
    if kind in WIDE and draw.maybe(0.4):
        keywords.update(max_norm=draw.one(1.0, 4.0), norm_type=draw.one(2.0, 1.0, float("inf")))
    if kind in WIDE and draw.maybe(0.4):
        keywords["scale_grad_by_freq"] = True
    return Call(looked_up, [at, table], keywords, kind == "float64")


def looked_up(lib: Any, at: Any, table: Any, **keywords: Any) -> Any:
    """max_norm changes the table itself, which is a result too then, and has no history."""
    if "max_norm" in keywords:
        table = table.detach().clone()
    return lib.nn.functional.embedding(at, table, **keywords), table


def bag(draw: Draw) -> Call:
    count, width = draw.rng.randint(1, 6), draw.rng.randint(1, 4)
    kind = draw.one("float64", "float64", "float32")
    mode = draw.one("sum", "mean", "max")
    # no two elements are equal, so that a largest one is one place
    table = draw.numpy.permutation(count * width).reshape(count, width).astype(kind) - 3.5
    keywords: dict[str, Any] = {"mode": mode}
    if draw.maybe(0.6):  # one row of bags after the other
        total = draw.rng.randint(0, 8)
        at = draw.numpy.integers(0, count, total)
        starts = np.sort(draw.numpy.integers(0, total + 1, draw.rng.randint(1, 4)))
        starts[0] = 0
        if draw.maybe(0.3):
            keywords["include_last_offset"] = True
            starts = np.append(starts, total)
        keywords["offsets"] = draw.of(starts)
    else:
        at = draw.numpy.integers(0, count, (draw.rng.randint(1, 3), draw.rng.randint(1, 4)))
    if mode == "sum" and draw.maybe():
        keywords["per_sample_weights"] = draw.of(draw.numpy.normal(0, 1, at.shape).astype(kind))
    if draw.maybe(0.4):
        keywords["padding_idx"] = draw.rng.randint(-count, count - 1)
    once = mode != "max" or len(np.unique(at)) == at.size
    gradient = kind == "float64" and once
    return Call(_F + "embedding_bag", [draw.of(at), draw.of(table)], keywords, gradient)


def one_hot(draw: Draw) -> Call:
    count = draw.rng.randint(1, 5)
    at = draw.index(count, draw.shape())
    return Call(_F + "one_hot", [at, draw.one(count, count + 2, -1)])


def test_embedding(draw):
    check(draw, embedding)


def test_bags(draw):
    check(draw, bag)


def test_one_hot(draw):
    check(draw, one_hot)
