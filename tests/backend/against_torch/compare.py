"""Calling both libraries and comparing what they give."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import vidya

from .draw import COMPLEX, Call, Draw, Pair

torch = pytest.importorskip("torch")

CALLS = 60
TOLERANCE = {
    "float64": 1e-9, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3.2e-2, "complex64": 1e-4,
    "complex128": 1e-9,
}  # fmt: skip
REFUSED = (RuntimeError, IndexError, ValueError, TypeError, NotImplementedError)


def side(x: Any, which: str) -> Any:
    """The argument with each Pair replaced by one of its two."""
    if isinstance(x, Pair):
        return getattr(x, which)
    if isinstance(x, dict):
        return {k: side(v, which) for k, v in x.items()}
    return type(x)(side(v, which) for v in x) if type(x) in (tuple, list) else x


def leaves(x: Any) -> list[Pair]:
    """The tensors in an argument."""
    if isinstance(x, Pair):
        return [x] if torch.is_tensor(x.theirs) else []
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, (tuple, list)) else ()
    return [leaf for part in parts for leaf in leaves(part)]


def watched(x: Any) -> Any:
    """The argument with every float tensor a leaf that wants a gradient."""
    if isinstance(x, Pair):
        smooth = torch.is_tensor(x.theirs) and (
            x.theirs.is_floating_point() or x.theirs.is_complex()
        )
        if x.fixed or not smooth:
            return x
        return Pair(x.theirs.detach().requires_grad_(), x.ours.detach().requires_grad_())
    if isinstance(x, dict):
        return {k: watched(v) for k, v in x.items()}
    return type(x)(map(watched, x)) if type(x) in (tuple, list) else x


def called(library: Any, call: Call, which: str) -> tuple[Any, ...]:
    args, keywords = side(list(call.args), which), side(call.keywords, which)
    if isinstance(call.fn, str):
        function = library
        for part in call.fn.split("."):
            function = getattr(function, part)
        result = function(*args, **keywords)
    else:
        result = call.fn(library, *args, **keywords)
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def word(x: Any) -> str:
    """An argument in an error's text."""
    if isinstance(x, Pair):
        a = x.theirs
        if not torch.is_tensor(a):
            return repr(a)
        steps = "" if x.ours.is_contiguous() else f" strides {x.ours.stride()}"
        values = a.tolist() if a.numel() <= 64 else "..."
        return f"{a.dtype}{tuple(a.shape)}{steps}:{values}"
    if isinstance(x, (tuple, list)):
        return f"({', '.join(map(word, x))})"
    if isinstance(x, dict):
        return ", ".join(f"{k}={word(v)}" for k, v in x.items())
    return repr(x)


def written(call: Call) -> str:
    return f"{call.name}({', '.join(map(word, call.args))}, {word(call.keywords)})"


def compare(got: np.ndarray, want: np.ndarray, limit: float, said: str) -> None:
    with np.errstate(all="ignore"):
        close = np.isclose(got, want, limit, limit, equal_nan=True)
    if not close.all():
        at = [tuple(map(int, place)) for place in np.argwhere(~close)[:4]]
        listed = "; ".join(f"{list(p)}: ours {got[p]}, PyTorch's {want[p]}" for p in at)
        raise AssertionError(f"{said}: {(~close).sum()} of {close.size} differ, {listed}")


def numbers(x: Any) -> np.ndarray:
    """A tensor of either library as NumPy has it."""
    if torch.is_tensor(x):
        x = x.detach().resolve_conj().resolve_neg()
        return np.asarray((x.float() if x.dtype == torch.bfloat16 else x).numpy(force=True))
    x = x.detach()
    return np.asarray((x.float() if x.dtype == vidya.bfloat16 else x).numpy())


def agree(call: Call, theirs: tuple[Any, ...], ours: tuple[Any, ...], said: str) -> None:
    assert len(ours) == len(theirs), said
    for i, (wanted, mine) in enumerate(zip(theirs, ours, strict=True)):
        if not torch.is_tensor(wanted):
            assert mine == wanted, said
            continue
        kind = str(wanted.dtype).removeprefix("torch.")
        want, got = numbers(wanted), numbers(mine)
        if call.name in ("all", "any"):
            want, kind = want.astype(bool), "bool"
        assert mine.dtype.name == kind, f"{said}: {mine.dtype} {kind}"
        assert got.shape == want.shape, f"{said}: {got.shape} {want.shape}"
        if i and call.unordered:
            continue
        if kind in COMPLEX:  # a division by zero is infinite in PyTorch's or in our parts
            got, want = (np.where(np.isfinite(want) & np.isfinite(v), v, 0) for v in (got, want))
        limit = TOLERANCE.get(kind, 0) * call.loose
        compare(got, want, limit, said)


def gradients(library: Any, call: Call, which: str, weights: Callable[[Any], Any]) -> list[Any]:
    """d of a weighted sum of all results by every tensor argument; None where none comes."""
    given = [side(pair, which) for pair in leaves([call.args, call.keywords])]
    inputs = [x for x in given if x.requires_grad]
    total: Any = 0
    for i, y in enumerate(called(library, call, which)):
        if getattr(y, "requires_grad", False):
            part = (y * weights((i, tuple(y.shape)))).sum()
            total = total + (part.real + 0.7 * part.imag if y.is_complex() else part)
    if isinstance(total, int):
        return [None] * len(inputs)
    return list(library.autograd.grad(total, inputs, allow_unused=True))


def agree_in_gradients(call: Call, draw: Draw, said: str) -> None:
    call = Call(call.fn, watched(list(call.args)), watched(call.keywords), loose=call.loose)
    given = [x.theirs for x in leaves([call.args, call.keywords])]
    kinds = [x.dtype for x in (*given, *called(torch, call, "theirs")) if torch.is_tensor(x)]
    limits = [TOLERANCE.get(str(kind).removeprefix("torch."), 0) for kind in kinds]
    limit = 10 * call.loose * max(limits)
    drawn: dict[Any, np.ndarray] = {}

    def weights(key: Any) -> np.ndarray:
        return drawn.setdefault(key, np.asarray(draw.numpy.normal(0, 1, key[1])))

    try:
        theirs = gradients(torch, call, "theirs", lambda key: torch.tensor(weights(key)))
    except REFUSED:
        return
    ours = gradients(
        vidya, call, "ours", lambda key: vidya.tensor(weights(key), device=draw.device)
    )
    for i, (wanted, mine) in enumerate(zip(theirs, ours, strict=True)):
        want = None if wanted is None else numbers(wanted)
        got = None if mine is None else numbers(mine)
        if want is None and got is None:
            continue
        want = np.zeros_like(got) if want is None else want
        got = np.zeros_like(want) if got is None else got
        assert got.shape == want.shape, f"{said}: gradient {i}: {got.shape} {want.shape}"
        size = float(np.abs(want, where=np.isfinite(want), out=np.zeros(want.shape)).max(initial=1))
        compare(got, want, limit * size, f"{said}: gradient {i}")


def check(
    draw: Draw,
    family: Callable[[Draw], Call],
    skip: Callable[[Call], bool] = lambda call: False,
    calls: int = CALLS,
) -> None:
    """So many calls of a family agree with PyTorch, where PyTorch takes them at all."""
    warnings.simplefilter("ignore")
    compared = 0
    for _ in range(calls):
        call = family(draw)
        if skip(call):
            continue
        try:
            theirs = called(torch, call, "theirs")
        except REFUSED:
            continue  # what is wrong is looked at by the rows' `wrong` calls and the fuzz
        if getattr(theirs[0], "dtype", 0) == torch.complex32:
            continue
        compared += 1
        said = written(call)
        try:
            with np.errstate(all="ignore"):
                ours = called(vidya, call, "ours")
        except REFUSED as error:
            raise AssertionError(f"{said}: {error!r}") from error
        agree(call, theirs, ours, said)
        if call.gradient:
            agree_in_gradients(call, draw, said)
    assert compared > calls // 3, f"only {compared} of {calls} calls were compared"
