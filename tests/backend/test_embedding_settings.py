"""Tables whose rows are kept short, and gradients by how often a row is met."""

import numpy as np
import pytest
import vidya
from vidya import nn
from vidya.nn import functional as F

TABLE = [[3.0, 4.0], [0.3, 0.4], [-6.0, 8.0], [5.0, 12.0]]


def table(device):
    return vidya.tensor(TABLE, device=device).requires_grad_()


@pytest.mark.parametrize(("order", "size"), [(2.0, 5.0), (1.0, 7.0), (float("inf"), 4.0)])
def test_rows_that_are_met_are_shortened_in_place(device, order, size):
    weight = table(device)
    out = F.embedding(vidya.tensor([[0, 1], [0, 0]], device=device), weight, None, 1.0, order)
    want = np.array(TABLE, np.float32)
    want[0] /= size
    np.testing.assert_allclose(weight.detach().numpy(), want, 1e-5)
    np.testing.assert_allclose(out.detach().numpy(), want[[[0, 1], [0, 0]]], 1e-5)
    assert weight.requires_grad and weight.grad_fn is None


def test_gradients_by_frequency(device):
    weight = table(device)
    at = vidya.tensor([0, 2, 0, 0, 1], device=device)
    g = vidya.tensor(np.arange(10.0).reshape(5, 2), device=device, dtype=vidya.float32)
    (F.embedding(at, weight, scale_grad_by_freq=True) * g).sum().backward()
    want = [[10 / 3, 13 / 3], [8, 9], [2, 3], [0, 0]]
    np.testing.assert_allclose(weight.grad.numpy(), want, 1e-5)
    weight.grad = None
    bags = F.embedding_bag(at.reshape(5, 1), weight, mode="sum", scale_grad_by_freq=True)
    (bags * g).sum().backward()
    np.testing.assert_allclose(weight.grad.numpy(), want, 1e-5)


def test_layers_take_them(device):
    layer = nn.Embedding(4, 2, max_norm=1.0, scale_grad_by_freq=True).to(device=device)
    layer(vidya.tensor([0, 1, 2, 3], device=device))
    assert (layer.weight.detach().norm(dim=-1) < 1.001).all()
    bag = nn.EmbeddingBag(4, 2, max_norm=0.5, mode="sum").to(device=device)
    assert bag(vidya.tensor([[0, 1]], device=device)).shape == (1, 2)
    assert bag.weight.detach()[:2].norm(dim=-1).amax() < 0.501
    kept = nn.Embedding.from_pretrained(vidya.tensor(TABLE, device=device), padding_idx=1)
    assert not kept.weight.requires_grad and kept.padding_idx == 1
    assert kept(vidya.tensor([2], device=device)).tolist() == [[-6.0, 8.0]]


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match="gradients are dense"):
        nn.Embedding(4, 2, sparse=True)
    with pytest.raises(ValueError, match="no meaning for mode"):
        at = vidya.tensor([[0, 1]])
        F.embedding_bag(at, vidya.ones(4, 2), mode="max", scale_grad_by_freq=True)
    with pytest.raises(ValueError, match=r"weight \(3, 2\) must be \[4, 2\]"):
        nn.Embedding(4, 2, _weight=vidya.ones(3, 2))
    with pytest.raises(ValueError, match="from_pretrained"):
        nn.Embedding.from_pretrained(vidya.ones(3))
