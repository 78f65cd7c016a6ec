"""Several Python threads compute at once: each gets what it would get alone."""

from __future__ import annotations

import threading

import numpy as np
import vidya

THREADS, ROUNDS = 4, 25


def _loss(x, w):
    return (x @ w).relu().softmax(-1).square().sum()


def _results(device, seed: int, plan) -> list[np.ndarray]:
    """A loss, its gradient, and the same loss of a plan, of numbers of their own."""
    rng = np.random.default_rng(seed)
    x = vidya.tensor(rng.normal(size=(7 + seed, 24)).astype("f4"), device=device)
    w = vidya.tensor(rng.normal(size=(24, 17)).astype("f4"), device=device).requires_grad_()
    value = _loss(x, w)
    value.backward()
    with vidya.no_grad():
        planned = plan(x, w.detach())
    return [value.detach().numpy(), w.grad.numpy(), planned.numpy()]


def _together(work) -> None:
    """Run work(i) in every thread at once; raise what any of them raised."""
    failures: list[BaseException] = []
    gate = threading.Barrier(THREADS)

    def run(i: int) -> None:
        try:
            gate.wait()
            work(i)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_threads_compute_at_once(device):
    alone = [_results(device, seed, vidya.compile(_loss)) for seed in range(THREADS)]

    def work(i: int) -> None:
        plan = vidya.compile(_loss)
        for _ in range(ROUNDS):
            for found, wanted in zip(_results(device, i, plan), alone[i], strict=True):
                assert np.array_equal(found, wanted)

    _together(work)


def test_one_compiled_function_serves_threads(device):
    double = vidya.compile(lambda x: (x * 2).sum())
    inputs = [vidya.ones(5 + i, 3, device=device) for i in range(THREADS)]

    def work(i: int) -> None:
        for _ in range(ROUNDS):
            assert double(inputs[i]).item() == 6 * (5 + i)

    with vidya.no_grad():
        _together(work)


def test_grad_mode_is_of_one_thread(device):
    with vidya.no_grad():
        modes = []
        thread = threading.Thread(target=lambda: modes.append(vidya.is_grad_enabled()))
        thread.start()
        thread.join()
    assert modes == [True] and vidya.is_grad_enabled()
