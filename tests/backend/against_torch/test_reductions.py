"""Reductions, scans and order: any dims, dtypes and hard values."""

from __future__ import annotations

from .compare import check, side
from .draw import ALL, COMPLEX, FLOATS, INTS, REAL, WIDE, Call, Draw, dtype

REDUCTIONS = {
    "sum": ALL, "nansum": REAL, "mean": (*FLOATS, *COMPLEX), "nanmean": FLOATS, "prod": ALL,
    "amax": (*REAL, "bool"), "amin": (*REAL, "bool"), "var": (*FLOATS, *COMPLEX), "std": FLOATS,
    "all": ALL, "any": ALL, "logsumexp": FLOATS, "count_nonzero": ALL, "argmax": REAL,
    "argmin": REAL, "max": (*REAL, "bool"), "min": REAL, "median": REAL, "nanmedian": REAL,
    "norm": FLOATS, "aminmax": REAL, "cumsum": ALL, "cumprod": ALL, "cummax": REAL, "cummin": REAL,
    "logcumsumexp": FLOATS, "softmax": FLOATS, "log_softmax": FLOATS, "sort": (*REAL, "bool"),
    "kthvalue": REAL, "quantile": WIDE, "nanquantile": WIDE, "diff": ALL, "var_mean": FLOATS,
    "topk": REAL, "unique": INTS, "mode": INTS,
}  # fmt: skip
SEVERAL = (
    "sum", "nansum", "mean", "nanmean", "amax", "amin", "var", "std", "logsumexp", "all", "any",
    "norm", "var_mean", "count_nonzero",
)  # fmt: skip
WHOLE = (
    *SEVERAL, "prod", "argmax", "argmin", "max", "min", "median", "nanmedian", "aminmax",
    "quantile", "nanquantile", "unique", "diff",
)  # fmt: skip
UNORDERED = (
    "median", "nanmedian", "max", "min", "sort", "kthvalue", "mode", "topk", "cummax", "cummin"
)  # fmt: skip


def reduction(draw: Draw, kind: str | None = None, hard: bool = True) -> Call:
    name, rng = (
        draw.one(*(n for n in REDUCTIONS if kind is None or kind in REDUCTIONS[n])),
        draw.rng,
    )
    shape, keywords = draw.shape(), {}
    x = draw.pair(kind or draw.one(*REDUCTIONS[name]), shape, hard)
    if name != "unique" and (name not in WHOLE or draw.maybe(0.7)):
        keywords["dim"] = draw.dim(shape)
        if name in SEVERAL and draw.maybe(0.4) and len(shape) > 1:
            keywords["dim"] = tuple(rng.sample(range(len(shape)), 2))
        if name in WHOLE and name not in ("count_nonzero", "diff") and draw.maybe(0.4):
            keywords["keepdim"] = True
    if name in ("sum", "prod", "cumsum", "cumprod", "mean", "softmax") and draw.maybe(0.3):
        keywords["dtype"] = dtype(draw.one("float64", "float32"))
    if name in ("var", "std", "var_mean") and draw.maybe(0.3):
        keywords["correction"] = draw.one(0, 1, 2)
    extra = {"kthvalue": [1], "quantile": [0.3], "nanquantile": [0.7], "topk": [1]}.get(name, [])
    if name == "norm":
        extra = [draw.one(2, 1, 3, float("inf"), -float("inf"), 0)]
    if name == "logsumexp" and "dim" not in keywords:
        keywords["dim"] = draw.dim(shape)
    return Call(name, [x, *extra], keywords, unordered=name in UNORDERED)


def smooth(draw: Draw) -> Call:
    call = reduction(draw, "float64", hard=False)
    x = draw.of(draw.numpy.permutation(call.args[0].theirs.numel()).reshape(
        tuple(call.args[0].theirs.shape)) + 0.5)  # fmt: skip
    return Call(
        call.fn, [x, *call.args[1:]], call.keywords, gradient=True, unordered=call.unordered
    )


def left_out(call: Call) -> bool:
    x = side(call.args[0], "theirs")
    if call.name == "nanmedian" and not x.is_floating_point() and not x.numel():
        return True  # integers have no NaN
    hard = not x.isfinite().all()
    return bool(hard) and (x.is_complex() or call.name in ("quantile", "nanquantile", "var_mean"))


def test_reductions(draw):
    check(draw, reduction, left_out)


def test_gradients(draw):
    check(draw, smooth)
