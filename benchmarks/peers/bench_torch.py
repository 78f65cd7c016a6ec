"""vidya beside PyTorch on the CPU, same process, same threads, same numbers, in turns.

    pytest benchmarks/peers --device openblas

Results are compared before anything is measured. A case fails when vidya is the slower one.
"""

from __future__ import annotations

import timeit

import machine
import numpy as np
import pytest
import vidya
import vidya.functional

from peers import compare

torch = pytest.importorskip("torch", reason="PyTorch is not installed, so there is no peer")
torch.set_num_threads(machine.threads())

BIG = (4096, 1024)
SIX = 1e-6

# name -> (operand shapes, statement for both libraries, whether gradients are recorded)
EAGER = {
    "add 16": ([(16,), (16,)], "a + b", False),
    "add 16, tracked": ([(16,), (16,)], "a + b", True),
    "matmul 16x16": ([(16, 16), (16, 16)], "a @ b", False),
    "matmul 16x16, tracked": ([(16, 16), (16, 16)], "a @ b", True),
    "relu 16": ([(16,)], "a.relu()", False),
    "softmax 16": ([(16,)], "F.softmax(a, -1)", False),
    "add 4M": ([BIG, BIG], "a + b", False),
    "exp 4M": ([BIG], "a.exp()", False),
    "softmax 4M": ([BIG], "F.softmax(a, -1)", False),
    "layer_norm 4M": ([BIG, (1024,), (1024,)], "F.layer_norm(a, (1024,), b, c, 1e-5)", False),
    "rms_norm 4M": ([BIG, (1024,)], "F.rms_norm(a, (1024,), b, 1e-5)", False),
    "matmul 1024": ([(1024, 1024)] * 2, "a @ b", False),
    "linear 2048x384x1536": ([(2048, 384), (1536, 384)], "F.linear(a, b)", False),
    "linear 2048x1536x384": ([(2048, 1536), (384, 1536)], "F.linear(a, b)", False),
    "linear 512x576x8192": ([(512, 576), (8192, 576)], "F.linear(a, b)", False),
    "cross_entropy 4096x8192": ([(4096, 8192)], "F.cross_entropy(a, t)", False),
}


@pytest.mark.parametrize("name", EAGER)
def bench_op(name, device, rng, ratios):
    shapes, statement, tracked = EAGER[name]
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    target = rng.integers(0, 1000, shapes[0][0])
    ours = {"F": vidya.functional, "t": vidya.tensor(target, device=device)}
    peer = {"F": torch.nn.functional, "t": torch.tensor(target)}
    for letter, array in zip("abc", arrays, strict=False):
        ours[letter] = vidya.tensor(array, device=device, requires_grad=tracked)
        peer[letter] = torch.tensor(array, requires_grad=tracked)
    result, expected = eval(statement, ours), eval(statement, peer)
    scale = float(expected.detach().abs().max())
    np.testing.assert_allclose(
        result.detach().numpy(), expected.detach().numpy(), rtol=1e-4, atol=2e-5 * scale
    )
    compared(f"{device} {name}", statement, ours, peer, device, ratios)


def bench_adamw_10m(device, rng, ratios):
    shapes = [(1024, 1024)] * 9 + [(562_816,)]
    ours, peer = [], []
    for shape in shapes:
        array = rng.standard_normal(shape).astype(np.float32)
        gradient = rng.standard_normal(shape).astype(np.float32)
        ours.append(vidya.tensor(array, device=device, requires_grad=True))
        peer.append(torch.tensor(array, requires_grad=True))
        ours[-1].grad = vidya.tensor(gradient, device=device)
        peer[-1].grad = torch.tensor(gradient)
    settings = {"lr": 1e-3, "betas": (0.9, 0.99), "weight_decay": 0.1}
    spaces = (
        {"o": vidya.optim.AdamW(ours, **settings)},
        {"o": torch.optim.AdamW(peer, fused=True, **settings)},
    )
    for _ in range(3):
        for space in spaces:
            space["o"].step()
    for mine, theirs in zip(ours, peer, strict=True):
        np.testing.assert_allclose(
            mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-5, atol=SIX
        )
    compared(f"{device} AdamW 10M, fused", "o.step()", *spaces, device, ratios)


def bench_forward_and_backward_16(device, rng, ratios):
    a, b = (rng.standard_normal((16, 16)).astype(np.float32) for _ in "ab")
    statement = "a.grad = None; (a @ b).relu().sum().backward()"
    ours = {"a": vidya.tensor(a, device=device, requires_grad=True)}
    ours["b"] = vidya.tensor(b, device=device)
    peer = {"a": torch.tensor(a, requires_grad=True), "b": torch.tensor(b)}
    exec(statement, ours)
    exec(statement, peer)
    np.testing.assert_allclose(ours["a"].grad.numpy(), peer["a"].grad.numpy(), rtol=1e-4, atol=1e-5)
    name = f"{device} matmul relu sum, back"
    compared(name, statement, ours, peer, device, ratios)


def compared(name, statement, ours, peer, device, ratios):
    ratio = compare.interleaved(
        name,
        timeit.Timer(statement, globals=ours),
        timeit.Timer(statement, globals=peer),
        after=lambda: vidya.synchronize(device),
    )
    ratios.append(ratio)
    assert ratio.value <= compare.NOISE, f"slower than torch: {ratio}"
