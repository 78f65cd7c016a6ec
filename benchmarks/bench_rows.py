"""Row-wise kernels over 4M floats, forward and backward, and the bandwidth that they reach."""

from __future__ import annotations

import numpy as np
import pytest
import vidya.functional as F

ROWS, COLUMNS = 4096, 1024


def softmax(x, g):
    y = np.exp(x - x.max(-1, keepdims=True))
    y /= y.sum(-1, keepdims=True)
    return y, y * (g - (g * y).sum(-1, keepdims=True))


def layer_norm(x, g):
    scale = np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    y = (x - x.mean(-1, keepdims=True)) / scale
    return y, (g - g.mean(-1, keepdims=True) - y * (g * y).mean(-1, keepdims=True)) / scale


def rms_norm(x, g):
    scale = np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)
    y = x / scale
    return y, (g - y * (g * y).mean(-1, keepdims=True)) / scale


# The op, and its result and gradient in NumPy for weight 1, bias 0 and upstream gradient g.
CALLS = {
    "softmax": (lambda x, w, b: F.softmax(x, -1), softmax),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (COLUMNS,), w, b, 1e-5), layer_norm),
    "rms_norm": (lambda x, w, b: F.rms_norm(x, (COLUMNS,), w, 1e-5), rms_norm),
}


@pytest.fixture
def operands(tensor):
    def make(**options):
        x, array = tensor(ROWS, COLUMNS, **options)
        return x, x.new_ones((COLUMNS,)), x.new_zeros((COLUMNS,)), array

    return make


@pytest.mark.parametrize("name", CALLS)
def bench_forward(name, operands, measure, best, benchmark):
    call, reference = CALLS[name]
    x, weight, bias, array = operands()
    result = measure(call, x, weight, bias).numpy()
    want, _ = reference(array.astype(np.float64), 0.0 * array)
    np.testing.assert_allclose(result, want, rtol=1e-4, atol=1e-5)
    benchmark.extra_info["gbps"] = round(2 * array.nbytes / best() / 1e9, 1)


@pytest.mark.parametrize("name", CALLS)
def bench_forward_and_backward(name, operands, measure):
    call, reference = CALLS[name]
    x, weight, bias, array = operands(requires_grad=True)
    upstream = x.detach() * x.detach()

    def step():
        x.grad = None
        call(x, weight, bias).backward(upstream)
        return x.grad

    gradient = measure(step).numpy()
    _, want = reference(array.astype(np.float64), array.astype(np.float64) ** 2)
    np.testing.assert_allclose(gradient, want, rtol=1e-3, atol=1e-4)
