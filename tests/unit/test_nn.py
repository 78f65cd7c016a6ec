"""Modules: what they hold, how they are saved and moved, their hooks, the layers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import vidya
from vidya import nn
from vidya.errors import AutogradError, CheckpointError


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 2)
        self.again = self.inner  # tied
        self.register_buffer("scale", vidya.tensor([2.0]))
        self.register_buffer("scratch", vidya.zeros(1), persistent=False)
        self.norm = nn.Sequential(nn.RMSNorm(2, eps=1e-5), nn.Dropout(0.5))

    def forward(self, x):
        return self.norm(self.inner(x)) * self.scale


# ---- the tree ----


def test_named_iterators_list_each_thing_once():
    model = Twice()
    assert [name for name, _ in model.named_parameters()] == [
        *("inner.weight", "inner.bias", "norm.0.weight"),
    ]
    assert [name for name, _ in model.named_buffers()] == ["scale", "scratch"]
    assert [name for name, _ in model.named_modules()] == ["", "inner", "norm", "norm.0", "norm.1"]
    assert [name for name, _ in model.named_children()] == ["inner", "again", "norm"]
    assert model.get_submodule("norm.1").p == 0.5
    with pytest.raises(AttributeError, match="no module 'x'"):
        model.get_submodule("norm.x")
    assert model.get_parameter("inner.weight") is model.inner.weight
    assert model.get_buffer("scale") is model.scale
    with pytest.raises(AttributeError, match=r"no parameter 'w' .of 'inner.w'"):
        model.get_parameter("inner.w")
    with pytest.raises(AttributeError, match="no buffer 'weight'"):
        model.get_buffer("inner.weight")


def test_attributes_are_parameters_modules_or_plain():
    m = nn.Module()
    m.w = nn.Parameter(vidya.ones(2))
    assert isinstance(m.w, vidya.Tensor) and m.w.requires_grad and m.w.is_leaf
    with pytest.raises(TypeError, match=r"w is a parameter of Module; assign an nn\.Parameter"):
        m.w = 3
    m.w = None
    assert list(m.parameters()) == [] and m.w is None
    del m.w
    m.w = 3  # now an ordinary attribute
    assert m.w == 3
    m.w = nn.Linear(1, 1)
    assert [name for name, _ in m.named_children()] == ["w"]
    del m.w
    with pytest.raises(AttributeError, match="Module has no attribute 'w'"):
        _ = m.w
    with pytest.raises(KeyError, match=r"holds a '\.'"):
        m.register_buffer("a.b", None)
    with pytest.raises(KeyError, match="already has an attribute 'forward'"):
        m.add_module("forward", nn.Linear(1, 1))

    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.w = nn.Parameter(vidya.ones(1))

    with pytest.raises(AttributeError, match=r"call super\(\).__init__\(\) before"):
        Forgetful()
    with pytest.raises(NotImplementedError, match="Module defines no forward"):
        nn.Module()(1)


def test_train_eval_freeze_zero_grad_apply():
    model = Twice()
    assert model.eval() is model and not model.norm[1].training
    model.train()
    assert model.norm[1].training
    model.requires_grad_(False)
    assert not any(p.requires_grad for p in model.parameters())
    model.requires_grad_()
    model(vidya.ones(1, 3)).sum().backward()
    assert model.inner.weight.grad is not None
    model.zero_grad(set_to_none=False)
    assert model.inner.weight.grad.abs().sum().item() == 0
    model.zero_grad()
    assert model.inner.weight.grad is None
    seen = []
    model.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Linear", "RMSNorm", "Dropout", "Sequential", "Twice"]


def test_printing_shows_the_tree():
    text = repr(nn.Sequential(nn.Linear(2, 3, bias=False), nn.Dropout(0.1)))
    assert text == (
        "Sequential(\n  (0): Linear(in_features=2, out_features=3, bias=False)\n"
        "  (1): Dropout(p=0.1)\n)"
    )


# ---- state ----


def test_state_dict_shares_memory_and_loads_strictly():
    model = Twice()
    state = model.state_dict()
    assert list(state) == [
        *("scale", "inner.weight", "inner.bias", "again.weight", "again.bias", "norm.0.weight"),
    ]
    assert not any(t.requires_grad for t in state.values())
    other = Twice()
    assert other.load_state_dict(state) == ([], [])
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert mine.tolist() == theirs.tolist() and mine is not theirs

    with vidya.no_grad():
        model.inner.bias.fill_(7.0)
    assert state["inner.bias"].tolist() == [7.0, 7.0]

    del state["scale"]
    state["extra"] = vidya.zeros(1)
    with vidya.no_grad():
        other.scale.fill_(3.0)
    with pytest.raises(CheckpointError, match="missing: scale; unknown: extra"):
        other.load_state_dict(state)
    assert other.inner.bias.tolist() != [7.0, 7.0]
    assert other.load_state_dict(state, strict=False) == (["scale"], ["extra"])
    assert other.scale.tolist() == [3.0] and other.inner.bias.tolist() == [7.0, 7.0]

    state["inner.weight"] = np.zeros((2, 2), np.float32)
    with pytest.raises(CheckpointError, match=r"inner\.weight is \[2, 2\] there and \[2, 3\] here"):
        other.load_state_dict(state, strict=False)


def test_loading_converts_to_the_modules_dtype(device):
    layer = nn.Linear(2, 1, device=device)
    layer.load_state_dict({"weight": np.array([[1.5, 2.5]]), "bias": np.array([3.0])})
    assert layer.weight.dtype is vidya.float32
    assert layer.weight.tolist() == [[1.5, 2.5]]


def test_to_moves_in_place_and_keeps_ties(float64_device):
    model = Twice()
    weight, grad_before = model.inner.weight, model(vidya.ones(1, 3)).sum().backward()
    assert grad_before is None
    model.register_buffer("count", vidya.tensor([3]))
    assert model.to(float64_device, vidya.float64) is model
    assert model.inner.weight is weight and model.again.weight is weight
    assert weight.dtype is vidya.float64 and weight.grad.dtype is vidya.float64
    assert weight.device == vidya.device(float64_device)
    assert model.count.dtype is vidya.int64
    assert (
        model(vidya.ones(1, 3, dtype=vidya.float64, device=float64_device)).dtype is vidya.float64
    )
    with pytest.raises(TypeError, match="floating dtype, not int32"):
        model.to(vidya.int32)


# ---- hooks ----


def test_forward_pre_hooks_may_replace_the_arguments():
    m = nn.Sequential()
    handle = m.register_forward_pre_hook(lambda module, args: args[0] + 1)
    m.register_forward_pre_hook(lambda module, args: (args[0] * 10,))
    assert m(vidya.tensor([1.0])).tolist() == [20.0]
    handle.remove()
    handle.remove()  # twice does no harm
    assert m(vidya.tensor([1.0])).tolist() == [10.0]


def test_forward_hooks_may_replace_the_output():
    m = nn.Sequential()
    seen = []
    with m.register_forward_hook(lambda module, args, out: seen.append((args, out))):
        m.register_forward_hook(lambda module, args, out: out * 2)
        assert m(vidya.tensor([1.0])).tolist() == [2.0]
    assert m(vidya.tensor([1.0])).tolist() == [2.0]
    assert len(seen) == 1


def test_hooks_with_kwargs_see_and_change_them():
    class Add(nn.Module):
        def forward(self, x, y=0):
            return x + y

    m = Add()
    m.register_forward_pre_hook(lambda mod, args, kw: (args, {"y": kw["y"] + 1}), with_kwargs=True)
    m.register_forward_hook(lambda mod, args, kw, out: out * kw["y"], with_kwargs=True)
    assert m(vidya.tensor([1.0]), y=2).tolist() == [12.0]


def test_backward_hooks_see_this_modules_share(device):
    layer = nn.Linear(2, 1, bias=False, device=device)
    with vidya.no_grad():
        layer.weight.copy_(vidya.tensor([[3.0, 4.0]]).to(device))
    seen = []
    handle = layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    x = vidya.tensor([[1.0, 1.0]], device=device).requires_grad_()
    (layer(x) * 2 + x.sum()).sum().backward()  # x is used elsewhere too
    [(grad_input, grad_output)] = seen
    assert grad_input[0].tolist() == [[6.0, 8.0]] and grad_output[0].tolist() == [[2.0]]
    assert x.grad.tolist() == [[7.0, 9.0]]
    assert layer.weight.grad.tolist() == [[2.0, 2.0]]
    handle.remove()
    layer(x).sum().backward()
    assert len(seen) == 1


def test_backward_hooks_may_replace_the_gradient_of_the_input():
    m = nn.Linear(2, 2)
    m.register_full_backward_hook(lambda m, gi, go: (gi[0] * 0 + 5,))
    m.register_full_backward_hook(lambda m, gi, go: gi[0] + 1)
    x = vidya.ones(1, 2).requires_grad_()
    m(x).sum().backward()
    assert x.grad.tolist() == [[6.0, 6.0]]


def test_backward_hooks_run_where_no_input_has_a_gradient():
    m, seen = nn.Embedding(4, 2), []
    m.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    m(vidya.tensor([1])).sum().backward()
    assert seen == [((None,), [[1.0, 1.0]])]


def test_backward_hooks_see_and_replace_several_gradients():
    class Mul(nn.Module):
        def forward(self, x, n, y):
            return x * y * n, x + y

    m, seen = Mul(), []
    m.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    m.register_full_backward_hook(lambda m, gi, go: (gi[2], None, gi[0]))
    x, y = vidya.tensor([2.0]).requires_grad_(), vidya.tensor([3.0]).requires_grad_()
    product, total = m(x, 2, y)
    (product + total * 10).sum().backward()
    [(grad_input, grad_output)] = seen
    assert [g if g is None else g.tolist() for g in grad_input] == [[16.0], None, [14.0]]
    assert [g.tolist() for g in grad_output] == [[1.0], [10.0]]
    assert (x.grad.tolist(), y.grad.tolist()) == ([14.0], [16.0])

    m.register_full_backward_hook(lambda m, gi, go: gi[:1])
    with pytest.raises(AutogradError, match="returned 1 gradients for 3 arguments"):
        m(x, 2, y)[0].sum().backward()


# ---- containers ----


def test_lists_and_sequences_index_like_lists():
    a, b, c = nn.Linear(1, 2), nn.Linear(2, 3), nn.Linear(3, 4)
    row = nn.Sequential(a, b).append(c)
    assert len(row) == 3 and row[-1] is c and list(row[1:]) == [b, c]
    assert row(vidya.ones(5, 1)).shape == (5, 4)
    del row[0]
    assert [name for name, _ in row.named_children()] == ["0", "1"] and row[0] is b
    row[0] = a
    assert row[0] is a
    row.insert(0, c)
    assert list(row) == [c, a, c]
    with pytest.raises(IndexError):
        row[5] = a
    with pytest.raises(TypeError, match="ModuleList holds modules, not int"):
        nn.ModuleList([3])
    named = nn.Sequential({"first": a, "second": b})
    assert next(n for n, _ in named.named_parameters()) == "first.weight"
    assert named(vidya.ones(1, 1)).shape == (1, 3)
    assert len(list(nn.ModuleList([a, b]).extend([c]).parameters())) == 6


def test_module_dicts_index_like_dicts():
    d = nn.ModuleDict({"q": nn.Linear(1, 1)})
    d["k"] = nn.Linear(1, 2)
    assert list(d) == ["q", "k"] and "q" in d and len(d) == 2
    assert [n for n, _ in d.named_parameters()][-1] == "k.bias"
    assert d.pop("k").out_features == 2
    del d["q"]
    assert len(d) == 0
    with pytest.raises(KeyError, match="already has an attribute 'forward'"):
        d["forward"] = nn.Linear(1, 1)


# ---- layers ----


def test_linear_is_x_times_the_weight_transposed(device):
    layer = nn.Linear(3, 2, device=device)  # not square
    x = np.random.default_rng(0).normal(size=(4, 5, 3)).astype(np.float32)
    found = layer(vidya.tensor(x, device=device)).detach().numpy()
    wanted = x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    assert found == pytest.approx(wanted, abs=1e-5)
    bound = 1 / math.sqrt(3)
    assert np.abs(layer.weight.detach().numpy()).max() <= bound
    assert nn.Linear(3, 2, bias=False).bias is None


def test_embedding_looks_rows_up(device):
    table = nn.Embedding(5, 3, device=device)
    rows = table.weight.detach().numpy()
    index = vidya.tensor([[1, 4], [0, 1]], device=device)
    assert np.array_equal(table(index).detach().numpy(), rows[[[1, 4], [0, 1]]])


def test_norms_against_their_formulas(device):
    x = np.random.default_rng(1).normal(2, 3, size=(4, 6)).astype(np.float32)
    t = vidya.tensor(x, device=device)
    rms = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)
    centred = x - x.mean(-1, keepdims=True)
    layer = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    for module in (nn.RMSNorm(6, eps=1e-5), nn.RMSNorm(6, eps=1e-5, elementwise_affine=False)):
        assert module.to(device)(t).detach().numpy() == pytest.approx(rms, abs=1e-5)
    for module in (nn.LayerNorm(6), nn.LayerNorm((6,), elementwise_affine=False)):
        assert module.to(device)(t).detach().numpy() == pytest.approx(layer, abs=1e-5)
    with_gain = nn.LayerNorm(6, device=device)
    with vidya.no_grad():
        with_gain.weight.fill_(2.0)
        with_gain.bias.fill_(1.0)
    assert with_gain(t).detach().numpy() == pytest.approx(2 * layer + 1, abs=1e-5)
    assert nn.LayerNorm(6, bias=False).bias is None
    both = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
    assert nn.LayerNorm((4, 6), device=device)(t).detach().numpy() == pytest.approx(both, abs=1e-5)


def test_dropout_zeroes_and_scales_in_training_only(device):
    vidya.manual_seed(0)
    x = vidya.ones(10_000, device=device)
    drop = nn.Dropout(0.25)
    y = drop(x).numpy()
    assert set(np.unique(y)) <= {np.float32(0), np.float32(1 / 0.75)}
    assert 0.23 < (y == 0).mean() < 0.27
    assert (drop(x).numpy() != y).any()
    assert (drop.eval()(x).numpy() == 1).all()
    with pytest.raises(ValueError, match=r"must lie in 0\.\.1, not 1\.5"):
        nn.Dropout(1.5)
