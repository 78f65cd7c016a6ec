"""The loss of a sequence of labels without their times. (Graves et al., 2006)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import FLOAT
from ..engine.from_host import tensor
from ..schema import op
from .elementwise import maximum, where
from .layout import cat, expand
from .rules import accumulation, cast_to

if TYPE_CHECKING:
    from ..tensor import Tensor

_NEVER = -1e30  # the logarithm of no chance, with which one can go on counting


@op("ctc_rows", fusable=False)
def ctc_rows(log_probs: Tensor, labels: Tensor, skips: Tensor, ends: Tensor, times: Tensor):
    """-log of the chance of each row's labels [N].

    log_probs [T, N, C]. labels [N, 2 S + 1]: blanks between the targets; skips, bool, of the same
    shape: may the blank before be left out; ends, bool: may the sequence end there. times [N]: how
    many of the T count.
    """
    steps, n, _ = log_probs.shape
    wide = accumulation(log_probs.dtype)
    seen = cast_to(log_probs, wide).gather(2, expand(labels.unsqueeze(0), (steps, *labels.shape)))
    width = labels.shape[1]
    # two columns of no chance in front, so that neighbours are slices
    never = seen.select(0, 0).narrow(1, 0, 1) * 0 + _NEVER
    first = seen.select(0, 0).narrow(1, 0, min(2, width))
    rest = [expand(never, (n, width - 2))] if width > 2 else []
    alpha = cat([first, *rest], 1)
    for t in range(1, steps):
        padded = cat([never, never, alpha], 1)
        stay, step = alpha, padded.narrow(1, 1, width)
        skip = where(skips, padded.narrow(1, 0, width), _NEVER)
        top = maximum(maximum(stay, step), skip).detach()
        total = (stay - top).exp() + (step - top).exp() + (skip - top).exp()
        new = maximum(total.log() + top, _NEVER) + seen.select(0, t)
        alpha = where((times > t).unsqueeze(1), new, alpha)
    return cast_to(-where(ends, alpha, _NEVER).logsumexp(1), log_probs.dtype)


def _whole(name: str, lengths: Any, n: int) -> np.ndarray:
    given = np.asarray(lengths.numpy() if hasattr(lengths, "numpy") else lengths).reshape(-1)
    if given.shape != (n,) or given.dtype.kind not in "iu":
        raise ValueError(f"ctc_loss: {name} must be {n} integers, got {lengths}")
    return given.astype(np.int64)


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the chance that frames say the targets, over all alignments, with blanks between.

    log_probs [T, N, C] (or [T, C]), logarithms of chances; targets [N, S], or all of them one after
    the other, none of them blank. reduction "none", "sum", or "mean", which first divides by the
    length of the target. A target that cannot fit is inf, or with zero_infinity 0. (Graves et al.,
    2006)
    """
    alone = log_probs.ndim == 2
    x = log_probs.unsqueeze(1) if alone else log_probs
    if x.ndim != 3 or x.dtype.category != FLOAT:
        raise ValueError(
            f"ctc_loss: log_probs must be floats [T, N, C] or [T, C], got "
            f"{log_probs.dtype.name} {tuple(log_probs.shape)}"
        )
    steps, n, classes = x.shape
    if not 0 <= blank < classes:
        raise ValueError(f"ctc_loss: blank {blank} is none of the {classes} classes")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f'ctc_loss: reduction is "none", "mean" or "sum", not {reduction!r}')
    frames, sizes = (
        _whole("input_lengths", input_lengths, n),
        _whole("target_lengths", target_lengths, n),
    )
    if n and (frames.max() > steps or frames.min() < 0 or sizes.min() < 0):
        raise ValueError(f"ctc_loss: input_lengths {frames} must be at most {steps}")
    said = targets.detach().numpy().astype(np.int64)
    if alone:
        said = said.reshape(1, -1)
    if (said.ndim == 1 and said.size != sizes.sum()) or (
        said.ndim == 2 and (said.shape[0] != n or (n and sizes.max() > said.shape[1]))
    ):
        raise ValueError(
            f"ctc_loss: targets {tuple(targets.shape)} do not have target_lengths {sizes}"
        )
    width = 2 * int(sizes.max(initial=0)) + 1
    labels = np.full((n, width), blank, np.int64)
    ends = np.zeros((n, width), bool)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    for i, size in enumerate(sizes):
        row = said[i, :size] if said.ndim == 2 else said[starts[i] : starts[i] + size]
        if size and not (row.min() >= 0 and row.max() < classes):
            raise ValueError(f"ctc_loss: targets must be from 0 to {classes - 1}, got {row}")
        labels[i, 1 : 2 * size : 2] = row
        ends[i, max(2 * size - 1, 0) : 2 * size + 1] = True
    skips = np.zeros((n, width), bool)
    skips[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])

    def place(array: np.ndarray) -> Tensor:
        return tensor(array, device=x.device)

    if not steps:
        raise ValueError("ctc_loss: log_probs has no frames")
    loss = ctc_rows(x, place(labels), place(skips), place(ends), place(frames))
    impossible = loss > -_NEVER / 2
    loss = where(impossible, 0.0 if zero_infinity else float("inf"), loss)
    if reduction == "none":
        return loss.squeeze(0) if alone else loss
    if reduction == "sum":
        return loss.sum()
    return (loss / place(np.maximum(sizes, 1)).to(loss.dtype)).mean()
