# ruff: noqa: E501
"""The calls that test_array_api.py makes of every function of the array API standard."""

import math

import numpy as np

REAL = ("float32", "float64")
INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
COMPLEX = ("complex64", "complex128")
NUMERIC = (*REAL, *INTS, *COMPLEX)
ORDERED = (*REAL, *INTS)
ALL = ("bool", *NUMERIC)
FLOATS = (*REAL, *COMPLEX)


def data(kind, *shape, seed=0, low=-4, high=5, positive=False):
    """Numbers of a dtype, small, of both signs where it has them."""
    rng = np.random.default_rng([seed, len(kind), *shape])
    if kind == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    if kind in INTS:
        first = 1 if positive else 0 if kind[0] == "u" else low
        return rng.integers(first, high, shape).astype(kind)
    values = rng.uniform(0.5 if positive else low, high, shape)
    if kind in COMPLEX:
        values = values + 1j * rng.uniform(low, high, shape)
    return np.asarray(values).astype(kind)


def spd(kind, *shape):
    a = data(kind, *shape)
    return (a @ np.conj(np.swapaxes(a, -1, -2)) + 3 * np.eye(shape[-1])).astype(kind)


class Row:
    """Calls of one function: made(kind) -> [(args, kwargs)] on NumPy arrays."""

    def __init__(self, made, kinds=NUMERIC, oracle=None, floats=False):
        self.made, self.kinds, self.oracle, self.floats = made, kinds, oracle, floats


def call(*args, **kwargs):
    return args, kwargs


def one(kinds, **options):
    return Row(
        lambda k: [call(data(k, 3, 4, **options)), call(data(k, 0, 2)), call(data(k, **options))],
        kinds,
    )


def two(kinds, **options):
    return Row(
        lambda k: [
            call(data(k, 3, 4, **options), data(k, 4, seed=1, **options)),
            call(data(k, 2, 1, **options), data(k, seed=2, **options)),
            call(data(k, 2, 3, **options), k == "bool" or 2),
        ],
        kinds,
    )


def shifts(k):
    return [call(data(k, 5, positive=True), np.arange(5).astype(k)), call(data(k, 5), 2)]


UNIT = {"low": -0.9, "high": 0.9}
ROWS = {
    "abs": one(NUMERIC), "acos": one(FLOATS, **UNIT), "acosh": one(FLOATS, positive=True, high=9),
    "asin": one(FLOATS, **UNIT), "asinh": one(FLOATS), "atan": one(FLOATS), "cos": one(FLOATS),
    "atanh": one(FLOATS, **UNIT), "bitwise_invert": one((*INTS, "bool")), "ceil": one(ORDERED),
    "conj": one(COMPLEX), "cosh": one(FLOATS), "exp": one(FLOATS), "expm1": one(FLOATS),
    "floor": one(ORDERED), "imag": one(COMPLEX), "isfinite": one(NUMERIC), "isinf": one(NUMERIC),
    "isnan": one(NUMERIC), "log": one(FLOATS, positive=True), "log10": one(FLOATS, positive=True),
    "log1p": one(FLOATS, positive=True), "log2": one(FLOATS, positive=True),
    "logical_not": one(("bool",)), "negative": one(NUMERIC), "positive": one(NUMERIC),
    "real": one(COMPLEX), "reciprocal": one(FLOATS, positive=True), "round": one(NUMERIC),
    "sign": one(NUMERIC), "signbit": one(REAL), "sin": one(FLOATS), "sinh": one(FLOATS),
    "sqrt": one(FLOATS, positive=True), "square": one(NUMERIC), "tan": one(FLOATS, **UNIT),
    "tanh": one(FLOATS), "trunc": one(ORDERED),
    "add": two(NUMERIC), "atan2": two(REAL), "bitwise_and": two((*INTS, "bool")),
    "bitwise_or": two((*INTS, "bool")), "bitwise_xor": two((*INTS, "bool")),
    "bitwise_left_shift": Row(shifts, INTS), "bitwise_right_shift": Row(shifts, INTS),
    "copysign": two(REAL), "divide": two(FLOATS, positive=True), "equal": two(ALL),
    "floor_divide": two(ORDERED, positive=True), "greater": two(ORDERED),
    "greater_equal": two(ORDERED), "hypot": two(REAL), "less": two(ORDERED),
    "less_equal": two(ORDERED), "logaddexp": two(REAL), "logical_and": two(("bool",)),
    "logical_or": two(("bool",)), "logical_xor": two(("bool",)), "maximum": two(ORDERED),
    "minimum": two(ORDERED), "multiply": two(NUMERIC), "nextafter": two(REAL),
    "not_equal": two(ALL), "pow": two(NUMERIC, positive=True, high=3),
    "remainder": two(ORDERED, positive=True), "subtract": two(NUMERIC),
    "clip": Row(lambda k: [
        call(data(k, 3, 4), 1, 3), call(data(k, 3, 4), data(k, 4, seed=1), None),
        call(data(k, 3), max=2), call(data(k, 3), min=1),
    ], ORDERED),
    # creation
    "arange": Row(lambda k: [
        call(5, dtype=k), call(2, 7, dtype=k), call(1, 9, 3, dtype=k), call(5, 2, dtype=k),
    ], ORDERED),
    "asarray": Row(lambda k: [call(data(k, 2, 3)), call([[1, 0], [1, 1]], dtype=k)], ALL),
    "empty": Row(lambda k: [call((0, 2), dtype=k)], ALL),
    "empty_like": Row(lambda k: [call(data(k, 0, 2))], ALL),
    "eye": Row(lambda k: [
        call(3, dtype=k), call(2, 4, dtype=k), call(4, 3, k=-1, dtype=k), call(2, 5, k=2, dtype=k),
    ], NUMERIC),
    "from_dlpack": Row(lambda k: [call(data(k, 2, 3))], ALL),
    "full": Row(lambda k: [call((2, 3), 1, dtype=k), call(4, True, dtype=k), call((), 1, dtype=k)]),
    "full_like": Row(lambda k: [call(data(k, 2, 3), 1)], ALL),
    "linspace": Row(lambda k: [
        call(0, 7, 5, dtype=k), call(1, 2, 4, endpoint=False, dtype=k), call(3, 9, 1, dtype=k),
        call(0, 1, 50, dtype=k),
    ], REAL),
    "meshgrid": Row(lambda k: [
        call(data(k, 2), data(k, 3)), call(data(k, 2), data(k, 3), indexing="ij"),
    ], ALL),
    "ones": Row(lambda k: [call((2, 3), dtype=k), call(3, dtype=k)], ALL),
    "ones_like": Row(lambda k: [call(data(k, 2, 3))], ALL),
    "tril": Row(lambda k: [call(data(k, 2, 3, 4)), call(data(k, 3, 3), k=-1)], ALL),
    "triu": Row(lambda k: [call(data(k, 2, 3, 4)), call(data(k, 3, 3), k=1)], ALL),
    "zeros": Row(lambda k: [call((2, 3), dtype=k), call(3, dtype=k)], ALL),
    "zeros_like": Row(lambda k: [call(data(k, 2, 3))], ALL),
    # data types
    "astype": Row(lambda k: [call(data(k, 3, positive=True), np.dtype(k))], ALL),
    "can_cast": Row(lambda k: [call(np.dtype(k), np.dtype("float64"))], (*REAL, "int32", "uint8")),
    "finfo": Row(lambda k: [], FLOATS),
    "iinfo": Row(lambda k: [], INTS),
    "isdtype": Row(lambda k: [
        call(np.dtype(k), kind) for kind in (
            "bool", "signed integer", "unsigned integer", "integral", "real floating",
            "complex floating", "numeric", ("bool", "integral"),
        )
    ], ALL),
    "result_type": Row(lambda k: [
        call(np.dtype(k), np.dtype(k)), call(data(k, 3), 1), call(data(k, 3), data(k)),
    ], NUMERIC),
    # manipulation
    "broadcast_arrays": Row(lambda k: [call(data(k, 3, 1), data(k, 4))], ALL),
    "broadcast_to": Row(lambda k: [call(data(k, 3, 1), (2, 3, 4))], ALL),
    "concat": Row(lambda k: [
        call([data(k, 2, 3), data(k, 4, 3)]), call([data(k, 2, 1), data(k, 2, 3)], axis=-1),
        call((data(k, 2, 3), data(k, 4)), axis=None),
    ], ALL),
    "expand_dims": Row(lambda k: [call(data(k, 2, 3), axis=a) for a in (0, 1, -1, -3)], ALL),
    "flip": Row(lambda k: [call(data(k, 2, 3), axis=a) for a in (None, 0, -1, (0, 1))], ALL),
    "moveaxis": Row(lambda k: [call(data(k, 2, 3, 4), 0, -1), call(data(k, 2, 3, 4), (0, 1), (2, 0))]),
    "permute_dims": Row(lambda k: [call(data(k, 2, 3, 4), (2, 0, 1))], ALL),
    "repeat": Row(lambda k: [
        call(data(k, 2, 3), 2), call(data(k, 2, 3), np.array([1, 0, 2]), axis=1),
    ], ALL),
    "reshape": Row(lambda k: [call(data(k, 2, 6), (3, -1)), call(data(k, 4), (2, 2), copy=True)], ALL),
    "roll": Row(lambda k: [
        call(data(k, 2, 3), 2), call(data(k, 2, 3), -1, axis=1), call(data(k, 2, 3), (1, 1), axis=(0, 1)),
    ], ALL),
    "squeeze": Row(lambda k: [call(data(k, 1, 3, 1), axis=a) for a in (0, -1, (0, 2))], ALL),
    "stack": Row(lambda k: [call([data(k, 2, 3), data(k, 2, 3)], axis=a) for a in (0, 1, -1)], ALL),
    "tile": Row(lambda k: [call(data(k, 2, 3), (2,)), call(data(k, 3), (2, 2))], ALL),
    "unstack": Row(lambda k: [call(data(k, 2, 3)), call(data(k, 2, 3), axis=-1)], ALL),
    # reductions
    **{n: Row(lambda k: [
        call(data(k, 2, 3, 4), **o)
        for o in ({}, {"axis": 1}, {"axis": (0, 2), "keepdims": True}, {"axis": ()})
    ], kinds) for n, kinds in (
        ("all", ALL), ("any", ALL), ("max", ORDERED), ("mean", FLOATS), ("min", ORDERED),
        ("count_nonzero", ALL),
    )},
    "prod": Row(lambda k: [call(data(k, 2, 3, high=3)), call(data(k, 2, 3, high=3), axis=0, dtype=k)]),
    "sum": Row(lambda k: [call(data(k, 2, 3)), call(data(k, 2, 3), axis=0, keepdims=True, dtype=k)]),
    **{n: Row(lambda k: [
        call(data(k, 3, 4)), call(data(k, 3, 4), axis=0, correction=1),
        call(data(k, 3, 4), axis=(0, 1), correction=0.5, keepdims=True),
    ], REAL) for n in ("std", "var")},
    **{n: Row(lambda k: [
        call(data(k, 5, high=3)), call(data(k, 2, 3, high=3), axis=0),
        call(data(k, 2, 3, high=3), axis=-1, include_initial=True),
    ]) for n in ("cumulative_prod", "cumulative_sum")},
    "diff": Row(lambda k: [
        call(data(k, 2, 5)), call(data(k, 5, 2), axis=0, n=2),
        call(data(k, 2, 3), prepend=data(k, 2, 1), append=data(k, 2, 2)),
    ]),
    # searching, sorting, sets, indexing
    **{n: Row(lambda k: [
        call(data(k, 3, 4)), call(data(k, 3, 4), axis=1), call(data(k, 3, 4), axis=0, keepdims=True),
        call(data(k, 3), keepdims=True),
    ], ORDERED) for n in ("argmax", "argmin")},
    "argsort": Row(lambda k: [call(data(k, 3, 7)), call(data(k, 7, 3), axis=0)], ORDERED,
        oracle=lambda x, axis=-1: np.argsort(x, axis=axis, stable=True)),
    "nonzero": Row(lambda k: [call(data(k, 3, 4)), call(data(k, 0))], ALL),
    "searchsorted": Row(lambda k: [
        call(np.sort(data(k, 8)), data(k, 2, 3)), call(np.sort(data(k, 8)), data(k, 3), side="right"),
        call(data(k, 8), data(k, 3), sorter=np.argsort(data(k, 8))),
    ], ORDERED),
    "sort": Row(lambda k: [call(data(k, 3, 7)), call(data(k, 7, 3), axis=0)], ORDERED),
    "take": Row(lambda k: [
        call(data(k, 5), np.array([4, 0, 0])), call(data(k, 2, 5), np.array([1, -1]), axis=1),
    ], ALL),
    "take_along_axis": Row(lambda k: [
        call(data(k, 2, 5), np.array([[4, -1], [0, 2]])), call(data(k, 2, 3), np.array([[1, 0, 1]]), axis=0),
    ], ALL),
    "where": Row(lambda k: [
        call(data("bool", 2, 3), data(k, 3), data(k, 2, 1)), call(data("bool", 3), data(k, 3), k == "bool" or 1),
    ], ALL),
    **{n: Row(lambda k: [call(data(k, 3, 4, high=2)), call(data(k, 0))], (*ORDERED, "bool"))
       for n in ("unique_all", "unique_counts", "unique_inverse")},
    "unique_values": Row(lambda k: [call(data(k, 3, 4, high=2)), call(data(k, 0))],
        (*ORDERED, "bool"), oracle=np.unique),
    # linear algebra
    "matmul": Row(lambda k: [
        call(data(k, 3, 4), data(k, 4, 2)), call(data(k, 2, 3, 4), data(k, 4)), call(data(k, 4), data(k, 4)),
    ]),
    "matrix_transpose": Row(lambda k: [call(data(k, 2, 3, 4))], ALL),
    "tensordot": Row(lambda k: [
        call(data(k, 2, 3, 4), data(k, 3, 4, 2)), call(data(k, 2, 3), data(k, 3, 2), axes=1),
        call(data(k, 2, 3), data(k, 4, 2), axes=((0,), (1,))), call(data(k, 2), data(k, 3), axes=0),
    ]),
    "vecdot": Row(lambda k: [
        call(data(k, 2, 3), data(k, 2, 3)), call(data(k, 3, 2), data(k, 3, 1), axis=-2),
    ], oracle=lambda a, b, axis=-1: (np.conj(a) * b).sum(axis, dtype=a.dtype)),
}  # fmt: skip
LINALG = {
    "cholesky": Row(lambda k: [call(spd(k, 2, 3, 3)), call(spd(k, 3, 3), upper=True)], FLOATS),
    "cross": Row(lambda k: [call(data(k, 2, 3), data(k, 2, 3)), call(data(k, 3, 2), data(k, 3, 2), axis=0)]),
    "det": Row(lambda k: [call(data(k, 2, 3, 3))], FLOATS),
    "diagonal": Row(lambda k: [call(data(k, 2, 3, 4)), call(data(k, 3, 4), offset=1)], ALL),
    "eigh": Row(lambda k: [call(spd(k, 3, 3))], FLOATS),
    "eigvalsh": Row(lambda k: [call(spd(k, 3, 3))], FLOATS),
    "inv": Row(lambda k: [call(spd(k, 2, 3, 3))], FLOATS),
    "matmul": ROWS["matmul"],
    "matrix_norm": Row(lambda k: [
        call(data(k, 2, 3, 4), ord=o) for o in ("fro", "nuc", 1, -1, 2, -2, math.inf)
    ] + [call(data(k, 2, 3), keepdims=True)], FLOATS),
    "matrix_power": Row(lambda k: [call(spd(k, 3, 3), n) for n in (0, 1, 3, -1)], FLOATS),
    "matrix_rank": Row(lambda k: [call(data(k, 2, 3, 4)), call(np.ones((3, 3), k), rtol=0.1)], FLOATS),
    "matrix_transpose": ROWS["matrix_transpose"],
    "outer": Row(lambda k: [call(data(k, 3), data(k, 4))]),
    "pinv": Row(lambda k: [call(data(k, 4, 3)), call(data(k, 2, 3, 4), rtol=1e-3)], FLOATS),
    "qr": Row(lambda k: [call(data(k, 4, 3))], FLOATS),
    "slogdet": Row(lambda k: [call(data(k, 2, 3, 3))], FLOATS),
    "solve": Row(lambda k: [
        call(spd(k, 3, 3), data(k, 3)), call(spd(k, 2, 3, 3), data(k, 3, 3)), call(spd(k, 3, 3), data(k, 2, 3, 4)),
    ], FLOATS),
    "svd": Row(lambda k: [call(data(k, 4, 3), full_matrices=False)], FLOATS),
    "svdvals": Row(lambda k: [call(data(k, 4, 3))], FLOATS),
    "tensordot": ROWS["tensordot"],
    "trace": Row(lambda k: [call(data(k, 2, 3, 4)), call(data(k, 3, 3), offset=-1, dtype=k)]),
    "vecdot": ROWS["vecdot"],
    "vector_norm": Row(lambda k: [
        call(data(k, 2, 3)), call(data(k, 2, 3), axis=1, ord=1), call(data(k, 2, 3), axis=(0, 1), keepdims=True),
        call(data(k, 4), ord=math.inf), call(data(k, 4), ord=0), call(data(k, 4), ord=3),
    ], FLOATS),
}  # fmt: skip


def line(k, sizes=(None, 4, 9)):
    return [call(data(k, 3, 7), n=n) for n in sizes] + [
        call(data(k, 6, 2), axis=0, norm=norm) for norm in ("ortho", "forward")
    ]


def box(k):
    return [
        call(data(k, 3, 4)),
        call(data(k, 2, 3, 4), axes=(0, 2), norm="ortho"),
        call(data(k, 3, 4), s=(4, 3), axes=(0, 1)),
    ]


FFT = {
    "fft": Row(line, COMPLEX), "ifft": Row(line, COMPLEX), "rfft": Row(line, REAL),
    "irfft": Row(line, COMPLEX), "hfft": Row(line, COMPLEX), "ihfft": Row(line, REAL),
    "fftn": Row(box, COMPLEX), "ifftn": Row(box, COMPLEX), "rfftn": Row(box, REAL),
    "irfftn": Row(box, COMPLEX),
    "fftfreq": Row(lambda k: [call(n, d=0.5) for n in (1, 4, 5)], ("float64",)),
    "rfftfreq": Row(lambda k: [call(n, d=0.5) for n in (1, 4, 5)], ("float64",)),
    "fftshift": Row(lambda k: [call(data(k, 4, 5)), call(data(k, 4, 5), axes=1)], FLOATS),
    "ifftshift": Row(lambda k: [call(data(k, 4, 5)), call(data(k, 4, 5), axes=(1,))], FLOATS),
}  # fmt: skip
