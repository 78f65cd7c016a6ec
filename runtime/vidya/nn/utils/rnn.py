"""Sequences of several lengths in one batch: padded to the longest, or packed without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...calls.arguments import explain
from ...functions.construct import tensor
from ...ops.layout import cat
from ...ops.parts import stack
from ...tensor import Tensor

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence",
    "pad_packed_sequence", "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class PackedSequence(NamedTuple):
    """The steps of a batch of sequences one after the other, without padding.

    data [sum of the lengths, *]: the first step of all, longest sequence first, then the second of
    all that have one ... batch_sizes [T]: how many have each step. sorted_indices [N]: which
    sequence of the batch lies at each place, unsorted_indices the inverse; None if in order.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The data on another device or in another dtype, the indices where the data is."""
        data = self.data.to(*args, **kwargs)
        moved = (x if x is None else x.to(device=data.device) for x in self[2:])
        return PackedSequence(data, self.batch_sizes, *moved)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes it."""
    return None if permutation is None else permutation.argsort()


def _lengths(name: str, lengths: Any, batch: int, longest: int) -> np.ndarray:
    sizes = lengths.numpy() if isinstance(lengths, Tensor) else np.asarray(lengths)
    if sizes.shape != (batch,) or sizes.dtype.kind not in "iu":
        raise ValueError(f"{name}: lengths must be {batch} integers, one per sequence")
    if not batch or sizes.min() < 1 or sizes.max() > longest:
        raise ValueError(
            f"{name}: lengths must be from 1 to {longest}, the longest, got {sizes.tolist()}"
        )
    return sizes.astype(np.int64)


def _steps(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of falling lengths: how many have each step, and where in [T, N] flattened the data lies."""
    there = np.arange(lengths.max())[:, None] < lengths
    return there.sum(1), np.flatnonzero(there)


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Sequences padded to the longest, [T, N, *] (with batch_first [N, T, *]), packed.

    lengths: N integers, on the host or a tensor. enforce_sorted: they must be falling
    (ValueError), else they are sorted here.
    """
    if input.ndim < 2:
        raise ValueError(
            f"pack_padded_sequence: takes [T, N, *] or [N, T, *], got {tuple(input.shape)}"
        )
    x = input.transpose(0, 1) if batch_first else input
    sizes = _lengths("pack_padded_sequence", lengths, x.shape[1], x.shape[0])
    order = back = None
    if enforce_sorted:
        if (np.diff(sizes) > 0).any():
            raise ValueError(
                f"pack_padded_sequence: lengths {sizes.tolist()} must be falling; or pass "
                "enforce_sorted=False"
            )
    else:
        places = np.argsort(-sizes, kind="stable")
        order = tensor(places, device=input.device)
        back = tensor(np.argsort(places), device=input.device)
        x, sizes = x.index_select(1, order), sizes[places]
    counts, at = _steps(sizes)
    rest = tuple(x.shape[2:])
    flat = x.reshape((x.shape[0] * x.shape[1], *rest))
    data = flat.index_select(0, tensor(at, device=input.device))
    return PackedSequence(data, tensor(counts), order, back)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """(padded [T, N, *], with batch_first [N, T, *], lengths [N]): the inverse of packing.

    total_length: T, if longer than the longest sequence.
    """
    counts = sequence.batch_sizes.numpy()
    longest, batch = len(counts), int(counts[0])
    if total_length is not None and total_length < longest:
        raise ValueError(
            f"pad_packed_sequence: total_length {total_length} is less than the longest sequence, "
            f"{longest}"
        )
    data = sequence.data
    lengths = (counts[:, None] > np.arange(batch)).sum(0)
    rows, rest = (total_length or longest) * batch, tuple(data.shape[1:])
    out = data.new_full((rows, *rest), padding_value)
    out = out.index_copy(0, tensor(_steps(lengths)[1], device=data.device), data)
    out, found = out.reshape((rows // batch, batch, *rest)), tensor(lengths)
    if sequence.unsorted_indices is not None:
        out = out.index_select(1, sequence.unsorted_indices)
        found = found.index_select(0, sequence.unsorted_indices.to(device=found.device))
    return (out.transpose(0, 1) if batch_first else out), found


def pad_sequence(
    sequences: Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences [T_i, *] as one tensor [T, N, *] (with batch_first [N, T, *]), T the longest."""
    if padding_side not in ("left", "right"):
        raise ValueError(f'pad_sequence: padding_side is "left" or "right", not {padding_side!r}')
    sequences = list(sequences)
    if not sequences or any(not x.ndim or x.shape[1:] != sequences[0].shape[1:] for x in sequences):
        raise ValueError(
            "pad_sequence: takes tensors [T, *] that differ in T only, got shapes "
            f"{[tuple(x.shape) for x in sequences]}"
        )
    longest = max(x.shape[0] for x in sequences)
    padded = []
    for x in sequences:
        filling = x.new_full((longest - x.shape[0], *x.shape[1:]), padding_value)
        parts = [x, filling] if padding_side == "right" else [filling, x]
        padded.append(cat(parts, 0) if filling.shape[0] else x)
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """The sequences [T_i, *] of a padded batch."""
    x = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    sizes = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    return [x[i, : sizes[i]] for i in range(x.shape[0])]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences [T_i, *] packed; longest first, unless enforce_sorted is False."""
    sequences = list(sequences)
    return pack_padded_sequence(
        pad_sequence(sequences), [x.shape[0] for x in sequences], enforce_sorted=enforce_sorted
    )


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences [T_i, *] that were packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


explain(globals(), __all__)
