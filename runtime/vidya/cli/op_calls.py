"""Calls for `vidya ops`: the test cases, and ops that no case runs under their own name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..dtypes import float32


def calls(device: Any, backward: bool = True) -> dict[str, Callable[[], Any]]:
    """Something to run for each op, by a name that ends in the op's."""
    from vidya.testing.cases import CASES

    return {name: partial(_run, c, device, backward) for name, c in CASES.items()} | _others(device)


def _others(device: Any) -> dict[str, Callable[[], Any]]:
    import vidya
    from vidya.ops.activation import tanh_backward
    from vidya.ops.cache import cache_write_, paged_cache_write_, paged_slots
    from vidya.ops.linear_cross_entropy import (
        linear_cross_entropy_rows,
        linear_cross_entropy_rows_backward,
        linear_cross_entropy_total,
    )
    from vidya.ops.muon import muon_step, muon_step_
    from vidya.ops.optim import adamw_step, adamw_step_, sgd_step, sgd_step_
    from vidya.ops.quantized import dequantize, quantized_linear
    from vidya.ops.resize import resize_linear

    def x(*shape: int) -> Any:
        return vidya.ones(shape, device=device)

    def whole(*shape: int, kind: Any = vidya.int64) -> Any:
        return vidya.zeros(shape, dtype=kind, device=device)

    def quantized() -> Any:
        return whole(4, 64, kind=vidya.int8)

    adam = [0.1, 0.9, 0.99, 1e-8, 0.0, 1]
    muon = [0.1, 0.9, 0.99, 0.0]
    return {
        "empty": lambda: vidya.empty(4, device=device),
        "uniform": lambda: vidya.rand(4, device=device),
        "normal": lambda: vidya.randn(4, device=device),
        "random_bits": lambda: vidya.randint(9, size=4, device=device),
        "random_permutation": lambda: vidya.randperm(4, device=device),
        "tanh_backward": lambda: tanh_backward(x(4), x(4)),
        "resize_linear": lambda: resize_linear(x(1, 1, 4), 2, 8, 0.5, False),
        "adamw_step": lambda: adamw_step(*(x(4) for _ in range(4)), *adam),
        "adamw_step_": lambda: adamw_step_(*(x(4) for _ in range(4)), *adam),
        "sgd_step": lambda: sgd_step(x(4), x(4), x(4), 0.1, 0.9, 0.0, 0.0),
        "sgd_step_": lambda: sgd_step_(x(4), x(4), x(4), 0.1, 0.9, 0.0, 0.0),
        "muon_step": lambda: muon_step(x(4, 3), x(4, 3), x(4, 3), x(4, 1), *muon),
        "muon_step_": lambda: muon_step_(x(4, 3), x(4, 3), x(4, 3), x(4, 1), *muon),
        "cache_write_": lambda: cache_write_(x(1, 1, 4, 2), x(1, 1, 1, 2), whole(1)),
        "paged_cache_write_": lambda: paged_cache_write_(x(2, 4, 2), x(1, 2), whole(1)),
        "paged_slots": lambda: paged_slots(whole(2), whole(1), 4),
        "dequantize": lambda: dequantize(quantized(), x(4, 2)),
        "quantized_linear": lambda: quantized_linear(x(2, 64), quantized(), x(4, 2)),
        "linear_cross_entropy_rows": lambda: linear_cross_entropy_rows(x(2, 3), x(4, 3), whole(2)),
        "linear_cross_entropy_total": lambda: linear_cross_entropy_total(
            x(2, 3), x(4, 3), whole(2)
        ),
        "linear_cross_entropy_rows_backward": lambda: linear_cross_entropy_rows_backward(
            x(2), x(2, 3), x(4, 3), whole(2), x(2)
        ),
    }


def _run(case: Any, device: Any, backward: bool) -> None:
    """The first sample of a case, forward and, if asked and where it has one, backward."""
    import vidya
    from vidya.testing.case import tree_map
    from vidya.testing.checks import samples_of

    kind = float32 if float32 in case.dtypes() else case.dtypes()[0]
    sample = samples_of(case, kind)[0]

    def place(array: np.ndarray) -> Any:
        tensor = vidya.tensor(array, device=device)
        wanted = case.grad and sample.grad and tensor.dtype.is_floating_point
        return tensor.requires_grad_() if wanted else tensor

    args, kwargs = tree_map(place, sample.args), tree_map(place, sample.kwargs)
    with vidya.no_grad():  # what is differentiated through its body is one call here
        case.function()(*args, **kwargs)
    if not backward:
        return
    result = case.function()(*args, **kwargs)
    for part in result if isinstance(result, tuple) else (result,):
        if part.requires_grad:
            part.sum().backward(retain_graph=True)
