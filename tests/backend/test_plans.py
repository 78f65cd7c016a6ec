"""How many plans a compiled function keeps, and what it says of making many."""

import warnings

import pytest
import vidya


def test_the_plan_that_was_used_last_is_kept(device):
    f = vidya.compile(lambda x: x + 1)
    x = vidya.ones(1000, device=device)
    f(x)
    (first,) = f.entries.values()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", vidya.RecompileWarning)
        for n in range(80):
            f(vidya.ones(n, device=device))
            f(x)
    kept = list(f.entries.values())
    assert len(kept) == len(f.entries) == 64
    assert any(entry is first for entry in kept)


def test_many_shapes_are_warned_of_once(device):
    f = vidya.compile(lambda x: x + 1)
    with pytest.warns(vidya.RecompileWarning, match="32 kinds of arguments: pad them") as found:
        for n in range(70):
            f(vidya.ones(n, device=device))
    assert len(found) == 1 and found[0].filename == __file__


def test_a_plan_that_is_made_anew_at_every_call_is_warned_of(device):
    w = vidya.ones(2, device=device)

    def f(x):
        return x * w.sum()

    compiled = vidya.compile(f)
    x = vidya.ones(2, device=device)
    with pytest.warns(vidya.RecompileWarning, match="f has been traced 32 times, because what"):
        for n in range(40):
            w.data = vidya.ones(n, device=device)
            assert compiled(x).tolist() == [n, n]
    assert len(compiled.entries) == 1
