"""Two devices as unlike a CPU as devices get: microgpt trains on them to the losses of numpy."""

from __future__ import annotations

from itertools import islice

import pytest
import vidya
from vidya.testing import fakes
from vidya.train import Run
from vidya_models.microgpt import MicroGPTRecipe

STEPS = 25


def losses(device, dtype):
    recipe = MicroGPTRecipe()
    run = Run.start(recipe, recipe.Config(steps=STEPS), device=device, dtype=dtype, seed=42)
    found = [record.loss for record in islice(run, STEPS)]
    return found, {name: p.detach().numpy() for name, p in run.model.named_parameters()}


@pytest.fixture(scope="module")
def reference():
    return losses("numpy", vidya.float32)


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory):
    fakes.install(tmp_path_factory.mktemp("fakes"))


@pytest.mark.parametrize("name", fakes.NAMES)
def test_microgpt_trains_to_the_same_losses(name, reference, monkeypatch):
    monkeypatch.setenv("VIDYA_FALLBACK", "error")
    want, weights = reference
    found, got = losses(name, vidya.float32)
    assert found == pytest.approx(want, rel=1e-4)
    assert found[0] == pytest.approx(want[0], rel=1e-6)
    assert want[-1] < want[0]
    for key in weights:
        assert got[key] == pytest.approx(weights[key], abs=2e-3), key


def test_strict_in_float64_follows_numpy_digit_by_digit(monkeypatch):
    monkeypatch.setenv("VIDYA_FALLBACK", "error")
    want, _ = losses("numpy", vidya.float64)
    assert losses("strict", vidya.float64)[0] == pytest.approx(want, rel=1e-11)
