"""Arguments by their other names, out=, inplace=, and results with names."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
import vidya.nn.functional as F
from vidya.errors import AutogradError


@pytest.fixture
def x(device):
    return vidya.tensor([[3.0, 1.0, 2.0], [-1.0, 5.0, 4.0]], device=device)


def same(a, b):
    np.testing.assert_array_equal(a.numpy(), b.numpy())


# ---- names ----


def test_an_op_takes_the_names_of_pytorch_and_numpy(x):
    same(vidya.add(input=x, other=2), x + 2)
    same(vidya.mul(x1=x, x2=x), x * x)
    same(vidya.pow(x, exponent=2), x * x)
    same(vidya.sum(input=x, axis=1, keepdims=True), x.sum(1, True))
    same(vidya.softmax(x, axis=-1), x.softmax(-1))
    same(vidya.where(condition=x > 0, input=x, other=0), x.clamp(0))
    same(x.sum(axis=0), x.sum(0))


def test_a_function_does_too(x):
    same(vidya.std(input=x, axis=1, keepdims=True), x.std(1, keepdim=True))
    same(vidya.squeeze(input=x.unsqueeze(0), axis=0), x)
    same(vidya.unsqueeze(x, axis=0), x.unsqueeze(0))
    same(vidya.outer(input=x[0], vec2=x[1]), vidya.outer(x[0], x[1]))
    same(x.split(split_size=1, dim=1)[2], x[:, 2:])
    same(F.softmax(input=x, dim=0), x.softmax(0))
    same(vidya.max(x, other=x * 0), x.clamp(0))


def test_wrong_names_are_named(x):
    with pytest.raises(TypeError, match=r"exp\(\): has no argument 'flavour'"):
        vidya.exp(x, flavour=1)
    with pytest.raises(TypeError, match="twice"):
        vidya.sum(x, 0, axis=0)
    with pytest.raises(TypeError, match=r"std: .*twice"):
        vidya.std(x, dim=0, axis=0)
    with pytest.raises(TypeError, match=r"squeeze: .*flavour"):
        vidya.squeeze(x, flavour=1)


def test_numpy_numbers_are_attributes(x):
    same(vidya.add(x, x, alpha=np.float32(0.5)), x * 1.5)
    same(x.sum(np.int64(1)), x.sum(1))
    same(x.sum((np.int64(0), np.int32(1))), x.sum())


# ---- out= ----


def test_out_is_written_and_returned(x):
    out = vidya.zeros_like(x)
    assert vidya.exp(x, out=out) is out
    same(out, x.exp())
    assert vidya.fft.fft(x, out=vidya.empty(0, dtype="complex64", device=x.device)).shape == (2, 3)
    total = vidya.empty(2, dtype="float64", device=x.device)
    assert vidya.sum(x, 1, out=total) is total
    same(total, x.sum(1).double())


def test_out_of_several_results(x):
    values, indices = vidya.zeros_like(x), vidya.zeros_like(x).long()
    assert vidya.sort(x, dim=1, out=(values, indices))[0] is values
    same(values, x.sort(1)[0])
    same(indices, x.sort(1)[1])


def test_out_may_be_an_input_or_a_view(x):
    before = x.clone()
    vidya.add(x, 1, out=x)
    same(x, before + 1)
    if x.device.core.strided:
        vidya.neg(x[:, 0], out=x[:, 2])
        same(x[:, 2], -before[:, 0] - 1)


def test_out_without_elements_takes_any_shape(x):
    out = vidya.empty(0, device=x.device)
    vidya.matmul(x, x.T, out=out)
    same(out, x @ x.T)


def test_wrong_outs(x):
    with pytest.raises(ValueError, match=r"exp: the result \(2, 3\) does not fit out \(4,\)"):
        vidya.exp(x, out=vidya.empty(4, device=x.device))
    with pytest.raises(TypeError, match="float32 result cannot go into out, which is int64"):
        vidya.exp(x, out=vidya.zeros_like(x).long())
    with pytest.raises(TypeError, match="out must be a Tensor"):
        vidya.exp(x, out=3)
    with pytest.raises(TypeError, match="tuple of 2"):
        vidya.sort(x, out=x)
    with pytest.raises(TypeError, match="no argument 'out'"):
        vidya.transpose(x, 0, 1, out=x)
    with pytest.raises(AutogradError, match="out= is not recorded"):
        vidya.exp(x.requires_grad_(), out=vidya.zeros_like(x))


def test_out_keeps_no_history(x):
    y = x.clone().requires_grad_()
    with vidya.no_grad():
        assert not vidya.exp(y, out=vidya.zeros_like(x)).requires_grad
    with pytest.raises(AutogradError):
        vidya.exp(x, out=y)


# ---- inplace= ----

ACTIVATIONS = {
    "celu": (), "elu": (1.5,), "hardsigmoid": (), "hardswish": (), "hardtanh": (-0.5, 0.5),
    "leaky_relu": (0.3,), "mish": (), "relu": (), "relu6": (), "selu": (), "silu": (),
    "threshold": (0.5, 7.0),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_inplace_overwrites(name, x):
    function, args = getattr(F, name), ACTIVATIONS[name]
    wanted = function(x, *args)
    assert function(x.clone(), *args, inplace=False) is not x
    assert function(x, *args, inplace=True) is x
    same(x, wanted)


def test_inplace_by_position(x):
    wanted = x.relu()
    assert F.relu(x, True) is x
    same(x, wanted)


def test_inplace_is_recorded(x):
    y = x.requires_grad_() * 1
    assert F.relu(y, inplace=True) is y
    y.sum().backward()
    assert x.grad is not None


# ---- names of results ----


def test_results_have_names(x):
    for result in (
        x.sort(1), x.topk(2), x.max(1), x.min(dim=1), x.median(1), x.mode(1), x.kthvalue(1),
        x.cummax(0), vidya.nanmedian(x, 1),
    ):  # fmt: skip
        assert result.values is result[0]
        assert result.indices.dtype is vidya.int64
        assert isinstance(result, tuple)
        assert len(result) == 2
    assert float(vidya.aminmax(x).max) == 5


def test_named_results_have_gradients(x):
    x.requires_grad_()
    x.max(1).values.sum().backward()
    same(x.grad, vidya.tensor([[1.0, 0, 0], [0, 1.0, 0]]))


def test_round_to_decimals(x):
    same((x / 3).round(decimals=1), vidya.tensor(np.round((x / 3).numpy() * 10) / np.float32(10)))
    same((x * 100).round(decimals=-2), x * 100)


def test_ops_are_copied_and_pickled_as_what_they_are():
    import copy
    import pickle

    for function in (vidya.relu, vidya.add, F.gelu, vidya.any):
        assert copy.deepcopy(function) is function
        assert pickle.loads(pickle.dumps(function)) is function
