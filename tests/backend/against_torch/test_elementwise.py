"""Functions of one and two tensors: hard values, mixed dtypes, numbers beside tensors."""

from __future__ import annotations

from .compare import check, side
from .draw import ALL, FLOATS, INTS, REAL, WIDE, Call, Draw, torch

_NN = "nn.functional."
UNARY = {
    "abs": ALL, "neg": (*REAL, "complex64", "complex128"), "square": ALL, "exp": ALL,
    "expm1": REAL, "log": ALL, "log1p": REAL, "log2": ALL, "log10": ALL, "sqrt": ALL,
    "rsqrt": REAL, "sin": REAL, "cos": REAL, "tan": REAL, "asin": REAL, "acos": REAL, "atan": REAL,
    "sinh": REAL, "cosh": REAL, "tanh": REAL, "asinh": REAL, "acosh": REAL, "atanh": REAL,
    "erf": REAL, "erfc": REAL, "sigmoid": REAL, "relu": REAL, "reciprocal": ALL, "floor": REAL,
    "ceil": REAL, "round": REAL, "trunc": REAL, "frac": FLOATS, "isnan": ALL, "isinf": ALL,
    "isfinite": ALL, "isposinf": (*REAL, "bool"), "isneginf": (*REAL, "bool"), "isreal": ALL,
    "logical_not": ALL, "bitwise_not": (*INTS, "bool"), "sgn": INTS, "sign": INTS, "angle": ALL,
    "conj": ALL, "exp2": REAL, "logit": FLOATS, "nan_to_num": REAL, "deg2rad": REAL,
    "rad2deg": REAL, "positive": REAL, "erfinv": FLOATS, "lgamma": WIDE, "digamma": WIDE,
    "sinc": FLOATS, "i0": WIDE, "special.ndtr": FLOATS, "special.entr": FLOATS,
    **{_NN + name: FLOATS for name in (
        "gelu", "silu", "softplus", "mish", "elu", "selu", "celu", "relu6", "leaky_relu",
        "hardtanh", "hardswish", "hardsigmoid", "logsigmoid", "softsign", "tanhshrink",
        "hardshrink", "softshrink",
    )},
}  # fmt: skip
BINARY = (
    "add", "sub", "mul", "div", "floor_divide", "remainder", "fmod", "pow", "maximum", "minimum",
    "fmax", "fmin", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor",
    "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift",
    "atan2", "hypot", "copysign", "heaviside", "xlogy", "logaddexp", "logaddexp2", "gcd", "lcm",
    "float_power", "isclose", "ldexp", "true_divide", "nextafter",
)  # fmt: skip


def unary(draw: Draw) -> Call:
    name = draw.one(*UNARY)
    return Call(name, [draw.pair(draw.one(*UNARY[name]), draw.shape())])


def binary(draw: Draw) -> Call:
    name, shape = draw.one(*BINARY), draw.shape()
    call = Call(name, [draw.pair(draw.one(*ALL), shape), draw.operand(ALL, shape)])
    if name == "div" and draw.maybe():
        call.keywords["rounding_mode"] = draw.one("floor", "trunc")
    if name in ("add", "sub") and draw.maybe(0.3):
        call.keywords["alpha"] = 2
    return call


def smooth(draw: Draw) -> Call:
    """What has a gradient at almost every number, away from where it has none."""
    name = draw.one(*(n for n in (*UNARY, *BINARY) if n not in _FLAT))
    shape, kind = draw.shape(), draw.one(*WIDE)
    x = [draw.of(draw.numpy.uniform(0.1, 0.9, shape).astype(kind))]
    if name in BINARY:
        shape = draw.broadcasting(shape)
        x.append(draw.of(draw.numpy.uniform(1.1, 2, shape).astype(draw.one(*WIDE))))
    return Call(name, x, gradient=True)


_FLAT = {
    "floor_divide", "remainder", "fmod", "isnan", "isinf", "isfinite", "isposinf", "isneginf",
    "isreal", "logical_not", "bitwise_not", "gcd", "lcm", "isclose", "nextafter", "heaviside",
    "eq", "ne", "lt", "le", "gt", "ge", "acosh", "ldexp", "copysign", "logical_and", "logical_or",
    "logical_xor",
}  # fmt: skip


def largest(args: list[object]) -> float:
    sizes = [float(a.double().abs().max()) for a in args if torch.is_tensor(a) and a.numel()]
    return max(sizes, default=0)


def left_out(call: Call) -> bool:
    """What docs/differences.md lists, and what PyTorch says is undefined."""
    name, args = call.name, side(list(call.args), "theirs")
    tensors = [a for a in args if torch.is_tensor(a)]
    kinds = [a.dtype for a in tensors]
    whole = all(not k.is_floating_point and not k.is_complex for k in kinds)
    if (name == "pow" and whole) or name in ("bitwise_left_shift", "bitwise_right_shift"):
        return True  # negative exponents; counts outside of the width
    if name in ("sgn", "sign") and not whole:
        return True
    if name == "nextafter" and torch.float16 in kinds:
        return True
    hard = any(
        a - a != 0 if isinstance(a, float) else torch.is_tensor(a) and not a.isfinite().all()
        for a in args
    )
    if any(k.is_complex for k in kinds) and hard:  # which part of a product is NaN
        return True
    if "alpha" in call.keywords and (True in [a is True for a in args] or torch.bool in kinds):
        return True  # alpha is a number, and True twice is 2
    if name.startswith("logical") and any(a.ndim == 0 for a in tensors):
        return True  # PyTorch casts a 0-d tensor first, and may lose all that is in it
    if name == "ldexp" and largest(args[1:]) > 11:
        return True  # powers that only one of float32 and float64 has
    if name == "ldexp" and not str(getattr(args[1], "dtype", "")).startswith("torch.int"):
        return True  # its power is rounded to the other's own dtype
    if name in ("pow", "float_power") and not torch.is_tensor(args[1]) and args[1] == 0.5:
        return True
    lowest = any(
        not a.is_floating_point() and not a.is_complex() and a.dtype != torch.bool
        and bool((a == torch.iinfo(a.dtype).min).any())
        for a in tensors
    )  # fmt: skip
    if name in ("gcd", "lcm") and (lowest or (name == "lcm" and largest(args) > 11)):
        return True  # it has no absolute value; products that wrap
    low = any(k in (torch.float16, torch.bfloat16) for k in kinds)
    if low and name in ("floor_divide", "remainder", "fmod", "ldexp"):
        return True  # a number beside them is rounded to their dtype first, and steps show it
    return hard and name in ("nn.functional.gelu", "i0", "copysign")


def test_functions_of_one_tensor(draw):
    check(draw, unary, left_out)


def test_functions_of_two(draw):
    check(draw, binary, left_out)


def test_gradients(draw):
    check(draw, smooth)


def promoted(draw: Draw) -> Call:
    """Tensors, 0-d tensors and numbers of any two dtypes."""
    shape, name = draw.shape(), draw.one("add", "mul", "true_divide", "eq", "where", "result_type")
    first = draw.pair(draw.one(*ALL), draw.one(shape, ()), hard=False)
    second = draw.operand(ALL, shape)
    if name == "where":
        return Call(name, [draw.pair("bool", shape), *draw.rng.sample([first, second], 2)])
    if name == "result_type":
        return Call(lambda lib, a, b: str(lib.result_type(a, b)).split(".")[-1], [first, second])
    return Call(name, [first, second])


def test_promotion(draw):
    check(draw, promoted, left_out)
