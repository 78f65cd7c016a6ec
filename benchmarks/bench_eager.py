"""What one eager call costs when there is next to nothing to compute.

Warm is the second and every later call with the same shapes; cold is the first with new ones,
where shape rule, kernel choice and layouts are decided.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import vidya

CALLS = {
    "add": (lambda a, b: a + b, (16,), np.add),
    "matmul": (lambda a, b: a @ b, (16, 16), np.matmul),
    "relu": (lambda a, b: a.relu(), (16,), lambda a, b: np.maximum(a, 0)),
}


@pytest.mark.parametrize("tracked", [False, True], ids=["plain", "tracked"])
@pytest.mark.parametrize("name", CALLS)
def bench_warm(name, tracked, tensor, measure):
    call, shape, reference = CALLS[name]
    (a, a_array), (b, b_array) = (tensor(*shape, requires_grad=tracked) for _ in "ab")
    result = measure(call, a, b)
    assert result.requires_grad == tracked
    np.testing.assert_allclose(
        result.detach().numpy(), reference(a_array, b_array), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("name", CALLS)
def bench_cold(name, tensor, benchmark, device):
    call, shape, _ = CALLS[name]
    sizes = itertools.count(100)

    def fresh():
        n = next(sizes)
        return tuple(tensor(n, *shape)[0] for _ in "ab"), {}

    def synchronised(a, b):
        result = call(a, b)
        vidya.synchronize(device)
        return result

    result = benchmark.pedantic(synchronised, setup=fresh, rounds=50)
    assert np.isfinite(result.numpy()).all()


def bench_forward_and_backward(tensor, measure):
    a, a_array = tensor(16, 16, requires_grad=True)
    b, b_array = tensor(16, 16)

    def step():
        a.grad = None
        (a @ b).relu().sum().backward()
        return a.grad

    gradient = measure(step)
    want = (a_array @ b_array > 0).astype(np.float32) @ b_array.T
    np.testing.assert_allclose(gradient.numpy(), want, rtol=1e-4, atol=1e-4)
