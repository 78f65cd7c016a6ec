"""The head and its loss in chunks, and at once where the logits are few."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
import vidya.nn.functional as F
from vidya.nn.functional import linear_cross_entropy
from vidya.ops import linear_cross_entropy as rows


def inputs(n, c, v, device):
    rng = np.random.default_rng(n * c + v)
    x, w = rng.normal(size=(n, c)), rng.normal(size=(v, c))
    target = rng.integers(0, v, n)
    target[::7] = -100
    tensors = [
        vidya.tensor(a.astype(np.float32), device=device, requires_grad=True) for a in (x, w)
    ]
    return x, w, target, (*tensors, vidya.tensor(target, device=device))


def oracle(x, w, target):
    """The mean loss and its gradients in float64."""
    logits = x @ w.T
    logits -= logits.max(-1, keepdims=True)
    p = np.exp(logits)
    total = p.sum(-1)
    kept = target != -100
    at = np.where(kept, target, 0)
    each = np.log(total) - logits[np.arange(len(x)), at]
    p /= total[:, None]
    p[np.arange(len(x)), at] -= 1
    p *= kept[:, None] / kept.sum()
    return each[kept].mean(), p @ w, p.T @ x


@pytest.mark.parametrize("chunk, n", [(2**23, 150), (1, 151), (4000, 233)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_loss_and_gradients(device, monkeypatch, chunk, n, reduction):
    monkeypatch.setattr(rows, "_CHUNK", chunk)
    assert rows.fits_one_chunk(n, 37) == (chunk == 2**23)
    x, w, target, (tx, tw, tt) = inputs(n, 19, 37, device)
    loss = linear_cross_entropy(tx, tw, tt, reduction=reduction)
    if reduction == "none":
        loss = loss.sum()
    (loss * 3).backward()
    factor = 1 if reduction == "mean" else (target != -100).sum()
    want, dx, dw = (value * factor for value in oracle(x, w, target))
    assert loss.item() == pytest.approx(want, rel=1e-5)
    dx, dw = 3 * dx, 3 * dw
    np.testing.assert_allclose(tx.grad.numpy(), dx, atol=1e-5 * np.abs(dx).max(), rtol=1e-4)
    np.testing.assert_allclose(tw.grad.numpy(), dw, atol=1e-5 * np.abs(dw).max(), rtol=1e-4)


@pytest.mark.parametrize("chunk, n", [(2**23, 70), (1, 71)])
def test_autocast_reaches_the_head(device, monkeypatch, chunk, n):
    monkeypatch.setattr(rows, "_CHUNK", chunk)
    x, w, target, (tx, tw, tt) = inputs(n, 32, 41, device)
    with vidya.autocast(vidya.bfloat16):
        loss = linear_cross_entropy(tx, tw, tt)
    loss.backward()
    want, dx, _ = oracle(x, w, target)
    assert loss.item() == pytest.approx(want, rel=0.02)
    assert loss.item() != pytest.approx(want, rel=1e-6)  # it was rounded on the way
    assert tx.grad.dtype is vidya.float32 and tw.grad.dtype is vidya.float32
    np.testing.assert_allclose(tx.grad.numpy(), dx, atol=0.03 * np.abs(dx).max())


@pytest.mark.parametrize("chunk, n", [(2**23, 6), (1, 70)])
def test_gradients_of_gradients(float64_device, monkeypatch, chunk, n):
    monkeypatch.setattr(rows, "_CHUNK", chunk)
    rng = np.random.default_rng(0)
    x, w = (
        vidya.tensor(rng.normal(size=size), device=float64_device, requires_grad=True)
        for size in ((n, 2), (3, 2))
    )
    target = vidya.tensor(rng.integers(0, 3, n), device=float64_device)
    assert vidya.testing.gradgradcheck(lambda x, w: linear_cross_entropy(x, w, target), (x, w))


def test_float16_gradients_of_many_rows_do_not_overflow(device, monkeypatch):
    monkeypatch.setattr(rows, "_CHUNK", 4096)
    n = 30_000  # the sum over rows is 80,000, above float16's 65,504; their mean is not
    try:
        x = vidya.full((n, 4), 4.0, dtype=vidya.float16, device=device)
        w = vidya.zeros(3, 4, dtype=vidya.float16, device=device, requires_grad=True)
    except vidya.errors.UnsupportedError as error:
        pytest.skip(f"{device}: {error}")
    target = vidya.zeros(n, dtype=vidya.int64, device=device)
    linear_cross_entropy(x, w, target).backward()
    np.testing.assert_allclose(w.grad.float().numpy()[:, 0], [-8 / 3, 4 / 3, 4 / 3], rtol=2e-3)


@pytest.mark.parametrize("chunk", [2**23, 1])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("soft", [False, True])
def test_all_that_cross_entropy_takes(
    device, monkeypatch, chunk, reduction, weighted, smoothing, soft
):
    monkeypatch.setattr(rows, "_CHUNK", chunk)
    rng = np.random.default_rng(2)
    sizes = {"x": (3, 50, 6), "w": (11, 6), "bias": (11,)}
    if weighted:
        sizes["weight"] = (11,)
    labels = rng.integers(0, 11, (3, 50))
    labels[:, ::7] = -100
    if soft:
        labels = rng.dirichlet(np.ones(11), (3, 50)).astype(np.float32)
    drawn = {name: rng.uniform(0.1, 1, size).astype(np.float32) for name, size in sizes.items()}
    target = vidya.tensor(labels, device=device)
    results = []
    for joined in (True, False):
        given = {n: vidya.tensor(v, device=device, requires_grad=True) for n, v in drawn.items()}
        x, w, bias, weight = (given.get(name) for name in ("x", "w", "bias", "weight"))
        options = {"reduction": reduction, "label_smoothing": smoothing, "weight": weight}
        if joined:
            loss = linear_cross_entropy(x, w, target, linear_bias=bias, **options)
        else:
            logits = F.linear(x, w, bias).reshape(-1, 11)
            loss = F.cross_entropy(logits, target.reshape(-1, *target.shape[2:]), **options)
            loss = loss.reshape(3, 50) if reduction == "none" else loss
        (loss * loss).sum().backward()
        results.append([loss.detach().numpy(), *(t.grad.numpy() for t in given.values())])
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, atol=2e-5 * np.abs(want).max(), rtol=1e-4)
