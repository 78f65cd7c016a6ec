"""Questions about tensors and types, and ways of writing other ops."""

from __future__ import annotations

import pytest
import vidya
import vidya.nn.functional as F
from vidya import nn


def test_questions(device):
    x = vidya.ones(2, 3, device=device)
    assert vidya.is_tensor(x)
    assert not vidya.is_tensor([1])
    assert vidya.is_floating_point(x)
    assert not vidya.is_complex(x)
    assert vidya.is_signed(x)
    assert vidya.is_same_size(x, x * 2)
    assert vidya.is_nonzero(x[0, 0])
    with pytest.raises(ValueError, match="is_nonzero: needs one element"):
        vidya.is_nonzero(x)


def test_types():
    assert vidya.can_cast(vidya.int32, vidya.float32)
    assert not vidya.can_cast(vidya.float32, vidya.int32)
    assert not vidya.can_cast(vidya.int8, vidya.bool)
    assert vidya.result_type(vidya.ones(2, dtype="int32"), 1.0) is vidya.float32
    assert vidya.result_type(vidya.ones(2, dtype="float64"), vidya.ones(())) is vidya.float64
    assert vidya.result_type(1, 2.0) is vidya.float32
    assert vidya.broadcast_shapes((2, 1), (3,), 1) == (2, 3)
    with pytest.raises(ValueError, match="broadcast_shapes"):
        vidya.broadcast_shapes((2,), (3,))


def test_other_ways_of_writing(device):
    x = vidya.arange(6.0, device=device).reshape(2, 3)
    assert vidya.fill(x, 2).tolist() == [[2, 2, 2], [2, 2, 2]]
    assert vidya.fill(x, x[1, 2]).tolist() == [[5, 5, 5], [5, 5, 5]]
    assert [p.shape for p in x.split_with_sizes([1, 2], 1)] == [(2, 1), (2, 2)]
    rows, columns = vidya.unravel_index(vidya.tensor([5, 3]), (2, 3))
    assert (rows.tolist(), columns.tolist()) == ([1, 1], [2, 0])
    assert x.sum_to_size((1, 1)).shape == (1, 1)


def test_one_hot(device):
    classes = vidya.tensor([[0, 2], [1, 1]], device=device)
    assert F.one_hot(classes).shape == (2, 2, 3)
    assert F.one_hot(classes, 4)[0, 1].tolist() == [0, 0, 1, 0]
    with pytest.raises(ValueError, match="one_hot: classes must be from 0 to 1"):
        F.one_hot(classes, 2)


def test_the_bag_layer(device):
    bag = nn.EmbeddingBag(5, 3, mode="sum", padding_idx=0, device=device)
    index = vidya.tensor([1, 2, 0, 4], device=device)
    out = bag(index, vidya.tensor([0, 2], device=device))
    wanted = vidya.stack([bag.weight[1] + bag.weight[2], bag.weight[4]])
    assert vidya.allclose(out, wanted)
    out.sum().backward()
    assert bag.weight.grad[0].abs().sum().item() == 0
    assert "mode='sum'" in repr(bag)


def test_functions_and_methods_both_ways(device):
    x = vidya.tensor([[4.0, 1.0], [1.0, 9.0]], device=device)
    assert vidya.sqrt_(x.clone()).tolist()[1][1] == 3
    assert vidya.zero_(x.clone()).abs().sum().item() == 0
    assert x.clone().greater_(2.0).tolist() == [[1, 0], [0, 1]]
    assert vidya.allclose(x.det(), vidya.det(x))
    assert vidya.allclose(x.cholesky() @ x.cholesky().mT, x, atol=1e-5)
    assert x.qr()[0].shape == (2, 2)
