"""How a tensor looks when printed: as PyTorch does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes

if TYPE_CHECKING:
    from . import Tensor

_DEFAULT = {dtypes.bool_, dtypes.int64}


class _Options:
    """What set_printoptions sets."""

    precision, threshold, edgeitems, linewidth = 4, 1000, 3, 80
    sci_mode: bool | None = None


_PROFILES = {"default": (4, 1000, 3), "short": (2, 1000, 2), "full": (4, sys.maxsize, 3)}


def set_printoptions(
    precision: int | None = None,
    threshold: int | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """How tensors are printed: decimals (4), from how many elements on they are abridged (1000),
    to how many at each end (3), columns (80), exponents (None: where they are needed).

    profile: "default", "short" or "full" (nothing abridged); the others change that.
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"set_printoptions: profile is one of {', '.join(_PROFILES)}")
        _Options.precision, _Options.threshold, _Options.edgeitems = _PROFILES[profile]
        _Options.linewidth = 80
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems}
    for name, value in (given | {"linewidth": linewidth}).items():
        if value is not None:
            setattr(_Options, name, value)
    _Options.sci_mode = sci_mode


def to_text(x: Tensor) -> str:
    """`tensor([[1., 2.]], dtype=..., device=..., requires_grad=True)`, long ones abridged."""
    if not x._saved or x._slot is not None:
        what = "traced" if x._slot is not None else "not saved"
        return f"tensor(<{what}>, shape={tuple(x.shape)}, dtype={x.dtype!r})"
    suffix = []
    if x.dtype not in _DEFAULT and x.dtype is not dtypes.default_float():
        suffix.append(f"dtype={x.dtype!r}")
    if x.device.type != "numpy":
        suffix.append(f"device={str(x.device)!r}")
    if x.grad_fn is not None:
        suffix.append(f"grad_fn={x.grad_fn!r}")
    elif x.requires_grad:
        suffix.append("requires_grad=True")
    array = x.detach().numpy()
    if array.dtype == dtypes.bfloat16.np:
        array = array.astype(np.float32)
    if array.size == 0:
        body = "[]" if array.ndim == 1 else f"[], size={tuple(x.shape)}"
    else:
        style: dict[str, Any] = {}
        if array.dtype.kind == "f":
            style["formatter"] = {"float_kind": _float_format(array)}
        body = np.array2string(
            array,
            separator=", ",
            threshold=_Options.threshold,
            edgeitems=_Options.edgeitems,
            max_line_width=_Options.linewidth + array.ndim,  # brackets do not count
            prefix="tensor(",
            **style,
        )
    return f"tensor({', '.join([body, *suffix])})"


def _float_format(array: np.ndarray) -> Callable[[float], str]:
    """PyTorch's: "1." where all are whole, else four decimals, or an exponent where those hide."""
    shown = array[np.isfinite(array) & (array != 0)].astype(np.float64)
    largest, smallest = (np.abs(shown).max(), np.abs(shown).min()) if shown.size else (0, 1)
    exponent, decimals = f"{{:.{_Options.precision}e}}", f"{{:.{_Options.precision}f}}"
    if np.all(shown == np.ceil(shown)):
        text = exponent if largest >= 1e8 else "{:.0f}."
    else:
        hidden = largest / smallest > 1e3 or largest > 1e8 or smallest < 1e-4
        text = exponent if hidden else decimals
    if _Options.sci_mode is not None:
        text = exponent if _Options.sci_mode else text.replace("e}", "f}")

    def show(x: float) -> str:
        return text.format(x) if np.isfinite(x) else str(float(x))

    width = max((len(show(x)) for x in array.ravel()[: _Options.threshold]), default=0)
    return lambda x: show(x).rjust(width)
