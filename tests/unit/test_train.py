"""Runs: resuming to the bit, refusing what does not fit, stopping at NaN, a full disk."""

from __future__ import annotations

import errno
import os
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
import pytest
import vidya
from vidya.errors import CheckpointError, ConfigError, DataError, TrainingError
from vidya.io import load_checkpoint, save_checkpoint
from vidya.train import Run, apply_settings
from vidya.train.metrics import MetricsFile
from vidya.train.run import CHECKPOINT, read_checkpoint
from vidya_models.microgpt import MicroGPTConfig as Config
from vidya_models.microgpt import MicroGPTRecipe
from vidya_models.names_bag import NamesBagRecipe

RECIPES = {"microgpt": MicroGPTRecipe(), "names_bag": NamesBagRecipe()}


@pytest.fixture
def names(tmp_path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("emma\nolivia\nava\nisabella\nsophia\ncharlotte\nmia\namelia\n")
    return path


def start(recipe, names, device, steps, dtype=vidya.float32):
    return Run.start(recipe, recipe.Config(steps=steps), names, device=device, dtype=dtype, seed=7)


def weights(run: Run) -> dict[str, bytes]:
    return {name: p.detach().numpy().tobytes() for name, p in run.model.named_parameters()}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_resumed_run_goes_on_to_the_bit(recipe, names, device, tmp_path):
    straight = start(recipe, names, device, 20)
    wanted = [record.loss for record in straight]
    samples = list(straight.samples(3, 0.8))

    broken = start(recipe, names, device, 20)
    first = [record.loss for record in islice(broken, 9)]
    broken.save(tmp_path)
    resumed = Run.resume(recipe, read_checkpoint(tmp_path), names, device)
    assert resumed.step == 9
    found = first + [record.loss for record in resumed]
    assert found == wanted
    assert weights(resumed) == weights(straight)
    assert list(resumed.samples(3, 0.8)) == samples


def test_vidyas_own_random_numbers_go_on_too(names, device, tmp_path):
    run = start(RECIPES["microgpt"], names, device, 5)
    vidya.rand(3, device=device)
    run.save(tmp_path)
    wanted = vidya.rand(4, device=device).tolist()
    Run.resume(RECIPES["microgpt"], read_checkpoint(tmp_path), names, device)
    assert vidya.rand(4, device=device).tolist() == wanted


def test_a_finished_run_can_be_given_more_steps(names, device, tmp_path):
    recipe = RECIPES["microgpt"]
    run = start(recipe, names, device, 3)
    list(run)
    run.save(tmp_path)
    checkpoint = read_checkpoint(tmp_path)
    with pytest.raises(ConfigError, match="has done its 3 steps; give --steps more"):
        Run.resume(recipe, checkpoint, names, device)
    more = Run.resume(recipe, checkpoint, names, device, steps=5)
    assert [record.step for record in more] == [4, 5]


def test_a_checkpoint_that_does_not_fit_is_refused(names, device, tmp_path):
    microgpt, bag = RECIPES["microgpt"], RECIPES["names_bag"]
    run = start(microgpt, names, device, 4)
    list(islice(run, 2))
    run.save(tmp_path)
    good = read_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="of model 'microgpt', not 'names_bag'"):
        Run.resume(bag, good, names, device)
    other = tmp_path / "other.txt"
    other.write_text("zoe\n")
    with pytest.raises(CheckpointError, match="trained on other data"):
        Run.resume(microgpt, good, other, device)
    with pytest.raises(ConfigError, match="the saved config does not fit MicroGPTConfig"):
        Run.resume(microgpt, {**good, "config": {"width": 3}}, names, device)
    with pytest.raises(CheckpointError, match=r"wpe.weight is \[16, 16\] there and \[8, 16\] here"):
        narrow = {**good, "config": {**good["config"], "block_size": 8}}
        Run.resume(microgpt, narrow, names, device)
    for part in ("rng", "optimizer", "model"):
        save_checkpoint(tmp_path / "part", {k: v for k, v in plain(good).items() if k != part})
        with pytest.raises(CheckpointError, match=f"it has no '{part}'"):
            read_checkpoint(tmp_path / "part")


def plain(value):
    """The checkpoint with tensors for arrays, so that it can be saved again."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return vidya.tensor(np.array(value)) if isinstance(value, np.ndarray) else value


def test_a_failed_load_changes_nothing(names, device, tmp_path):
    run = start(RECIPES["microgpt"], names, device, 4)
    list(islice(run, 2))
    before = weights(run)
    state = {name: t.clone() * 0 for name, t in run.model.state_dict().items()}
    state["lm_head.weight"] = vidya.zeros(3, 3)
    with pytest.raises(CheckpointError, match=r"lm_head\.weight is \[3, 3\]"):
        run.model.load_state_dict(state)
    del state["lm_head.weight"]
    with pytest.raises(CheckpointError, match=r"missing: lm_head\.weight"):
        run.model.load_state_dict(state)
    assert weights(run) == before

    saved = run.optimizer.state_dict()
    saved["state"][3] = {"step": 1, "exp_avg": vidya.zeros(2), "exp_avg_sq": vidya.zeros(2)}
    with pytest.raises(CheckpointError, match="exp_avg of parameter 3"):
        run.optimizer.load_state_dict(saved)


def test_a_truncated_checkpoint_is_refused(names, device, tmp_path):
    run = start(RECIPES["microgpt"], names, device, 1)
    path = run.save(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    with pytest.raises(CheckpointError, match="is truncated: 100 of"):
        read_checkpoint(tmp_path)


def test_nan_stops_the_run_and_is_never_saved(names, device, tmp_path):
    recipe = RECIPES["microgpt"]
    run = Run.start(recipe, Config(steps=10), names, device=device, seed=1)
    steps = iter(run)
    next(steps)
    good = run.save(tmp_path).read_bytes()
    with vidya.no_grad():
        run.model.wte.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"wte\.weight is not finite after step 1"):
        run.save(tmp_path)
    with pytest.raises(TrainingError, match="the loss is nan in step 2: training stops"):
        next(steps)
    assert (tmp_path / CHECKPOINT).read_bytes() == good


def test_a_full_disk_keeps_the_last_checkpoint(names, device, tmp_path, monkeypatch):
    run = start(RECIPES["microgpt"], names, device, 4)
    next(iter(run))
    path = run.save(tmp_path / "run")
    next(iter(run))

    def full_disk(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(CheckpointError, match=r"cannot save .*: No space left on device"):
        run.save(tmp_path / "run")
    monkeypatch.undo()
    assert os.listdir(tmp_path / "run") == [CHECKPOINT]
    assert load_checkpoint(path)["step"] == 1


def test_a_run_without_steps_is_refused(names, device):
    for steps in (0, -5):
        with pytest.raises(ConfigError, match=f"steps must be 1 or more, not {steps}"):
            start(RECIPES["microgpt"], names, device, steps)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\r\n \n\n", "only blank lines"),
        (b"emma\nol\xffvia\n", "not UTF-8: byte 0xff in line 2"),
        (None, "there is no data file"),
    ],
)
def test_bad_data_is_described(tmp_path, device, content, message):
    path = tmp_path / "data.txt"
    if content is not None:
        path.write_bytes(content)
    for recipe in RECIPES.values():
        with pytest.raises(DataError, match=message):
            recipe.read(recipe.Config(), path, Random(0))


def test_a_byte_order_mark_and_windows_line_ends_are_no_letters(tmp_path):
    path = tmp_path / "data.txt"
    path.write_bytes(b"\xef\xbb\xbfemma\r\nava\r\n")
    data = RECIPES["microgpt"].read(Config(), path, Random(0))
    assert sorted(data.names) == ["ava", "emma"]
    assert data.letters.characters == "aemv"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("n_embed=3", "unknown setting 'n_embed', did you mean 'n_embd'"),
        ("xyzzy=3", "Settings: n_layer, n_embd"),
        ("lr", "wants key=value"),
        ("=3", "wants key=value"),
        ("n_embd=x", "n_embd must be a whole number, not 'x'"),
        ("n_embd=1.5", "must be a whole number"),
        ("lr=fast", "lr must be a number, not 'fast'"),
        ("lr=nan", "lr must be finite"),
    ],
)
def test_bad_settings_are_described(setting, message):
    with pytest.raises(ConfigError, match=message):
        apply_settings(Config(), [setting])


def test_metrics_write_nan_as_null_and_say_when_the_disk_is_full(tmp_path):
    metrics = MetricsFile(tmp_path / "m")
    metrics.write({"loss": float("nan")})
    assert (tmp_path / "m").read_text() == '{"loss": null}\n'
    metrics.close()
    with pytest.raises(OSError, match="cannot write metrics"):
        MetricsFile(tmp_path)
    if Path("/dev/full").exists():
        full = MetricsFile("/dev/full")
        with pytest.raises(OSError, match="No space left"):
            full.write({"loss": 1.0})
        full.close()
