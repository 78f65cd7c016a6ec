"""What is measured: op by op, at a size that fits the caches and at one that does not.

A row is a statement that both libraries understand, over arrays made alike on both sides.
"""

from __future__ import annotations

import math

import numpy as np

from . import layers  # noqa: F401  its rows
from .row import ROWS, SIZES, Row, image, matrix, normal, row, weighted, with_index, within

__all__ = ["ROWS", "SIZES", "Row"]

# ---- element-wise ----
for _name in [
    "neg",
    "abs",
    "sign",
    "floor",
    "ceil",
    "round",
    "trunc",
    "exp",
    "expm1",
    "sin",
    "cos",
    "tan",
    "tanh",
    "sinh",
    "cosh",
    "atan",
]:
    row(_name, f"a.{_name}()", normal(1))
for _name in ["sqrt", "rsqrt", "log", "log2", "log10", "log1p", "lgamma", "digamma", "reciprocal"]:
    row(_name, f"a.{_name}()", normal(1, positive=True))
for _name in ["asin", "acos", "atanh", "erfinv"]:
    row(_name, f"a.{_name}()", within(-0.95, 0.95))
for _name in ["asinh", "erf", "erfc", "square", "exp2", "sigmoid", "isnan", "isfinite", "frac"]:
    row(_name, f"a.{_name}()", normal(1))
row("acosh", "a.acosh()", within(1.1, 9))
row("i0", "L.i0(a)", normal(1))
row("i1", "L.special.i1(a)", normal(1))
for _name, _sign in zip(["add", "sub", "mul", "div"], "+-*/", strict=True):
    row(_name, f"a {_sign} b")
row("add row", "a + b", weighted(matrix, lambda n: (1024,)))
row("add column", "a + b", weighted(matrix, lambda n: (n // 1024, 1)))
row("add scalar", "a + 1.5", normal(1))
for _name in ["maximum", "minimum", "atan2", "fmod", "remainder", "hypot", "logaddexp"]:
    row(_name, f"L.{_name}(a, b)")
row("pow", "L.pow(a, b)", normal(2, positive=True))
row("pow 3", "a ** 3", normal(1))
for _name in ["eq", "ne", "lt", "le", "gt", "ge"]:
    row(_name, f"L.{_name}(a, b)")
row("lt scalar", "a < 0.5", normal(1))
row("where", "L.where(a > 0, a, b)")
row(
    "where mask",
    "L.where(m, a, b)",
    lambda r, n: {**normal(2)(r, n), "m": r.random(matrix(n)) < 0.5},
)
row(
    "masked_fill",
    "a.masked_fill(m, 0.0)",
    lambda r, n: {**normal(1)(r, n), "m": r.random(matrix(n)) < 0.5},
)
row(
    "masked_select",
    "a.masked_select(m)",
    lambda r, n: {**normal(1)(r, n), "m": r.random(matrix(n)) < 0.5},
)
row("clamp", "a.clamp(-0.5, 0.5)", normal(1))
row("lerp", "L.lerp(a, b, 0.3)")
row("addcmul", "L.addcmul(a, b, c, value=0.5)", normal(3))
row("cast to bf16", "a.to(L.bfloat16)", normal(1))
row("cast to int64", "a.to(L.int64)", normal(1))

# ---- activations, forward and backward ----
for _name in [
    "relu",
    "gelu",
    "silu",
    "elu",
    "leaky_relu",
    "softplus",
    "mish",
    "hardswish",
    "logsigmoid",
]:
    row(_name, f"F.{_name}(a)", normal(1))
    row(f"{_name}, back", f"F.{_name}(a)", normal(1), backward=("a",))
row("gelu tanh", "F.gelu(a, approximate='tanh')", normal(1))
row("gelu tanh, back", "F.gelu(a, approximate='tanh')", normal(1), backward=("a",))
row("glu", "F.glu(a)", normal(1))

# ---- reductions ----
for _name in ["sum", "mean", "prod", "amax", "amin", "argmax", "var", "std"]:
    for _where, _dim in (("last", "-1"), ("first", "0"), ("all", "")):
        _call = f"a.{_name}({_dim})"
        if _name in ("argmax",) and not _dim:
            _call = "a.argmax()"
        row(f"{_name} {_where}", _call, normal(1))
for _where, _dim in (("last", "-1"), ("first", "0"), ("all", "(0, 1)")):
    row(f"norm {_where}", f"L.linalg.vector_norm(a, dim={_dim})", normal(1))
    row(f"logsumexp {_where}", f"L.logsumexp(a, {_dim})", normal(1))
row("any", "(a > 9).any()", normal(1))
row("all last", "m.all(-1)", lambda r, n: {"m": r.random(matrix(n)) < 0.99})


# ---- movement ----
def square_matrix(n: int) -> tuple[int, int]:
    return (math.isqrt(n),) * 2


row("transpose copy", "a.T.contiguous()", normal(1, square_matrix))
row(
    "permute copy",
    "a.permute(0, 2, 1, 3).contiguous()",
    normal(1, lambda n: (n // 65536, 64, 16, 64)),
)
row("cat last", "L.cat([a, b], -1)")
row("cat first", "L.cat([a, b], 0)")
row("stack", "L.stack([a, b])")
row("pad", "F.pad(a, (1, 1, 1, 1))", normal(1, image))
row("pad reflect", "F.pad(a, (1, 1, 1, 1), mode='reflect')", normal(1, image))
row("roll", "L.roll(a, 3, 1)", normal(1))
row("flip last", "L.flip(a, (1,))", normal(1))
row("flip first", "L.flip(a, (0,))", normal(1))
row("tril", "L.tril(a)", normal(1, square_matrix))
row("repeat_interleave", "L.repeat_interleave(a, 2, 0)", normal(1, lambda n: (n // 2048, 1024)))

# ---- indices ----
row(
    "index_select first",
    "L.index_select(a, 0, i)",
    with_index(matrix, lambda n: n // 1024, lambda n: (n // 1024,)),
)
row(
    "index_select last",
    "L.index_select(a, 1, i)",
    with_index(matrix, lambda n: 1024, lambda n: (1024,)),
)
row("gather last", "L.gather(a, 1, i)", with_index(matrix, lambda n: 1024, matrix))
row("gather first", "L.gather(a, 0, i)", with_index(matrix, lambda n: n // 1024, matrix))
row(
    "scatter_add last",
    "L.scatter_add(L.zeros_like(a), 1, i, a)",
    with_index(matrix, lambda n: 1024, matrix),
)
row(
    "scatter_add first",
    "L.scatter_add(L.zeros_like(a), 0, i, a)",
    with_index(matrix, lambda n: n // 1024, matrix),
)
row("scatter last", "L.scatter(a, 1, i, a)", with_index(matrix, lambda n: 1024, matrix))
row(
    "scatter_reduce amax",
    "L.scatter_reduce(a, 1, i, a, 'amax')",
    with_index(matrix, lambda n: 1024, matrix),
)
row(
    "index_add",
    "L.index_add(L.zeros_like(a), 0, i, a)",
    with_index(matrix, lambda n: n // 1024, lambda n: (n // 1024,)),
)
row(
    "embedding",
    "F.embedding(i, a)",
    with_index(lambda n: (4096, 256), lambda n: 4096, lambda n: (n // 256,)),
)
row(
    "embedding, back",
    "F.embedding(i, a)",
    with_index(lambda n: (4096, 256), lambda n: 4096, lambda n: (n // 256,)),
    backward=("a",),
)
row("take by mask", "a[m]", lambda r, n: {**normal(1)(r, n), "m": r.random(matrix(n)) < 0.5})
row("nonzero", "L.nonzero(m)", lambda r, n: {"m": r.random(matrix(n)) < 0.5})
row(
    "searchsorted",
    "L.searchsorted(L.sort(b)[0] if 0 else b, a)",
    lambda r, n: {
        "a": r.standard_normal(matrix(n)).astype(np.float32),
        "b": np.sort(r.standard_normal(1024).astype(np.float32)),
    },
)
row("one_hot", "F.one_hot(i, 64)", lambda r, n: {"i": r.integers(0, 64, n // 64)})

# ---- order and scans ----
for _where, _dim in (("last", 1), ("first", 0)):
    row(f"cumsum {_where}", f"a.cumsum({_dim})", normal(1))
    row(f"cumprod {_where}", f"a.cumprod({_dim})", within(0.9, 1.1))
    row(f"cummax {_where}", f"a.cummax({_dim})[0]", normal(1))
    row(f"logcumsumexp {_where}", f"L.logcumsumexp(a, {_dim})", normal(1))
    row(f"sort {_where}", f"L.sort(a, {_dim})[0]", normal(1))
row("sort all", "L.sort(a.reshape(-1))[0]", normal(1))
row("argsort last", "L.argsort(a, -1)", normal(1))
row("topk 10", "L.topk(a, 10)[0]", normal(1))
row("topk 100 first", "L.topk(a.T, min(10, a.shape[0]))[0]", normal(1))
row("median last", "L.median(a, -1)[0]", normal(1))
row("median all", "L.median(a)", normal(1))
row("kthvalue", "L.kthvalue(a, 100)[0]", normal(1))
row("mode", "L.mode(i, -1)[0]", with_index(matrix, lambda n: 99, matrix))
row("unique", "L.unique(i)", with_index(matrix, lambda n: 999, matrix))

# ---- Fourier ----
row("rfft", "L.fft.rfft(a).abs()", normal(1))
row("fft 2-D", "L.fft.fft2(a).abs()", normal(1))
row("rfft 1000", "L.fft.rfft(a).abs()", normal(1, lambda n: (n // 1000, 1000)))

# ---- random ----
for _name in ("randn", "rand"):
    row(_name, f"L.{_name}(a.shape)", normal(1), random=True)
row("bernoulli", "L.bernoulli(a)", within(0, 1), random=True)
row("dropout", "F.dropout(a, 0.1)", normal(1), random=True)
row("randint", "L.randint(0, 99, a.shape)", normal(1), random=True)
row("randperm", "L.randperm(a.numel())", normal(1), random=True)


# ---- matrices ----
def batch(size: int):
    return lambda n: (max(1, n // (size * size)), size, size)


def definite(size: int):
    def make(rng, n):
        a = rng.standard_normal(batch(size)(n)).astype(np.float32)
        return {"a": a @ a.swapaxes(-1, -2) + size * np.eye(size, dtype=np.float32)}

    return make


def system(size: int):
    def make(rng, n):
        b = rng.standard_normal((*batch(size)(n)[:-1], 8)).astype(np.float32)
        return {**definite(size)(rng, n), "b": b}

    return make


for _size in (16, 256):
    row(f"cholesky {_size}", "L.linalg.cholesky(a)", definite(_size))
    row(f"solve {_size}", "L.linalg.solve(a, b)", system(_size))
    row(f"inv {_size}", "L.linalg.inv(a)", definite(_size))
    row(f"det {_size}", "L.linalg.slogdet(a)[1]", definite(_size))
    row(f"qr {_size}", "L.linalg.qr(a)[1].abs()", definite(_size))
    row(f"eigh {_size}", "L.linalg.eigh(a)[0]", definite(_size))
    row(f"svdvals {_size}", "L.linalg.svdvals(a)", definite(_size))
    row(f"svd {_size}", "L.linalg.svd(a)[1]", definite(_size))
    row(f"lstsq {_size}", "L.linalg.lstsq(a, b)[0]", system(_size))

# ---- bfloat16 ----
for _name, _statement in (
    ("add", "a + b"),
    ("exp", "a.exp()"),
    ("gelu", "F.gelu(a)"),
    ("sum last", "a.sum(-1)"),
    ("softmax last", "F.softmax(a, -1)"),
    ("cumsum last", "a.cumsum(1)"),
    ("transpose copy", "a.T.contiguous()"),
):
    row(f"{_name} bf16", _statement, normal(2), dtype="bfloat16")
