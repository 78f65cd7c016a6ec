"""Special functions. Their oracles are the definitions, summed far enough."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from ..case import S, case
from .common import binary, floated, unary
from .fourier import same_library


def each(fn):
    return np.vectorize(fn, otypes=[np.float64])


def lgamma(x):
    if x in (math.inf, -math.inf):
        return math.inf
    return math.inf if x <= 0 and x == math.floor(x) else math.lgamma(x)


def zeta(s: int, x: float) -> float:
    """The sum of (x + k)^-s over k >= 0: 60 terms, and Euler and Maclaurin's for the rest."""
    a = x + 60
    rest = a ** (1 - s) / (s - 1) + 0.5 * a**-s + s * a ** (-s - 1) / 12
    rest -= s * (s + 1) * (s + 2) * a ** (-s - 3) / 720
    return math.fsum((x + k) ** -s for k in range(60)) + rest


def digamma(x):
    if x == 0:
        return -math.copysign(math.inf, x)
    if x < 0 and x == math.floor(x):
        return math.nan
    a = x + 60
    total = math.log(a) - 0.5 / a - 1 / (12 * a**2) + 1 / (120 * a**4) - 1 / (252 * a**6)
    return total - math.fsum(1 / (x + k) for k in range(60))


def erfinv(y):
    if not -1 < y < 1:
        return math.copysign(math.inf, y) if abs(y) == 1 else math.nan
    low, high = -7.0, 7.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle) < y else (low, middle)
    return low


def bessel(order: int):
    def value(x):
        term = total = (x / 2) ** order / math.factorial(order)
        for k in range(1, 120):
            term *= x * x / 4 / (k * (k + order))
            total += term
        return total

    return each(value)


def xlogy(x, y):
    y = np.asarray(y, float)
    return np.where(np.isnan(y), np.nan, np.where(x == 0, 0.0, x * np.log(np.where(x == 0, 1, y))))


def logit(x, eps=None):
    x = x if eps is None else np.clip(x, eps, 1 - eps)
    return np.log(x / (1 - x))


case("logit", floated(logit), unary(0.1, 0.9), types="fib", out="float", scale=4)
case("logit_eps", logit, unary(0.2, 0.7, eps=0.15, extremes=()), fn="logit", scale=4)
case(
    "sinc",
    floated(np.sinc),
    unary(-2.5, 2.5, extremes=(np.nan, 0.0, -0.0)),
    types="fibc",
    out="float",
)
case(
    "erfinv",
    floated(each(erfinv)),
    unary(-0.95, 0.95, extremes=(np.nan, 0, 1, -1, 2)),
    types="fib",
    out="float",
)
case(
    "lgamma",
    floated(each(lgamma)),
    unary(0.2, 6, extremes=(np.nan, np.inf, -np.inf, 0, -1, 1e4)),
    types="fib",
    out="float",
    scale=8,
)
case(
    "lgamma_negative",
    each(lgamma),
    lambda t: [S(t.of([-0.5, -1.25, -2.5, -3.75]))],
    fn="lgamma",
    scale=8,
)
case(
    "digamma",
    floated(each(digamma)),
    unary(0.3, 6, extremes=(np.nan, 0.0, -0.0, -1, -2, 1e4)),
    types="fib",
    out="float",
    scale=8,
)
case(
    "digamma_negative",
    each(digamma),
    lambda t: [S(t.of([-0.5, -1.25, -2.5]))],
    fn="digamma",
    scale=16,
)
for _n in (1, 2, 3):
    case(
        "polygamma" if _n == 1 else f"polygamma_{_n}",
        lambda n, x: each(lambda v: (-1) ** (n + 1) * math.factorial(n) * zeta(n + 1, v))(x),
        lambda t, _n=_n: [S(_n, t(*s, low=0.5, high=4)) for s in ((3, 4), (), (0, 3))],
        fn="polygamma",
        scale=8,
    )
case(
    "polygamma_negative",
    lambda n, x: each(lambda v: (-1) ** (n + 1) * math.factorial(n) * zeta(n + 1, v))(x),
    lambda t: [S(n, t.of([-0.375, -1.25, -2.625])) for n in (2, 3, 4)],
    fn="polygamma",
    scale=32,
)
case(
    "i0",
    floated(bessel(0)),
    unary(-4, 4, extremes=(0.0, 30, -30)),
    types="fib",
    out="float",
    scale=4,
)
case(
    "special.i1",
    floated(bessel(1)),
    unary(-4, 4, extremes=(0.0, 30, -30)),
    types="fib",
    out="float",
    scale=4,
)
case("xlogy", floated(xlogy), binary((0.2, 2), (0.2, 2), scalars=(2,)), types="fib", out="float")
case("logaddexp", np.logaddexp, binary((-4, 4), (-4, 4), scalars=()))
case(
    "logaddexp_complex",
    lambda x, y: np.log(np.exp(x) + np.exp(y)),
    lambda t: [S(t(3, 4, low=-1, high=1), t(4, low=-1, high=1)), S(t(), t(2))],
    fn="logaddexp",
    types="c",
    scale=4,
)
case("logaddexp2", np.logaddexp2, binary((-4, 4), (-4, 4), scalars=()))


def scaled_bessel(order: int):
    return lambda x: bessel(order)(x) * np.exp(-np.abs(x))


def far_bessel(order: int, x):
    """The first terms of the asymptotic series, of exp(-|x|) I(x)."""
    a = 8 * np.abs(x)
    mu = 4 * order**2
    series = 1 - (mu - 1) / a * (1 - (mu - 9) / (2 * a) * (1 - (mu - 25) / (3 * a)))
    return np.sign(x) ** order * series / np.sqrt(np.pi * a / 4)


for _order in (0, 1):
    case(
        f"special.i{_order}e",
        floated(scaled_bessel(_order)),
        unary(-4, 4, extremes=(0.0, 30, -30)),
        types="fib",
        out="float",
        scale=4,
    )
    case(
        f"i{_order}e_far",
        lambda x, o=_order: far_bessel(o, x),
        lambda t: [S(t.of([5e3, -1e4, 6e4])).forward_only()],
        fn=lambda x, o=_order: getattr(same_library(x).special, f"i{o}e")(x),
        scale=4,
    )


def erfcx(x):
    if x < 25:
        return math.exp(x * x) * math.erfc(x)
    return 1 / (x + 0.5 / (x + 1 / (x + 1.5 / x))) / math.sqrt(math.pi)


case(
    "special.erfcx",
    floated(each(erfcx)),
    unary(-2, 4, extremes=(np.nan, np.inf, -np.inf, 30, 9, 0)),
    types="fib",
    out="float",
    scale=16,
)


def ndtri(p):
    if not 0 < p < 1:
        return math.inf if p == 1 else -math.inf if p == 0 else math.nan
    return NormalDist().inv_cdf(p)


case(
    "special.ndtri",
    floated(each(ndtri)),
    unary(0.05, 0.95, extremes=(np.nan, 0, 1, -1, 2, 1e-4, 0.5)),
    types="fib",
    out="float",
    scale=8,
)


def log_ndtr(x):
    """For low x by Laplace's continued fraction, from its end."""
    if math.isnan(x) or x > -5:
        return x if math.isnan(x) else math.log(0.5 * math.erfc(-x * math.sqrt(0.5)))
    if x == -math.inf:
        return x
    fraction = -x
    for k in range(200, 0, -1):
        fraction = -x + k / fraction
    return -0.5 * x * x - math.log(fraction * math.sqrt(2 * math.pi))


case(
    "special.log_ndtr",
    floated(each(log_ndtr)),
    unary(-8, 4, extremes=(np.nan, np.inf, -np.inf, 0, -1, -40, -1e4, 9)),
    types="fib",
    out="float",
    scale=8,
)


def xlog1py(x, y):
    y = np.asarray(y, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.isnan(y), np.nan, np.where(x == 0, 0.0, x * np.log1p(y)))


case(
    "special.xlog1py",
    floated(xlog1py),
    binary((0.2, 2), (-0.5, 2), scalars=(2,)),
    types="fib",
    out="float",
)
case(
    "xlog1py_of_zero",
    xlog1py,
    lambda t: [S(t.of([0, 0, 0, 1]), t.of([-1, -2, np.nan, -1])).forward_only()],
    fn="special.xlog1py",
)
