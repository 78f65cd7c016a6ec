"""Element-wise programs: random ones and chosen ones against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
from abi import INPLACE, INVALID, SCALAR_IN, STRIDED_IN, UNSUPPORTED, Failure, Scalar
from ewise_programs import F2, F4, F8, OPS, OPS1, OPS2, OPS3, close, evaluate
from layouts import BF16, BOOL, EPS, FLOATS, LAYOUTS, contiguous, values

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


def test_caps(blas):
    p = blas.prepare(
        "ewise", [values((4,), F4, 1)], [np.empty(4, "f4")], program="neg 0", results=[1]
    )
    assert p.caps & (STRIDED_IN | INPLACE | SCALAR_IN) == STRIDED_IN | INPLACE | SCALAR_IN
    p.close()
