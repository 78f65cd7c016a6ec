"""One optimizer step over ten million parameters."""

from __future__ import annotations

import numpy as np
import pytest
import vidya

SHAPES = [(1024, 1024)] * 8 + [(1536, 512)] * 2 + [(512,)] * 10 + [(38688,)]
COUNT = sum(int(np.prod(shape)) for shape in SHAPES)

OPTIMIZERS = {
    "AdamW": lambda p: vidya.optim.AdamW(p, lr=1e-3, weight_decay=0.1),
    "Adam": lambda p: vidya.optim.Adam(p, lr=1e-3),
    "SGD": lambda p: vidya.optim.SGD(p, lr=1e-3, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def bench_step(name, tensor, measure, best, benchmark):
    assert abs(COUNT - 10_000_000) < 10_000
    parameters = [tensor(*shape, requires_grad=True)[0] for shape in SHAPES]
    start = parameters[0].detach().numpy().copy()
    for parameter in parameters:
        parameter.grad = vidya.ones_like(parameter)
    optimizer = OPTIMIZERS[name](parameters)
    optimizer.step()
    moved = parameters[0].detach().numpy() - start * (1 - 1e-4 if name == "AdamW" else 1)
    np.testing.assert_allclose(moved, -1e-3, rtol=1e-2)  # the first step is lr against the sign
    measure(optimizer.step)
    benchmark.extra_info["ns_per_parameter"] = round(best() / COUNT * 1e9, 3)
