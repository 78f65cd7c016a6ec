"""Other names that an argument may be given by: PyTorch's `input` and `other`, NumPy's `axis`."""

from __future__ import annotations

from collections.abc import Sequence

_ALSO = {
    "dim": ("axis",),
    "dims": ("axis", "dim"),
    "dim0": ("axis0",),
    "dim1": ("axis1",),
    "keepdim": ("keepdims",),
    "size": ("shape",),
    "sizes": ("size", "shape", "repeats"),
    "split_size_or_sections": ("split_size",),
    "indices_or_sections": ("indices", "sections"),
}
_FIRST, _SECOND = ("input", "x", "x1", "a"), ("other", "x2", "y")


def spellings(params: Sequence[tuple[str, bool]]) -> list[tuple[str, ...]]:
    """The other names of each parameter, given their names and which of them are tensors."""
    taken = {name for name, _ in params}
    out: list[tuple[str, ...]] = []
    for i, (name, is_tensor) in enumerate(params):
        also = _ALSO.get(name, ())
        if name in ("input", "other"):  # not always in that place: where(condition, input, other)
            also += _FIRST if name == "input" else _SECOND
        elif is_tensor and i < 2 and name != "condition":
            also += (_FIRST, _SECOND)[i]
        out.append(tuple(a for a in also if a not in taken))
        taken.update(out[-1])
    return out
