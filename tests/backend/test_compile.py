"""vidya.compile on every device: same numbers as eager, effects repeated, clear errors."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import vidya
from vidya import nn
from vidya.optim import SGD, Adam, AdamW


def data(device, *shape, seed=0):
    return vidya.tensor(np.random.default_rng(seed).normal(size=shape).astype("f4"), device=device)


def test_a_pure_function_gives_the_same_numbers(device):
    def f(x, y):
        return (x @ y).softmax(-1) * 2 - x.sum(1, keepdim=True), {"mean": y.mean()}

    x, y = data(device, 3, 5), data(device, 5, 4, seed=1)
    compiled = vidya.compile(f)
    for _ in range(3):
        (a, b), (c, d) = f(x, y), compiled(x, y)
        np.testing.assert_array_equal(a.numpy(), c.numpy())
        np.testing.assert_array_equal(b["mean"].numpy(), d["mean"].numpy())
    assert len(compiled.entries) == 1


def test_results_are_fresh_memory(device):
    f = vidya.compile(lambda x: x * 2)
    x = data(device, 4)
    first = f(x)
    before = first.numpy().copy()
    f(x + 1)
    np.testing.assert_array_equal(first.numpy(), before)


def test_numbers_may_differ_from_call_to_call(device):
    f = vidya.compile(lambda x, a, n: x * a + n)
    x = data(device, 4)
    for a, n in ((2.0, 3), (0.5, -1)):
        np.testing.assert_allclose(f(x, a, n).numpy(), x.numpy() * np.float32(a) + n, rtol=1e-6)
    assert len(f.entries) == 1


def test_other_shapes_get_a_plan_of_their_own(device):
    f = vidya.compile(lambda x: x.sum(0))
    assert f(data(device, 2, 3)).shape == (3,)
    assert f(data(device, 4, 5)).shape == (5,)
    assert len(f.entries) == 2


def test_static_arguments_shape_the_plan(device):
    f = vidya.compile(lambda x, n: x[:n] * n, static_argnums=1)
    x = data(device, 6)
    for n in (2, 4):
        np.testing.assert_array_equal(f(x, n).numpy(), x.numpy()[:n] * n)


def _train(device, make, compiled, steps=12):
    vidya.manual_seed(1)
    weights = [data(device, 6, 4, seed=2) * 0.3, data(device, 5, 6, seed=3) * 0.3]
    weights = [nn.Parameter(w) for w in weights]
    optimizer = make(weights)
    inputs, target = data(device, steps, 3, 4, seed=4), data(device, steps, 3, 5, seed=5)

    def step(x, y):
        optimizer.zero_grad()
        hidden = nn.functional.linear(x, weights[0]).tanh()
        loss = (nn.functional.linear(hidden, weights[1]) - y).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    run = vidya.compile(step) if compiled else step
    losses = [run(inputs[i], target[i]).item() for i in range(steps)]
    return losses, [w.detach().numpy() for w in weights], [w.grad.numpy() for w in weights]


@pytest.mark.parametrize(
    "make",
    [
        lambda p: SGD(p, lr=0.1),
        lambda p: SGD(p, lr=0.1, momentum=0.9, dampening=0.5),
        lambda p: Adam(p, lr=0.01),
        lambda p: AdamW(p, lr=0.01, weight_decay=0.1),
    ],
    ids=["sgd", "momentum", "adam", "adamw"],
)
def test_a_whole_step_equals_the_eager_one(device, make):
    eager, compiled = _train(device, make, False), _train(device, make, True)
    np.testing.assert_allclose(compiled[0], eager[0], rtol=1e-5)
    for a, b in zip(compiled[1] + compiled[2], eager[1] + eager[2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_the_learning_rate_is_asked_for_at_every_run(device):
    weight = nn.Parameter(vidya.ones(3, device=device))
    optimizer = SGD([weight], lr=1.0)

    @vidya.compile
    def step():
        optimizer.zero_grad()
        weight.sum().backward()
        optimizer.step()

    for lr in (1.0, 0.25, 0.5):
        optimizer.param_groups[0]["lr"] = lr
        before = weight.detach().numpy().copy()
        step()
        np.testing.assert_allclose(weight.detach().numpy(), before - lr)
    assert len(step.entries) == 1


@pytest.mark.parametrize("compiled", [True, False])
def test_state_that_is_loaded_later_counts(device, compiled):
    weight = nn.Parameter(vidya.ones(3, device=device))
    optimizer = Adam([weight], lr=0.1)

    def step(scale):
        optimizer.zero_grad()
        (weight * scale).square().sum().backward()
        optimizer.step()

    run = vidya.compile(step) if compiled else step
    run(1.0)
    saved, values = copy.deepcopy(optimizer.state_dict()), weight.detach().clone()
    run(2.0)
    first = weight.detach().numpy().copy()
    for _ in range(3):
        run(3.0)
    optimizer.load_state_dict(saved)
    with vidya.no_grad():
        weight.copy_(values)
    run(2.0)
    np.testing.assert_allclose(weight.detach().numpy(), first, rtol=1e-6)


def test_parameters_that_are_added_later_are_trained(device):
    first, second = (nn.Parameter(vidya.ones(3, device=device)) for _ in range(2))
    optimizer = SGD([first], lr=0.5)

    @vidya.compile
    def step():
        optimizer.zero_grad()
        (first.sum() + second.sum()).backward()
        optimizer.step()

    step()
    optimizer.add_param_group({"params": [second]})
    step()
    np.testing.assert_array_equal(first.detach().numpy(), np.zeros(3))
    np.testing.assert_array_equal(second.detach().numpy(), np.full(3, 0.5))


def test_gradients_accumulate_where_nothing_clears_them(device):
    weight = nn.Parameter(vidya.ones(3, device=device))

    @vidya.compile
    def add():
        (weight * 2).sum().backward()

    for i in range(1, 5):
        add()
        np.testing.assert_allclose(weight.grad.numpy(), 2.0 * i)


def test_gradients_of_tensors_made_within_are_results(device):
    @vidya.compile
    def cube_slope(x):
        leaf = x.detach().requires_grad_()
        (leaf**3).sum().backward()
        return leaf.grad

    for scale in (1.0, 2.0):
        x = data(device, 4) * scale
        np.testing.assert_allclose(cube_slope(x).numpy(), 3 * x.numpy() ** 2, rtol=1e-5)


def test_a_returned_gradient_is_memory_of_its_own(device):
    weight = nn.Parameter(vidya.ones(3, device=device))

    @vidya.compile
    def step(x):
        weight.grad = None
        (weight * x).sum().backward()
        return weight.grad

    first = step(vidya.ones(3, device=device))
    step(vidya.full((3,), 5.0, device=device))
    np.testing.assert_array_equal(first.numpy(), np.ones(3))
    np.testing.assert_array_equal(weight.grad.numpy(), np.full(3, 5.0))


def _slope(x, y):
    (x.square() * y).sum().backward()
    return x.grad


@pytest.mark.parametrize("start", [None, 3.0])
def test_the_grad_of_an_argument_is_set_as_eager_sets_it(device, start):
    y, runs = data(device, 4, seed=1), {}
    for name, f in (("eager", _slope), ("compiled", vidya.compile(_slope))):
        x = data(device, 4).requires_grad_()
        x.grad = None if start is None else vidya.full((4,), start, device=device)
        runs[name] = []
        for _ in range(3):  # it accumulates
            f(x, y)
            runs[name].append(x.grad.numpy().copy())
    for a, b in zip(runs["compiled"], runs["eager"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_every_argument_keeps_a_grad_of_its_own(device):
    f = vidya.compile(_slope)
    first, second = (data(device, 4, seed=i).requires_grad_() for i in range(2))
    y = vidya.ones(4, device=device)
    for x in (first, second):
        f(x, y)
    for x in (first, second):
        np.testing.assert_allclose(x.grad.numpy(), 2 * x.detach().numpy(), rtol=1e-6)
    assert len(f.entries) == 1


def test_an_argument_whose_grad_is_cleared_within(device):
    @vidya.compile
    def step(x):
        x.grad = None
        (x * 3).sum().backward()

    x = data(device, 4).requires_grad_()
    for _ in range(3):
        step(x)
        np.testing.assert_array_equal(x.grad.numpy(), np.full(4, 3.0))


def test_random_numbers_differ_from_run_to_run_and_follow_the_seed(device):
    f = vidya.compile(lambda x: x + vidya.rand(4, device=x.device))
    x = vidya.zeros(4, device=device)
    vidya.manual_seed(3)
    eager = [vidya.rand(4, device=device).numpy() for _ in range(3)]
    vidya.manual_seed(3)
    for expected in eager:
        np.testing.assert_array_equal(f(x).numpy(), expected)


def test_a_seed_is_set_and_put_back_at_every_run(device):
    def f(x):
        before = vidya.get_rng_state()
        vidya.manual_seed(5)
        y = x + vidya.rand(4, device=x.device)
        vidya.set_rng_state(before)
        own = vidya.Generator(5)
        return y, vidya.rand(4, device=x.device, generator=own), vidya.rand(4, device=x.device)

    x, results = vidya.zeros(4, device=device), []
    for run in (f, vidya.compile(f)):
        vidya.manual_seed(3)
        results.append([t.numpy() for _ in range(3) for t in run(x)])
    np.testing.assert_array_equal(*results)
    np.testing.assert_array_equal(results[0][0], results[0][1])


def test_state_is_written_in_place(device):
    cache, at = vidya.zeros(6, 2, device=device), vidya.zeros(1, device=device)

    @vidya.compile
    def push(x):
        at.add_(1)
        cache[1:3] = x
        return cache.sum() + at

    for i in range(1, 4):
        x = data(device, 2, 2, seed=i)
        np.testing.assert_allclose(push(x).numpy(), x.numpy().sum() + i, rtol=1e-5)
        np.testing.assert_array_equal(cache.numpy()[1:3], x.numpy())


def test_without_passes_the_numbers_stay(device):
    def f(x):
        y = (x + 1) * (x + 1)
        z = x.new_full((3, 4), 2.0) * y
        return z, (x * 3).exp().log()

    x = data(device, 3, 4)
    plain, better = vidya.compile(f, passes=())(x), vidya.compile(f)(x)
    for a, b in zip(plain, better, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


def test_unknown_passes_are_refused():
    with pytest.raises(ValueError, match="unknown pass 'magic'"):
        vidya.compile(lambda x: x, passes=["magic"])


def test_explain_shows_kernels_and_memory(device):
    f = vidya.compile(lambda x: (x @ x.mT).relu())
    f(data(device, 3, 3))
    text = f.explain()
    assert "matmul" in text and "own memory" in text


def test_memory_is_flat_over_runs(device):
    f = vidya.compile(lambda x: (x @ x.mT).softmax(-1).sum())
    x = data(device, 32, 16)
    for _ in range(3):
        f(x)
    live = vidya.memory_stats(device)["live_bytes"]
    for _ in range(100):
        f(x)
    assert vidya.memory_stats(device)["live_bytes"] == live
