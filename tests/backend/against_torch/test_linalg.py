"""Factorisations, systems and norms: batches, views, what is not square, nothing.

Factors that are determined up to signs are compared by what can be built from them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from .compare import check
from .draw import Call, Draw, Pair

KINDS = ("float64", "float64", "float32", "complex128", "complex64")


def lead(draw: Draw) -> tuple[int, ...]:
    return draw.one((), (), (2,), (3, 2), (0,), (2, 1))


def matrices(draw: Draw, m: int, n: int, kind: str, batch: tuple[int, ...] | None = None) -> Pair:
    """Well-conditioned ones, so that two ways of computing agree."""
    x = draw.values(kind, (*(lead(draw) if batch is None else batch), m, n), hard=False)
    return draw.of((x * 0.3 + 2 * np.eye(m, n) * (1 + np.arange(n))).astype(kind))


def positive(draw: Draw, n: int, kind: str) -> Pair:
    x = draw.values(kind, (*lead(draw), n, n), hard=False)
    return draw.of((x @ np.conj(np.swapaxes(x, -1, -2)) + 3 * np.eye(n)).astype(kind))


def adjoint(x: Any) -> Any:
    return x.transpose(-2, -1).conj()


def cholesky(lib: Any, a: Any, upper: bool) -> Any:
    """Of a Hermitian matrix, so that the other half has no gradient of its own."""
    low = lib.linalg.cholesky((a + adjoint(a)) / 2, upper=upper)
    return low.diagonal(dim1=-2, dim2=-1).real, low.triu(1) if upper else low.tril(-1)


def qr(lib: Any, a: Any, mode: str) -> Any:
    q, r = lib.linalg.qr(a, mode=mode)
    return q @ r, adjoint(q) @ q, r.abs()


def svd(lib: Any, a: Any, full: bool) -> Any:
    u, s, vh = lib.linalg.svd(a, full_matrices=full)
    k = s.shape[-1]
    thin, whole = u[..., :k], adjoint(u.detach()) @ u.detach()
    return (thin * s.unsqueeze(-2)) @ vh[..., :k, :], s, thin @ adjoint(thin), whole, vh.shape[-2]


def eigh(lib: Any, a: Any, half: str) -> Any:
    a = a + adjoint(a)
    values, v = lib.linalg.eigh(a, UPLO=half)
    return values, (v * values.exp().unsqueeze(-2)) @ adjoint(v), adjoint(v) @ v


def eigvalsh(lib: Any, a: Any, half: str) -> Any:
    return lib.linalg.eigvalsh(a + adjoint(a), half)


def lstsq(lib: Any, a: Any, b: Any) -> Any:
    out = lib.linalg.lstsq(a, b, **({"driver": "gelsd"} if lib.__name__ == "torch" else {}))
    return out.solution, out.rank


def factor(draw: Draw) -> Call:
    name, kind, n = (
        draw.one("cholesky", "qr", "svd", "eigh", "eigvalsh", "svdvals"),
        draw.one(*KINDS),
        draw.rng.randint(1, 5),
    )
    smooth, loose = kind in ("float64", "complex128"), 100.0
    if name == "cholesky":
        a = positive(draw, n, kind)
        return Call(cholesky, [a, draw.maybe()], gradient=smooth, loose=loose)
    if name in ("eigh", "eigvalsh"):
        fn = eigh if name == "eigh" else eigvalsh
        a = matrices(draw, n, n, kind)
        return Call(fn, [a, draw.one("L", "U")], gradient=smooth, loose=loose)
    m = draw.rng.randint(0 if draw.maybe(0.1) else 1, 5)
    a = matrices(draw, m, n, kind)
    if name == "qr":
        mode = draw.one("reduced", "complete")
        return Call(qr, [a, mode], gradient=smooth and mode == "reduced" and m > 0, loose=loose)
    if name == "svdvals":
        return Call("linalg.svdvals", [a], gradient=smooth, loose=loose)
    return Call(svd, [a, draw.maybe()], gradient=smooth and "complex" not in kind, loose=loose)


def system(draw: Draw) -> Call:
    name = draw.one("solve", "solve", "solve_triangular", "inv", "pinv", "lstsq", "det", "slogdet",
                    "matrix_power", "matrix_exp", "multi_dot")  # fmt: skip
    kind, n, k = draw.one(*KINDS), draw.rng.randint(1, 4), draw.rng.randint(0, 3)
    smooth, loose, batch = kind in ("float64", "complex128"), 100.0, lead(draw)
    if name == "multi_dot":
        sizes = [draw.rng.randint(1, 4) for _ in range(draw.rng.randint(3, 5))]
        parts = [draw.pair(kind, s, False) for s in pairwise(sizes)]
        if draw.maybe(0.3):
            parts[0] = draw.pair(kind, sizes[1:2], False)
        return Call("linalg.multi_dot", [parts], gradient=smooth, loose=loose)
    if name == "pinv":
        a = matrices(draw, n, draw.rng.randint(1, 4), kind)
        return Call("linalg.pinv", [a], gradient=smooth, loose=loose)
    if name == "lstsq":
        m = draw.rng.randint(n, 6)
        a = matrices(draw, m, n, kind, batch)
        if draw.maybe(0.3) and n > 1 and "64" in kind and kind != "complex64":  # rank n - 1
            x = np.array(a.theirs.numpy())
            x[..., -1] = x[..., 0]
            a = draw.of(x)
        return Call(lstsq, [a, draw.pair(kind, (*batch, m, k + 1), False)], loose=loose)
    a = matrices(draw, n, n, kind, batch)
    if name in ("solve", "solve_triangular"):
        left = draw.maybe(0.7)
        other = draw.one(batch, batch, (), (2,)) if draw.maybe() else batch
        shape = (*other, n, k) if left else (*other, k, n)
        if left and name == "solve" and draw.maybe(0.2):
            shape = (*batch, n) if draw.maybe() else (n,)
        keywords = {"left": left}
        if name == "solve_triangular":
            keywords.update(upper=draw.maybe(), unitriangular=draw.maybe(0.3))
        b = draw.pair(kind, shape, False)
        return Call(f"linalg.{name}", [a, b], keywords, smooth, loose)
    if name == "matrix_power":
        return Call("linalg.matrix_power", [a, draw.rng.randint(-3, 4)], {}, smooth, loose * 10)
    return Call(f"linalg.{name}", [a], {}, smooth, loose * (10 if name == "matrix_exp" else 1))


def norm(draw: Draw) -> Call:
    name, kind = (
        draw.one("norm", "vector_norm", "matrix_norm", "cond", "matrix_rank"),
        draw.one(*KINDS),
    )
    smooth, infinity, loose = kind in ("float64", "complex128"), float("inf"), 50.0
    if name == "matrix_rank":
        a = matrices(draw, draw.rng.randint(1, 4), draw.rng.randint(1, 4), kind)
        keywords = draw.one({}, {"atol": 1.5}, {"rtol": 0.4}, {"atol": 0.5, "rtol": 0.1})
        return Call("linalg.matrix_rank", [a], keywords)
    orders: tuple[Any, ...] = ("fro", "nuc", infinity, -infinity, 1, -1, 2, -2)
    if name == "cond":
        p = draw.one(None, *orders)
        a = matrices(draw, draw.rng.randint(2, 4) if p in (None, 2, -2) else 3, 3, kind)
        return Call("linalg.cond", [a, p], gradient=smooth, loose=loose)
    shape = draw.shape(4, least=1 if name == "vector_norm" else 2)
    keywords = {"keepdim": True} if draw.maybe(0.3) else {}
    x = draw.pair(kind, shape, False)
    if name == "vector_norm":
        ord = draw.one(2, 1, 0, 3, 0.5, -1, 2.5, infinity, -infinity)
        dims = draw.one(None, draw.dim(shape), tuple(draw.rng.sample(range(len(shape)), 1)))
        if len(shape) > 1 and draw.maybe(0.3):
            dims = tuple(draw.rng.sample(range(len(shape)), 2))
        return Call("linalg.vector_norm", [x, ord, dims], keywords, smooth and ord != 0, loose)
    dims = tuple(draw.rng.sample(range(len(shape)), 2))
    if name == "matrix_norm":
        ord = draw.one(*orders)
        keywords["dim"] = dims if draw.maybe() else (-2, -1)
        return Call("linalg.matrix_norm", [x, ord], keywords, smooth, loose)
    ord = draw.one(None, *orders)
    if ord is None:
        keywords["dim"] = draw.one(None, dims, dims[0])
    else:
        keywords["dim"] = dims
    return Call("linalg.norm", [x, ord], keywords, smooth, loose)


def product(draw: Draw) -> Call:
    kind = draw.one("float64", "float32", "complex128", "int64", "int8", "bfloat16", "float16")
    m, k, n = (draw.rng.randint(0 if draw.maybe(0.1) else 1, 4) for _ in range(3))
    smooth = kind in ("float64", "complex128")

    def t(*shape: int) -> Pair:
        return draw.pair(kind, shape, False)

    scaled = {"beta": 2, "alpha": 3} if draw.maybe(0.4) else {}
    batch = lead(draw)
    given: dict[str, Any] = {
        "matmul": lambda: [t(*draw.broadcasting(batch), *draw.one((m,), ()), k), t(*batch, k, n)],
        "bmm": lambda: [t(2, m, k), t(2, k, n)],
        "addmm": lambda: [t(*draw.broadcasting((m, n))), t(m, k), t(k, n)],
        "baddbmm": lambda: [t(*draw.broadcasting((2, m, n))), t(2, m, k), t(2, k, n)],
        "addbmm": lambda: [t(*draw.broadcasting((m, n))), t(2, m, k), t(2, k, n)],
        "mv": lambda: [t(m, k), t(k)],
        "addmv": lambda: [t(m), t(m, k), t(k)],
        "addr": lambda: [t(*draw.broadcasting((m, n))), t(m), t(n)],
        "dot": lambda: [t(k), t(k)],
        "tensordot": lambda: [t(m, 2, k), t(k, 2, n), ([2, 1], [0, 1])],
        "inner": lambda: [t(*draw.one((m,), ()), k), t(*draw.one((n,), ()), k)],
        "outer": lambda: [t(m), t(n)],
        "kron": lambda: [t(*draw.shape(3)), t(*draw.shape(2))],
        "linalg.vecdot": lambda: [t(2, k), t(*draw.one((2,), ()), k)],
        "cov": lambda: [t(m, k + 1)],
        "corrcoef": lambda: [t(m, k + 2)],
    }
    name = draw.one("matmul", *given)
    keywords = scaled if name in ("addmm", "baddbmm", "addbmm", "addmv", "addr") else {}
    return Call(name, given[name](), keywords, smooth, 20)


def test_factors(draw):
    check(draw, factor, calls=40)


def test_systems(draw):
    check(draw, system, calls=40)


def test_norms(draw):
    check(draw, norm)


def test_products(draw):
    check(draw, product)
