"""Gradients of recurrent layers on a device are those of their definition, step by step."""

import numpy as np
import pytest
import vidya
from vidya import nn

SIZES = [(7, 29, 5, 33), (4, 1, 8, 40), (3, 50, 6, 64)]  # steps, rows, input, state


def run(device, name, size, used, **options):
    steps, rows, width, state = size
    rng = np.random.default_rng(0)

    def numbers(*shape):
        return vidya.tensor(rng.normal(size=shape) * 0.3, device=device).requires_grad_()

    layer = getattr(nn, name)(width, state, dtype=vidya.float64, device=device, **options)
    for parameter in layer.parameters():
        parameter.data = numbers(*parameter.shape).detach()
    ways = 2 if options.get("bidirectional") else 1
    given = [numbers(ways, rows, state) for _ in range(2 if name == "LSTM" else 1)]
    x = numbers(steps, rows, width)
    out, last = layer(x, tuple(given) if name == "LSTM" else given[0])
    last = last if isinstance(last, tuple) else (last,)
    found = {"out": [out], "last": list(last), "both": [out, *last]}[used]
    sum((f * f * f).sum() for f in found).backward()
    return [t.numpy() for t in (out.detach(), x.grad, *(g.grad for g in given))] + [
        p.grad.numpy() for p in layer.parameters()
    ]


@pytest.mark.parametrize("used", ["out", "last", "both"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "name, options",
    [("LSTM", {"bidirectional": True}), ("GRU", {}), ("GRU", {"bias": False}), ("RNN", {}),
     ("RNN", {"nonlinearity": "relu", "bidirectional": True})],
    ids=str,
)  # fmt: skip
def test_gradients_are_those_of_the_definition(device, name, options, size, used):
    found = run(device, name, size, used, **options)
    for mine, theirs in zip(found, run("numpy", name, size, used, **options), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-10)


def test_second_gradients_go_through_the_sums(device):
    """What the kernel refuses is decomposed."""
    layer = nn.LSTM(3, 4, dtype=vidya.float64, device=device)

    def loss(x):
        return (layer(x)[0] ** 2).sum()

    x = vidya.tensor(np.random.default_rng(1).normal(size=(3, 2, 3)), device=device)
    assert vidya.testing.gradgradcheck(loss, x.requires_grad_())
