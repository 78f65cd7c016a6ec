"""What is rarely asked of functions that are often called: odd settings, names, operands."""

from __future__ import annotations

from typing import Any

from .compare import check
from .draw import INTS, WIDE, Call, Draw


def _limits(draw: Draw) -> Call:
    """clamp between tensors, of which the lower may be above the upper one."""
    shape = draw.shape(3)
    x, low, high = (draw.pair("float64", s, hard=False) for s in (shape, shape, shape[1:]))
    ends = draw.one({"min": low, "max": high}, {"min": low}, {"max": high})
    return Call("clamp", [x], ends, gradient=True)


def _filled(draw: Draw) -> Call:
    """An index that names a slice twice, and a value that has a gradient."""
    shape = draw.shape(3, least=1)
    dim = draw.dim(shape)
    at = draw.index(shape[dim], (4 if shape[dim] else 0,))
    x, value = draw.pair("float64", shape, hard=False), draw.pair("float64", (), hard=False)
    return Call("index_fill", [x, dim, at, value], gradient=True)


def _quantile(draw: Draw) -> Call:
    shape = (draw.one(1, 2, 5), draw.one(1, 3))
    x = draw.of(draw.numpy.permutation(shape[0] * shape[1]).reshape(shape) * 1.5)
    q = draw.of(draw.numpy.uniform(0.01, 0.99, draw.one((), (3,))))
    how = draw.one("linear", "midpoint")
    return Call("quantile", [x, q], {"dim": draw.one(None, 0, -1), "interpolation": how},
                gradient=True)  # fmt: skip


def polygamma(lib: Any, x: Any, n: int) -> Any:
    return lib.polygamma(n, x)


def _polygamma(draw: Draw) -> Call:
    x = draw.of(draw.numpy.uniform(-9, 9, draw.shape(2)).round(2) + 0.003)
    return Call(polygamma, [x, draw.rng.randint(0, 4)], gradient=True, loose=100)


def _lerp(draw: Draw) -> Call:
    shape = draw.shape(2)
    x, end = draw.pair("complex128", shape), draw.pair("complex128", shape)
    weight = draw.one(1.5 + 0.5j, 0.2 - 0.1j, 0.5, 2, 1)
    return Call("lerp", [x, end, weight], gradient=True)


def _tensordot(draw: Draw) -> Call:
    """Sizes of 1 stretch."""
    a, b = draw.one(1, 3), draw.one(1, 2)
    x = draw.pair("float64", (2, a, b), hard=False)
    y = draw.pair("float64", (draw.one(1, b), 4, draw.one(1, a)), hard=False)
    return Call("tensordot", [x, y], {"dims": ([1, 2], [2, 0])}, gradient=True)


def _along(draw: Draw) -> Call:
    shape = (draw.one(2, 3), draw.one(1, 4))
    dim = draw.dim(shape)
    x = draw.pair("float64", shape, hard=False)
    return Call("take_along_dim", [x, draw.index(shape[dim], shape, negative=True), dim],
                gradient=True)  # fmt: skip


def _cut(draw: Draw) -> Call:
    x = draw.pair("int64", (6, 2))
    at = draw.of(draw.one(3, [1, 4], [2], [0, 0, 9]))
    return Call("tensor_split", [x, at])


def _diff(draw: Draw) -> Call:
    x, more = (draw.pair("float64", (3, draw.one(1, 4)), hard=False) for _ in range(2))
    return Call("diff", [x, draw.rng.randint(0, 3)], {"prepend": more}, gradient=True)


def _rank(draw: Draw) -> Call:
    x = draw.pair(draw.one("float64", "complex128"), (2, 3, draw.one(2, 3)), hard=False)
    limits = {name: draw.of(draw.numpy.uniform(0, 2, 2)) for name in ("atol", "rtol")}
    del limits[draw.one("atol", "rtol")]
    return Call("linalg.matrix_rank", [x], limits)


def truths(lib: Any, how: str, x: Any, dim: int, at: Any, source: Any) -> Any:
    if how in ("sum", "prod", "amax"):
        return x.scatter_reduce(dim, at, source, how)
    return getattr(x, how)(dim, at, source)


def _truths(draw: Draw) -> Call:
    """Sums and products of bools."""
    x, source = draw.pair("bool", (3, 4)), draw.pair("bool", (3, 4))
    how = draw.one("scatter_add", "sum", "prod", "amax")
    return Call(truths, [how, x, 1, draw.index(4, (3, 4)), source])


def product(lib: Any, x: Any) -> Any:
    return x.prod(0, dtype=lib.bool)


def _product(draw: Draw) -> Call:
    return Call(product, [draw.pair(draw.one("bool", "int64", "float32"), draw.shape(2, least=1))])


def resized(lib: Any, x: Any, **how: Any) -> Any:
    """Bytes, rounded once. PyTorch's own have weights of 16 bits, and read past some views."""
    if lib.__name__ == "vidya":
        return lib.nn.functional.interpolate(x, **how) / 255
    out = lib.nn.functional.interpolate(x.float(), **how)
    return out.add(0.5).floor().clamp(0, 255) / 255


def _resized(draw: Draw) -> Call:
    x = draw.of(draw.numpy.integers(0, 256, (1, 2, draw.one(3, 8), 5)).astype("uint8"))
    mode = draw.one("bilinear", "bicubic")
    return Call(
        resized, [x], {"size": (draw.one(3, 4, 11), draw.one(2, 9)), "mode": mode}, loose=250
    )  # halves may go either way


def _around(draw: Draw) -> Call:
    x = draw.pair("float64", (1, 2, 5, 4), hard=False)
    pads = tuple(draw.rng.randint(-2, 2) for _ in range(4))
    return Call("nn.functional.pad", [x, pads, draw.one("circular", "replicate")], gradient=True)


def _hinge(draw: Draw) -> Call:
    x = draw.pair("float64", (4,), hard=False)
    target = draw.of(draw.numpy.integers(-1, 2, 4))
    return Call("nn.functional.hinge_embedding_loss", [x, target], gradient=True)


def counted(lib: Any, name: str, ends: tuple, kind: str) -> Any:
    return getattr(lib, name)(*ends, dtype=getattr(lib, kind))


def _counted(draw: Draw) -> Call:
    """Whole numbers between ends that are not."""
    low, high = draw.one(-3.7, 0, 0.5, 2), draw.one(4.2, 5, 9.999)
    name = draw.one("arange", "linspace", "logspace")
    ends = {"arange": (low, high, draw.one(1, 2.5)), "linspace": (low, high, 7),
            "logspace": (0, draw.one(3, 2.5), 4, 2.0)}[name]  # fmt: skip
    return Call(counted, [name, ends, draw.one("int64", "int32") if name != "arange" else "int64"])


def named(lib: Any, which: int, x: Any) -> Any:
    """Sizes and dims by their names."""
    return (
        lambda: lib.flip(x, dims=(0, 1)),
        lambda: x.flip(dims=(0,)),
        lambda: lib.tile(x, dims=(2, 1)),
        lambda: x.repeat(repeats=(2, 1)),
        lambda: x.expand(size=(2, *x.shape)),
        lambda: x.view(size=(-1,)),
        lambda: x.reshape(shape=(-1, 1)),
        lambda: x.permute(dims=(1, 0)),
        lambda: lib.zeros(size=(2, 3)),
        lambda: x.new_zeros(size=(2, 0)),
        lambda: x.new_ones((2,), device=x.device, requires_grad=True).sum(),
        lambda: x.new_full((2,), 3, dtype=lib.float64, device=x.device),
        lambda: x.sum_to_size(size=(1, x.shape[1])),
        lambda: lib.gradient(x, spacing=None, dim=None)[0],
        lambda: lib.eye(2, requires_grad=True) * 2,
    )[which]()


def _named(draw: Draw) -> Call:
    return Call(named, [draw.rng.randrange(15), draw.pair(draw.one(*WIDE), (3, 2), hard=False)])


FAMILIES = (
    _limits, _filled, _quantile, _polygamma, _lerp, _tensordot, _along, _cut, _diff, _rank,
    _truths, _product, _resized, _around, _hinge, _counted, _named,
)  # fmt: skip


def settings(draw: Draw) -> Call:
    return draw.one(*FAMILIES)(draw)


def test_settings(draw):
    check(draw, settings, calls=150)


def unravelled(lib: Any, x: Any) -> Any:
    return lib.unravel_index(x, (4, 70))


def test_coordinates_of_any_integers(draw):
    def places(draw: Draw) -> Call:
        kind = draw.one(*INTS)
        return Call(unravelled, [draw.of(draw.numpy.integers(0, 127, 3).astype(kind))])

    check(draw, places, calls=10)
