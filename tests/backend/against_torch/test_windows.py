"""Convolution, pooling, padding, resizing and normalisation: combinations of their arguments."""

from __future__ import annotations

from typing import Any

from .compare import check as check_calls
from .draw import WIDE, Call, Draw

_F = "nn.functional."


def image(draw: Draw, n: int, hard: bool = False, fewest: int = 0) -> Any:
    sizes = [draw.rng.randint(3, 8) for _ in range(n)]
    batch = () if draw.maybe(0.15) else (draw.rng.randint(fewest, 3),)
    kind = draw.one(*WIDE, "float64")
    return draw.pair(kind, (*batch, 4, *sizes), hard)


def each(draw: Draw, n: int, low: int, high: int) -> Any:
    """One number for all dims, or one each."""
    if draw.maybe():
        return draw.rng.randint(low, high)
    return tuple(draw.rng.randint(low, high) for _ in range(n))


def smooth(x: Any) -> bool:
    return str(x.theirs.dtype) == "torch.float64"


def convolution(draw: Draw) -> Call:
    n, transposed = draw.one(1, 2, 2, 3), draw.maybe(0.4)
    x = image(draw, n, fewest=int(transposed))  # PyTorch checks no sizes of an empty batch there
    kind = str(x.theirs.dtype).removeprefix("torch.")
    groups = draw.one(1, 1, 2, 4)
    kernel = [draw.rng.randint(1, 3) for _ in range(n)]
    outs = draw.one(1, 2) * groups
    channels = (4, outs // groups) if transposed else (outs, 4 // groups)
    weight = draw.pair(kind, (*channels, *kernel), False)
    bias = draw.one(None, draw.pair(kind, (outs,), False))
    keywords: dict[str, Any] = {"groups": groups, "dilation": each(draw, n, 1, 2)}
    if transposed:
        keywords.update(stride=each(draw, n, 1, 3), padding=each(draw, n, 0, 2))
        keywords["output_padding"] = each(draw, n, 0, 1)
        return Call(f"{_F}conv_transpose{n}d", [x, weight, bias], keywords, smooth(x), 10)
    keywords["padding"] = draw.one("same", "valid", each(draw, n, 0, 3), each(draw, n, 0, 3))
    if keywords["padding"] != "same":
        keywords["stride"] = each(draw, n, 1, 3)
    return Call(f"{_F}conv{n}d", [x, weight, bias], keywords, smooth(x), 10)


def pooling(draw: Draw) -> Call:
    name, n = (
        draw.one("max", "max", "avg", "avg", "lp", "adaptive_avg", "adaptive_max"),
        draw.one(1, 2, 2, 3),
    )
    x = image(draw, n, hard=draw.maybe(0.2) and name in ("max", "avg"))
    spread = draw.numpy.permutation(x.theirs.numel()).reshape(tuple(x.theirs.shape))
    if name != "avg" and smooth(x):  # no two elements are equal, so gradients are determined
        x = draw.of(spread + 0.5)
    gradient = smooth(x) and bool(x.theirs.isfinite().all())
    if name.startswith("adaptive"):
        size: Any = each(draw, n, 1, 6)
        if n > 1 and isinstance(size, tuple) and draw.maybe(0.3):
            size = (None, *size[1:])
        keywords = {"return_indices": True} if name == "adaptive_max" and draw.maybe() else {}
        return Call(f"{_F}{name}_pool{n}d", [x, size], keywords, gradient)
    kernel = each(draw, n, 1, 3)
    keywords = {"ceil_mode": draw.maybe()}
    if draw.maybe(0.8):
        keywords["stride"] = each(draw, n, 1, 4)
    if name == "lp":
        n = min(n, 2)
        x = draw.of(abs(draw.values("float64", (2, 3, *(5, 4)[:n]), False)) + 0.1)
        kernel = each(draw, n, 1, 3)
        keywords.pop("stride", None)
        return Call(f"{_F}lp_pool{n}d", [x, draw.one(1.0, 2.0, 3.0), kernel], keywords, True)
    least = kernel if isinstance(kernel, int) else min(kernel)
    keywords["padding"] = each(draw, n, 0, least // 2)
    if name == "max":
        keywords.update(dilation=each(draw, n, 1, 2), return_indices=draw.maybe())
        if not x.theirs.isfinite().all():
            keywords["return_indices"] = False  # which of several NaN
    else:
        keywords["count_include_pad"] = draw.maybe()
        if n > 1 and draw.maybe(0.3):
            keywords["divisor_override"] = draw.one(1, 3, -2)
    return Call(f"{_F}{name}_pool{n}d", [x, kernel], keywords, gradient)


def resizing(draw: Draw) -> Call:
    n = draw.one(1, 2, 2, 3)
    x = draw.pair(draw.one(*WIDE, "float64"), (draw.one(1, 2), draw.one(1, 3), *(
        draw.rng.randint(1, 7) for _ in range(n))), False)  # fmt: skip
    modes = ["nearest", "nearest-exact", "area", ("linear", "bilinear", "trilinear")[n - 1]]
    mode = draw.one(*modes, "bicubic" if n == 2 else modes[-1])
    keywords: dict[str, Any] = {"mode": mode}
    if draw.maybe():
        keywords["size"] = each(draw, n, 1, 9)
    else:
        low = mode == "area"  # that of nothing is empty in PyTorch
        scales = tuple(draw.one(1.0, 1.5, 2.0, 2.3, *(() if low else (0.5, 0.7))) for _ in range(n))
        keywords["scale_factor"] = draw.one(scales, scales[0])
        if mode == "nearest":  # with two dims, and in three dims' gradient, it drops the factor
            keywords["recompute_scale_factor"] = True
        elif draw.maybe(0.4):
            keywords["recompute_scale_factor"] = draw.maybe()
    if mode in ("linear", "bilinear", "trilinear", "bicubic") and draw.maybe():
        keywords["align_corners"] = draw.maybe()
    return Call(f"{_F}interpolate", [x], keywords, smooth(x), 20)


def bordering(draw: Draw) -> Call:
    n = draw.one(1, 2, 3)
    x = image(draw, n)
    mode = draw.one("constant", "reflect", "replicate", "circular")
    given = draw.rng.randint(1, n) if mode == "constant" else n
    sides = tuple(draw.rng.randint(-1 if mode != "circular" else 0, 2) for _ in range(2 * given))
    value = draw.one((), (0.5,)) if mode == "constant" else ()
    return Call(f"{_F}pad", [x, sides, mode, *value], {}, smooth(x))


def folding(draw: Draw) -> Call:
    kernel, step = each(draw, 2, 1, 3), each(draw, 2, 1, 2)
    given = {"stride": step, "padding": each(draw, 2, 0, 1), "dilation": each(draw, 2, 1, 2)}
    if draw.maybe(0.6):
        x = draw.pair("float64", (*draw.one((), (2,)), 3, 6, 5), False)
        return Call(f"{_F}unfold", [x, kernel], given, True)
    area = kernel * kernel if isinstance(kernel, int) else kernel[0] * kernel[1]
    wide = {k: (v, v) if isinstance(v, int) else v for k, v in given.items()}
    k = (kernel, kernel) if isinstance(kernel, int) else kernel
    counts = [(size + 2 * wide["padding"][i] - wide["dilation"][i] * (k[i] - 1) - 1)
              // wide["stride"][i] + 1 for i, size in enumerate((6, 5))]  # fmt: skip
    x = draw.pair("float64", (*draw.one((), (2,)), 2 * area, counts[0] * counts[1]), False)
    return Call(f"{_F}fold", [x, (6, 5), kernel], given, True)


def normalising(draw: Draw) -> Call:
    name = draw.one("layer", "group", "batch", "instance", "local_response", "rms")
    n = draw.one(1, 2)
    x = draw.pair(
        "float64", (draw.one(1, 3), 4, *(draw.rng.randint(2, 5) for _ in range(n))), False
    )
    size = tuple(x.theirs.shape)
    weight, bias = (draw.one(None, draw.pair("float64", (4,), False)) for _ in range(2))
    if name in ("layer", "rms"):
        shape = size[-draw.rng.randint(1, n) :]
        weight, bias = (draw.one(None, draw.pair("float64", shape, False)) for _ in range(2))
        rest = [weight] if name == "rms" else [weight, bias]
        return Call(f"{_F}{name}_norm", [x, shape, *rest], {"eps": 1e-3}, True)
    if name == "group":
        return Call(f"{_F}group_norm", [x, draw.one(1, 2, 4), weight, bias], {}, True, 10)
    if name == "local_response":
        return Call(f"{_F}local_response_norm", [x, draw.rng.randint(1, 5)], {"k": 2.0}, True)
    mean = draw.pair("float64", (4,), False)
    var = draw.of(abs(draw.values("float64", (4,), False)) + 0.5)
    if name == "instance":
        return Call(f"{_F}instance_norm", [x, None, None, weight, bias], {}, True, 10)
    train = draw.maybe()

    def batch_norm(lib: Any, x: Any, mean: Any, var: Any, *rest: Any) -> Any:
        mean, var = mean.detach().clone(), var.detach().clone()
        y = lib.nn.functional.batch_norm(x, mean, var, *rest, training=train, momentum=0.3)
        return y, mean, var

    return Call(batch_norm, [x, mean, var, weight, bias], {}, True, 10)


def check(draw: Draw, family: Any) -> None:
    check_calls(draw, family, calls=30)


def test_convolution(draw):
    check(draw, convolution)


def test_pooling(draw):
    check(draw, pooling)


def test_resizing(draw):
    check(draw, resizing)


def test_bordering(draw):
    check(draw, bordering)


def test_folding(draw):
    check(draw, folding)


def test_normalising(draw):
    check(draw, normalising)
