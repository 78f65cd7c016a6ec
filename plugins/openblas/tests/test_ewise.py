"""Element-wise programs: random ones and chosen ones against NumPy in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from abi import INPLACE, INVALID, SCALAR_IN, STRIDED_IN, UNSUPPORTED, Failure, Scalar
from layouts import BF16, BOOL, EPS, FLOATS, LAYOUTS, contiguous, values

F2, F4, F8 = np.dtype("f2"), np.dtype("f4"), np.dtype("f8")
erf = np.vectorize(math.erf, otypes=[float])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def truth(f):
    return lambda *a: f(*a).astype(np.float64)


# name -> its meaning on float64 arrays
OPS1 = {
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "trunc": np.trunc,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "erf": erf,
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "square": np.square,
    "not": truth(lambda x: x == 0),
    "round_bf16": lambda x: x.astype(np.float32).astype(BF16).astype(np.float64),
    "round_f16": lambda x: x.astype(np.float32).astype(np.float16).astype(np.float64),
}
OPS2 = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "fmod": np.fmod,
    "eq": truth(np.equal),
    "ne": truth(np.not_equal),
    "lt": truth(np.less),
    "le": truth(np.less_equal),
    "gt": truth(np.greater),
    "ge": truth(np.greater_equal),
    "and": truth(lambda a, b: (a != 0) & (b != 0)),
    "or": truth(lambda a, b: (a != 0) | (b != 0)),
}
OPS3 = {"where": lambda c, a, b: np.where(c != 0, a, b), "fma": lambda a, b, c: a * b + c}
OPS = {**OPS1, **OPS2, **OPS3}
# Those of which a chain neither leaves the numbers' range nor blows a rounding up.
GENTLE = [
    "neg",
    "abs",
    "add",
    "sub",
    "mul",
    "maximum",
    "minimum",
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "silu",
    "relu",
    "fma",
    "erf",
    "gelu",
]


def evaluate(program: str, inputs, single: bool = False):
    """All registers, in float64 (or each step rounded to float32, for what must be exact)."""
    regs = [np.asarray(x.array if isinstance(x, Scalar) else x).astype(np.float64) for x in inputs]
    with np.errstate(all="ignore"):
        for line in program.split(";"):
            name, *at = line.split()
            y = OPS[name](*(regs[int(k)] for k in at))
            regs.append(y.astype(np.float32).astype(np.float64) if single else y)
    return regs


def close(got: np.ndarray, want: np.ndarray, ulps: float = 8, scale: float = 0.0) -> None:
    if got.dtype == BOOL:
        np.testing.assert_array_equal(got, want != 0)
        return
    with np.errstate(all="ignore"):
        w = want.astype(got.dtype).astype(np.float64)
    g = got.astype(np.float64)
    finite = np.isfinite(w)
    bound = ulps * EPS[got.dtype] * np.maximum(np.abs(w), scale)
    bad = finite & ~(np.abs(g - w) <= bound)
    assert not bad.any(), f"{bad.sum()} of {bad.size}: {g[bad][0]!r} for {w[bad][0]!r}"
    np.testing.assert_array_equal(g[~finite], w[~finite])


def run(device, program, inputs, results, dtypes, shape=None):
    shape = inputs[0].shape if shape is None else shape
    return device.run(
        "ewise", inputs, [(shape, t) for t in dtypes], program=program, results=results
    )


SHAPE = (5, 7, 300)


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("dtype", [F4, F8], ids=str)
def test_each_instruction(simd_device, name, dtype):
    n = 1 + (name in OPS2) + 2 * (name in OPS3)
    low = 0.1 if name in ("sqrt", "rsqrt", "log", "log1p", "reciprocal", "pow") else -3
    for layout in LAYOUTS:
        x = [layout(SHAPE, dtype, k, low=low) for k in range(n)]
        if name in ("eq", "ne", "le", "ge", "and", "or", "not", "where"):
            x = [np.rint(a) for a in x]
        program = f"{name} {' '.join(map(str, range(n)))}"
        (y,) = run(simd_device, program, x, [n], [dtype])
        want = evaluate(program, x)[-1]
        if name == "round_f16":
            np.testing.assert_array_equal(y, want)
        close(y, want, scale=9.0 if name == "fma" else 1.0 if "gelu" in name else 1e-2)


@pytest.mark.parametrize("name", ["round_bf16", "round_f16"])
def test_rounding_at_every_edge(simd_device, name):
    type_ = BF16 if name == "round_bf16" else F2
    grid = np.arange(65536, dtype=np.uint16).view(type_).astype(np.float32)
    grid = grid[np.isfinite(grid)]
    with np.errstate(all="ignore"):
        half = (grid[1:] / 2 + grid[:-1] / 2).astype(np.float32)  # ties
        beyond = np.nextafter(half, np.float32([[np.inf], [-np.inf]])).ravel()
        edges = np.float32([np.inf, -np.inf, np.nan, 65519, 65520, -65521])
        x = np.concatenate([grid, half, beyond, edges])
        want = x.astype(type_).astype(np.float32)
    (y,) = run(simd_device, f"{name} 0", [x], [1], [F4])
    np.testing.assert_array_equal(y, want)


def test_ieee_edges(simd_device):
    x = np.float32([np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1, 1e-40, -1e38])
    a, b = (np.ascontiguousarray(t.ravel()) for t in np.meshgrid(x, x))
    for name in [
        "maximum",
        "minimum",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "and",
        "or",
        "add",
        "mul",
        "div",
        "fmod",
    ]:
        (y,) = run(simd_device, f"{name} 0 1", [a, b], [2], [F4])
        want = evaluate(f"{name} 0 1", [a, b])[-1]
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(y, want.astype(np.float32), rtol=1e-6, err_msg=name)
    for p in (2, 3, -1, 0.5, 0, 1.5, np.nan):
        (y,) = run(simd_device, "pow 0 1", [x, Scalar(p, F4)], [2], [F4])
        (want,) = simd_device.run("pow", [x, Scalar(p, F4)], [(x.shape, F4)])
        np.testing.assert_allclose(y, want, rtol=1e-6, err_msg=str(p))
        np.testing.assert_array_equal(np.signbit(y[~np.isnan(y)]), np.signbit(want[~np.isnan(y)]))


def random_program(rng, n_inputs: int, steps: int) -> str:
    lines = []
    for k in range(steps):
        name = rng.choice(GENTLE)
        arity = 1 if name in OPS1 else 2 if name in OPS2 else 3
        lines.append(f"{name} {' '.join(str(rng.integers(n_inputs + k)) for _ in range(arity))}")
    return "; ".join(lines)


def bounded(program, x):
    """The largest number on the way, as the scale of the errors; None if it runs away."""
    m = max(float(np.max(np.abs(r), initial=0)) for r in evaluate(program, x))
    return m if m < 50 else None


@pytest.mark.parametrize("seed", range(60))
def test_random_programs(simd_device, seed):
    rng = np.random.default_rng(seed)
    shapes = [(1,), (17,), (3, 5), (2, 3, 40), (4, 700), (3, 1500), (2, 2, 600), (5000,), (64, 48)]
    shape = shapes[seed % len(shapes)]
    n = int(rng.integers(1, 6))
    dtypes = [F4, BF16, F2, BOOL] + ([F8] if seed % 4 == 0 else [])
    while True:
        x = []
        for k in range(n):
            t = dtypes[rng.integers(len(dtypes))]
            if rng.random() < 0.2:
                x.append(Scalar(values((), t, seed + k, low=-1, high=1), t))
            else:
                layout = LAYOUTS[rng.integers(len(LAYOUTS))]
                x.append(layout(shape, t, seed + 10 * k, low=-1, high=1))
        program = random_program(rng, n, int(rng.integers(1, 25)))
        scale = bounded(program, x)
        if scale is not None:
            break
    regs = evaluate(program, x)
    results = [int(r) for r in rng.integers(0, len(regs), int(rng.integers(1, 4)))]
    outs = [[F4, BF16, F2, F8][rng.integers(4 if seed % 4 == 0 else 3)] for _ in results]
    got = run(simd_device, program, x, results, outs, shape)
    for y, r in zip(got, results, strict=True):
        want = np.broadcast_to(regs[r], shape)
        # 25 steps of at most gain `scale`, in the type that it computes in
        noise = 400 * 2.0**-23 * max(scale, 1) ** 2
        error = np.abs(y.astype(np.float64) - want)
        assert (error <= noise + 2 * EPS[y.dtype] * np.abs(want)).all(), (program, error.max())


@pytest.mark.parametrize("dtype", [*FLOATS, BOOL], ids=str)
def test_conversions(simd_device, dtype):
    """Every input type to every output type, in blocks and in odd pieces."""
    for n in (0, 1, 15, 1024, 3001):
        x = contiguous((n,), dtype, 3)
        outs = [F4, F2, BF16, F8, BOOL]
        got = run(simd_device, "neg 0", [x], [0] * 5, outs)
        for y, t in zip(got, outs, strict=True):
            np.testing.assert_array_equal(y, x.astype(np.float64).astype(t))
        for narrow in (np.int8, np.uint8, np.int16, np.uint16):
            i = values((n,), np.dtype(narrow), 4)
            (y,) = run(simd_device, "mul 0 1", [i, x], [2], [F8])
            np.testing.assert_array_equal(y, i.astype(np.float64) * x.astype(np.float64))


def test_many_outputs_and_streaming(blas):
    """Results beyond the caches take another way to memory."""
    n = 8 << 20
    x, w = values((n // 1024, 1024), F4, 1), values((1, 1024), F4, 2)
    y, z, b = run(
        blas,
        "mul 0 1; add 2 2; gt 3 0",
        [x, np.broadcast_to(w, x.shape)],
        [2, 3, 4],
        [F4, BF16, BOOL],
    )
    np.testing.assert_array_equal(y, x * w)
    np.testing.assert_array_equal(z, (y + y).astype(BF16))
    np.testing.assert_array_equal(b, y + y > x)


def test_outputs_over_inputs(simd_device):
    for n in (16, 5000):
        for t in (F4, BF16):
            x, y = values((n,), t, 1), values((n,), t, 2)
            program = "add 0 1; mul 0 1; sub 3 0; add 4 2; exp 0"
            regs = evaluate(program, [x, y], single=True)
            u, v, w = x.copy(), y.copy(), np.empty((n,), t)
            simd_device.run("ewise", [u, v], [v, u, w], program=program, results=[5, 2, 6])
            for got, r in ((v, 5), (u, 2), (w, 6)):
                close(got, regs[r], scale=9)
            # the input itself is a result, and another result lies over it
            u, w = x.copy(), np.empty((n,), t)
            simd_device.run("ewise", [u, y], [u, w], program="add 0 1", results=[2, 0])
            np.testing.assert_array_equal(w, x)
            close(u, x.astype(np.float64) + y.astype(np.float64))


def test_a_product_joins_its_sum_only_where_nobody_else_reads_it(simd_device):
    x, y, z = (values((100,), F4, k) for k in range(3))
    program = "mul 0 1; add 3 2; sub 3 2; mul 1 2; sub 0 6; mul 0 0; sub 8 7; mul 1 1; add 10 10"
    regs = evaluate(program, [x, y, z])
    for r in range(3, len(regs)):
        (got,) = run(simd_device, program, [x, y, z], [r], [F4])
        close(got, regs[r], scale=9)


def test_find_refuses(blas):
    x = values((4,), F4, 1)
    cases = [
        ("conj 0", [1], [x], UNSUPPORTED, "no instruction conj"),
        ("add 0", [1], [x], INVALID, "add takes 2 registers, not 1"),
        ("neg 1", [1], [x], INVALID, "reads register 1 of 1"),
        ("neg x", [1], [x], INVALID, "reads register x"),
        ("neg 0", [2], [x], INVALID, "result 0 is register 2 of 2"),
        ("neg 0", [1], [values((4,), np.dtype("i8"), 1)], UNSUPPORTED, "cannot hold int64"),
        ("add 0 1", [2], [x, values((5,), F4, 1)], INVALID, "input 1 does not have"),
    ]
    for program, results, inputs, status, text in cases:
        with pytest.raises(Failure, match=text) as info:
            run(blas, program, inputs, results, [F4])
        assert info.value.status == status
    with pytest.raises(Failure, match="one register in results per output"):
        blas.run("ewise", [x], [((4,), F4)], program="neg 0", results=[0, 1])
    many = "; ".join(f"{'sin' if k else 'exp'} {max(k - 1, 0)}" for k in range(300))
    with pytest.raises(Failure, match="registers are more than"):
        run(blas, many, [x], [300], [F4])


SUMMED = [
    ((17,), 17), ((3, 5), 5), ((3, 5), 15), ((4, 700), 700), ((4, 700), 2800), ((2, 3, 40), 40),
    ((2, 3, 40), 120), ((300, 16), 16), ((3, 6400), 6400), ((64, 4096), 4096), ((9, 1), 1),
    ((70001,), 70001), ((0, 5), 5),
]  # fmt: skip


@pytest.mark.parametrize("shape, length", SUMMED, ids=str)
@pytest.mark.parametrize("dtype", [F4, F8, BF16], ids=str)
def test_sums(simd_device, shape, length, dtype):
    """Some values as they are, and the sums of others over trailing dims."""
    wide = F8 if dtype == F8 else F4
    rows = math.prod(shape) // length
    for layout in LAYOUTS:
        x, y = layout(shape, dtype, 1), layout(shape, dtype, 2)
        program = "mul 0 1; square 0; add 2 3"
        regs = evaluate(program, [x, y])
        z, a, b, c = simd_device.run(
            "ewise_sums", [x, y], [(shape, wide), *[((rows,), wide)] * 3],
            program=program, results=[4, 3, 2, 0], sums=3, length=length,
        )  # fmt: skip
        close(z, regs[4], scale=1)
        for got, r in ((a, regs[3]), (b, regs[2]), (c, regs[0])):
            want = np.broadcast_to(r, shape).reshape(rows, length).sum(1)
            scale = np.abs(r).reshape(rows, length).sum(1) if rows else 1.0
            assert (np.abs(got - want) <= 8 * EPS[wide] * scale + 1e-30).all()


def test_sums_alone_over_rows_that_repeat(simd_device):
    x, w = values((40, 700), F4, 1), values((1, 700), F4, 2)
    wide = np.broadcast_to(w, x.shape)
    (s,) = simd_device.run(
        "ewise_sums", [x, wide, Scalar(2.0, F4)], [((40,), F4)],
        program="mul 0 1; mul 3 2", results=[4], sums=1, length=700,
    )  # fmt: skip
    np.testing.assert_allclose(s, (2.0 * x.astype(F8) * w).sum(1), rtol=1e-4, atol=1e-3)


def test_sums_of_many_numbers_are_exact_enough(blas):
    x = np.full(1 << 24, 0.1, F4)
    (s,) = blas.run("ewise_sums", [x], [((), F4)], program="neg 0", results=[1], sums=1,
                    length=x.size)  # fmt: skip
    np.testing.assert_allclose(s, -x.astype(F8).sum(), rtol=1e-6)


def test_wrong_sums_are_refused(blas):
    x = values((4, 6), F4, 1)
    for out, sums, length, text in (
        ((4,), 2, 6, "2 sums of 6 elements in 1 outputs"),
        ((4,), 1, 5, "no sum of 5 elements"),
        ((4,), 1, 0, "sums of 0 elements"),
    ):
        with pytest.raises(Failure, match=text) as info:
            blas.run("ewise_sums", [x], [(out, F4)], program="neg 0", results=[1], sums=sums,
                     length=length)  # fmt: skip
        assert info.value.status == INVALID


def test_caps(blas):
    p = blas.prepare(
        "ewise", [values((4,), F4, 1)], [np.empty(4, "f4")], program="neg 0", results=[1]
    )
    assert p.caps & (STRIDED_IN | INPLACE | SCALAR_IN) == STRIDED_IN | INPLACE | SCALAR_IN
    p.close()
