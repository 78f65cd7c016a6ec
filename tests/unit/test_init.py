"""First values of weights: their spread, their shapes, refusals, seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import vidya
from vidya import nn


@pytest.mark.parametrize(
    ("fill", "std", "bound"),
    [
        (lambda t: nn.init.normal_(t, 0, 0.5), 0.5, math.inf),
        (lambda t: nn.init.uniform_(t, -2, 2), 4 / math.sqrt(12), 2),
        (lambda t: nn.init.trunc_normal_(t, std=1.0, a=-1, b=1), 0.5396, 1),
        (nn.init.xavier_normal_, math.sqrt(2 / 300), math.inf),
        (nn.init.xavier_uniform_, math.sqrt(2 / 300), math.sqrt(6 / 300)),
        (lambda t: nn.init.kaiming_normal_(t, nonlinearity="relu"), math.sqrt(2 / 200), math.inf),
        (nn.init.kaiming_uniform_, math.sqrt(2 / 200), math.sqrt(6 / 200)),
    ],
)
def test_init_has_the_spread_it_promises(device, fill, std, bound):
    vidya.manual_seed(1)
    w = nn.Parameter(vidya.zeros(100, 200, device=device))
    assert fill(w) is w
    values = w.detach().numpy()
    assert values.mean() == pytest.approx(0, abs=4 * std / math.sqrt(values.size))
    assert values.std() == pytest.approx(std, rel=0.03)
    assert np.abs(values).max() <= bound


def test_init_constants_and_refusals():
    w = nn.Parameter(vidya.zeros(2, 2))
    assert nn.init.ones_(w).tolist() == [[1, 1], [1, 1]]
    assert nn.init.zeros_(w).tolist() == [[0, 0], [0, 0]]
    assert nn.init.constant_(w, 3.0).tolist() == [[3, 3], [3, 3]]
    with pytest.raises(ValueError, match="2 or more dimensions"):
        nn.init.xavier_normal_(vidya.zeros(3))
    with pytest.raises(ValueError, match="mode is"):
        nn.init.kaiming_normal_(w, mode="fan")
    with pytest.raises(ValueError, match="unknown non-linearity 'rely'"):
        nn.init.kaiming_normal_(w, nonlinearity="rely")
    with pytest.raises(ValueError, match="widen the bounds"):
        nn.init.trunc_normal_(w, a=10, b=11)


def test_the_same_seed_gives_the_same_weights(device):
    vidya.manual_seed(5)
    a = nn.Linear(7, 3, device=device).weight.tolist()
    vidya.manual_seed(5)
    assert nn.Linear(7, 3, device=device).weight.tolist() == a


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4), (6, 2, 3), (1, 5)])
def test_orthogonal(device, shape):
    w = nn.Parameter(vidya.zeros(*shape, device=device))
    assert nn.init.orthogonal_(w, gain=2.0) is w
    matrix = w.detach().numpy().reshape(shape[0], -1)
    short = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    assert short @ short.T == pytest.approx(4 * np.eye(len(short)), abs=1e-5)
    with pytest.raises(ValueError, match="2 or more dims"):
        nn.init.orthogonal_(vidya.zeros(3, device=device))


def test_identities(device):
    assert nn.init.eye_(vidya.ones(2, 3, device=device)).tolist() == [[1, 0, 0], [0, 1, 0]]
    x = vidya.rand(1, 4, 7, device=device)
    weight = nn.init.dirac_(vidya.empty(4, 2, 3, device=device), groups=2)
    passed = nn.functional.conv1d(x, weight, padding=1, groups=2)
    assert passed.tolist() == x.tolist()
    with pytest.raises(ValueError, match="needs a matrix"):
        nn.init.eye_(vidya.zeros(3, device=device))
    with pytest.raises(ValueError, match="3 to 5 dims"):
        nn.init.dirac_(vidya.zeros(3, 3, device=device))


def test_sparse_columns(device):
    w = nn.init.sparse_(vidya.empty(10, 40, device=device), sparsity=0.25, std=2.0).numpy()
    assert ((w == 0).sum(0) == 3).all() and w[w != 0].std() == pytest.approx(2, rel=0.2)
    with pytest.raises(ValueError, match="needs a matrix"):
        nn.init.sparse_(vidya.zeros(3, device=device), 0.5)
