"""Compiled training is eager training: the same losses step by step, and the golden ones."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya.optim import AdamW, schedules
from vidya.optim.lr_scheduler import LambdaLR
from vidya.train import Run
from vidya_models.microgpt import IGNORED, MicroGPTRecipe
from vidya_models.transformer import Transformer, TransformerConfig

SMALL = TransformerConfig(
    vocab_size=61, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, intermediate_size=48, max_position_embeddings=16,
)  # fmt: skip
# Of the names in the list that belongs to the golden values: losses in float64, which the
# original microgpt gives too.
GOLDEN_FIRST, GOLDEN_LAST = [3.365966947585, 3.424272783872], 2.6497


def losses(device, steps: int, compiled: bool, bf16: bool = False, lr: float = 3e-3):
    vidya.manual_seed(5)
    model = Transformer(SMALL, device=device)
    optimizer = AdamW(model.parameters(), lr=lr)
    tokens = np.random.default_rng(0).integers(0, SMALL.vocab_size, (4, 2, 3, 17))

    def step(x, y):
        optimizer.zero_grad()
        with vidya.autocast(vidya.bfloat16, enabled=bf16):
            loss = model.loss(x, y)
        loss.backward()
        optimizer.step()
        return loss

    run = vidya.compile(step) if compiled else step
    found = []
    for i in range(steps):
        rows = vidya.tensor(tokens[i % 4, 0], device=device)
        found.append(run(rows[:, :-1].contiguous(), rows[:, 1:].contiguous()).item())
    if compiled:
        assert len(run.entries) == 1  # nothing about a step asks for another plan
    return np.array(found)


def test_compiled_float32_equals_eager_step_by_step(device):
    eager, compiled = losses(device, 24, False), losses(device, 24, True)
    np.testing.assert_allclose(compiled, eager, rtol=1e-5)
    assert eager[-1] < eager[0] - 0.5  # and it learns


def test_bf16_stays_within_one_percent(device):
    if not vidya.device(device).info["strided"]:
        pytest.skip("a device without strides has its own mixed precision")
    full, mixed = losses(device, 24, False), losses(device, 24, True, bf16=True)
    np.testing.assert_allclose(mixed, full, rtol=1e-2)
    assert not np.array_equal(mixed, full)  # bf16 was used


def test_padding_changes_no_loss(device):
    recipe = MicroGPTRecipe()
    pairs = [
        [r.loss for r in Run.start(recipe, recipe.Config(steps=12, pad=pad), device=device)]
        for pad in (False, True)
    ]
    np.testing.assert_allclose(pairs[1], pairs[0], rtol=1e-5)


def test_padded_batches_count_their_letters(device):
    recipe = MicroGPTRecipe()
    plain, padded = (
        next(iter(Run.start(recipe, recipe.Config(steps=1, pad=pad), device=device)))
        for pad in (False, True)
    )
    assert plain.tokens == padded.tokens < recipe.Config().block_size


def _compiled_microgpt(device, path, steps, dtype):
    """(step, inputs [steps, T], targets [steps, T]): microgpt's run as one padded plan."""
    recipe = MicroGPTRecipe()
    config = recipe.Config(steps=steps, pad=True)
    run = Run.start(recipe, config, path, device=device, dtype=dtype, seed=42)
    schedule = LambdaLR(run.optimizer, lambda i: schedules.linear(i, steps))
    batches = [recipe.batch(config, run.data, i, run.rng, device) for i in range(steps)]

    @vidya.compile
    def step(x, y):
        run.optimizer.zero_grad()
        loss = vidya.nn.functional.cross_entropy(run.model(x), y, ignore_index=IGNORED)
        loss.backward()
        run.optimizer.step()
        schedule.step()
        return loss

    xs, ys = (vidya.stack([getattr(b, part) for b in batches]) for part in ("inputs", "targets"))
    return step, xs, ys


def test_a_loop_trains_as_the_steps_one_by_one(device):
    if not vidya.device(device).info["strided"]:
        pytest.skip("a device without strides has no loops")
    step, xs, ys = _compiled_microgpt(device, None, 40, vidya.float32)
    single = [step(x, y).item() for x, y in zip(xs, ys, strict=True)]
    step, xs, ys = _compiled_microgpt(device, None, 40, vidya.float32)
    np.testing.assert_array_equal(step.loop(40, xs, ys, stacked=(0, 1)).numpy(), np.float32(single))


def test_one_call_of_a_loop_gives_the_golden_losses(float64_device, names_txt):
    device = vidya.device(float64_device)
    if not device.info["strided"]:
        pytest.skip("a device without strides has no loops")
    step, xs, ys = _compiled_microgpt(float64_device, names_txt, 1000, vidya.float64)
    found = step.loop(1000, xs, ys, stacked=(0, 1)).numpy()
    np.testing.assert_allclose(found[:2], GOLDEN_FIRST, atol=1e-9)
    assert found[-1] == pytest.approx(GOLDEN_LAST, abs=5e-5)
