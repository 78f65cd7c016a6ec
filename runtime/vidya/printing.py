"""How a tensor looks when printed: as PyTorch does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes

if TYPE_CHECKING:
    from .tensor import Tensor

_DEFAULT = {dtypes.bool_, dtypes.int64}


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
            threshold=1000,
            edgeitems=3,
            max_line_width=80,
            prefix="tensor(",
            **style,
        )
    return f"tensor({', '.join([body, *suffix])})"


def _float_format(array: np.ndarray) -> Callable[[float], str]:
    """PyTorch's: "1." where all are whole, else four decimals, or an exponent where those hide."""
    shown = array[np.isfinite(array) & (array != 0)].astype(np.float64)
    largest, smallest = (np.abs(shown).max(), np.abs(shown).min()) if shown.size else (0, 1)
    if np.all(shown == np.ceil(shown)):
        text = "{:.4e}" if largest >= 1e8 else "{:.0f}."
    else:
        hidden = largest / smallest > 1e3 or largest > 1e8 or smallest < 1e-4
        text = "{:.4e}" if hidden else "{:.4f}"

    def show(x: float) -> str:
        return text.format(x) if np.isfinite(x) else str(float(x))

    width = max((len(show(x)) for x in array.ravel()[:1000]), default=0)
    return lambda x: show(x).rjust(width)
