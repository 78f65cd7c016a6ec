"""What the conformance tests share: rows times dtypes, and what happens to an unsupported one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import vidya
from vidya import dtypes
from vidya.errors import UnsupportedError
from vidya.testing.case import Case, Sample, arrays
from vidya.testing.cases import CASES
from vidya.testing.checks import has_gradient


def rows(choose=lambda case: True, only: tuple = ()) -> pytest.MarkDecorator:
    """Parametrize over (case_name, dtype) for the chosen rows."""
    pairs = [
        pytest.param(name, kind, id=f"{name}-{kind.name}")
        for name, case in CASES.items()
        if choose(case)
        for kind in case.dtypes()
        if not only or kind in only
    ]
    return pytest.mark.parametrize(("case_name", "dtype"), pairs)


# What a device has to know to be one: everything else it may honestly lack.
_ESSENTIAL = (dtypes.float32, dtypes.int64, dtypes.bool_)


@contextlib.contextmanager
def honest(case: Case, dtype: dtypes.dtype, complete: bool) -> Iterator[None]:
    """An unsupported dtype is skipped and reported; but float32 must be supported everywhere."""
    essential = (
        dtype is dtypes.float32
        and not case.complex_inside
        and all(result in _ESSENTIAL for result in case.result_dtypes(dtype))
    )
    try:
        yield
    except UnsupportedError:
        if complete or essential:
            raise
        pytest.skip(f"{dtype.name} is unsupported there, and the device says so")


def placer(device: str):
    """Makes tensors on the device, contiguous."""
    return lambda array: vidya.tensor(array, device=device)


def leaf_placer(device: str):
    """Makes tensors on the device that collect a gradient."""
    return lambda array: vidya.tensor(array, device=device).requires_grad_()


def floats(sample: Sample) -> list[np.ndarray]:
    """The arrays of a sample that have a gradient."""
    return [a for a in arrays((sample.args, sample.kwargs)) if has_gradient(a)]


def on_device(result: Any, device: str) -> None:
    """Every result is where its inputs were: nothing went elsewhere in silence."""
    wanted = vidya.device(device)
    for tensor in result if isinstance(result, (tuple, list)) else (result,):
        assert tensor.device == wanted, f"the result is on {tensor.device}, not on {wanted}"
