"""Training from the command: what is saved when it ends, is stopped, or cannot go on."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys

import pytest
import vidya
from vidya.train.run import CHECKPOINT, read_checkpoint

COMMAND = [sys.executable, "-c", "from vidya.cli import main; main()"]


def test_nan_stops_and_keeps_the_last_good_checkpoint(cli, names, device):
    base = ("train", "microgpt", "--data", names, "--device", device, "--samples", 0, "--steps", 5)
    status, _, err = cli(*base, "--set", "lr=1e30", "--set", "eps=1e-30")
    assert status == 1
    assert len(err) == 1 and re.search(r"the loss is nan in step \d: training stops", err[0])
    assert "nothing was saved yet" in err[0]

    assert cli(*base, "--out", "run")[0] == 0
    good = (names.parent / "run" / CHECKPOINT).read_bytes()
    status, _, err = cli(*base, "--out", "run", "--set", "lr=1e30", "--set", "eps=1e-30")
    assert status == 1 and len(err) == 1 and "training stops" in err[0]
    assert (names.parent / "run" / CHECKPOINT).read_bytes() == good


def test_weights_that_are_no_numbers_are_not_saved(cli, names):
    args = ("train", "microgpt", "--data", names, "--samples", 3, "--steps", 1)
    args += ("--set", "lr=1e300", "--set", "eps=0")
    assert cli(*args)[0] == 1  # and no samples are tried
    status, _, err = cli(*args, "--out", "run")
    assert status == 1 and len(err) == 1
    assert "is not finite after step 1: training stops" in err[0]
    assert os.listdir(names.parent / "run") == []


def test_a_full_disk_while_saving(cli, names, monkeypatch):
    args = ("train", "microgpt", "--data", names, "--samples", 0, "--steps", 3, "--out", "run")
    assert cli(*args)[0] == 0
    before = (names.parent / "run" / CHECKPOINT).read_bytes()

    def full_disk(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full_disk)
    status, _, err = cli(*args)
    assert status == 1
    assert err == [
        f"vidya: cannot save run/{CHECKPOINT}: No space left on device; "
        "what was there before is intact"
    ]
    assert (names.parent / "run" / CHECKPOINT).read_bytes() == before
    assert os.listdir(names.parent / "run") == [CHECKPOINT]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits are set between fork and exec")
def test_a_file_size_limit_while_saving(names):
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        [*COMMAND, "train", "microgpt", "--data", names, "--steps", "2", "--out", "run"],
        cwd=names.parent,
        preexec_fn=limit,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"vidya: cannot save run/{CHECKPOINT}: File too large")
    assert os.listdir(names.parent / "run") == []


def test_train_save_resume_generate(cli, names, device):
    where = ("--data", names, "--device", device)
    status, out, _ = cli("train", "microgpt", *where, "--steps", 6, "--samples", 3, "--out", "all")
    assert status == 0
    wanted = out[-3:]
    assert any(line.startswith("saved all/") and "(step 6)" in line for line in out)

    # Half of the way, then on: the schedule is that of six steps, so the run is cut off by hand.
    half = ("train", "microgpt", *where, "--samples", 0, "--out", "half", "--metrics", "m")
    cut_after(cli, 3, half)
    assert read_checkpoint(names.parent / "half")["step"] == 3
    status, out, _ = cli(
        *("train", "microgpt", "--data", names, "--resume", "half"),
        *("--samples", 3, "--metrics", "m"),
    )
    assert status == 0 and out[-3:] == wanted
    assert f"on {vidya.device(device)}," in out[0]  # the device that the run was on
    assert len((names.parent / "m").read_text().splitlines()) == 6

    # A checkpoint draws on from where training ended, which is where these samples began.
    status, out, _ = cli("generate", "half", "--device", device, "--samples", 3)
    assert status == 0 and out == wanted
    status, out, _ = cli("generate", f"half/{CHECKPOINT}", "--prompt", "em", "--seed", 1)
    assert status == 0 and len(out) == 20 and all(line.startswith("em") for line in out)
    assert cli("generate", "half", "--prompt", "em", "--seed", 1)[1] == out


def cut_after(cli, steps, args):
    """Run six steps, with Ctrl-C during step `steps`."""
    from vidya_models.microgpt import MicroGPTRecipe

    original = MicroGPTRecipe.batch

    def batch(self, config, data, step, rng, device):
        if step == steps - 1:
            signal.raise_signal(signal.SIGINT)
        return original(self, config, data, step, rng, device)

    MicroGPTRecipe.batch = batch
    try:
        status, out, _ = cli(*args, "--steps", 6)
    finally:
        MicroGPTRecipe.batch = original
    assert status == 130
    assert any(line.startswith(f"interrupted after step {steps}; saved half/") for line in out)
    assert any(line.startswith("go on with: vidya train microgpt --resume half") for line in out)


def test_ctrl_c_without_out_saves_too(cli, names):
    command = [*COMMAND, "train", "microgpt", "--data", str(names), "--steps", "1000000"]
    process = subprocess.Popen(
        command, cwd=names.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not process.stdout.readline().startswith("step 2/"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err == ""
    assert f"saved microgpt-interrupted/{CHECKPOINT}" in out
    assert read_checkpoint(names.parent / "microgpt-interrupted")["step"] >= 2


def test_a_new_run_says_that_it_will_replace_an_old_one(cli, names):
    args = ("train", "microgpt", "--data", names, "--samples", 0, "--steps", 1, "--out", "run")
    assert not any("earlier run" in line for line in cli(*args)[1])
    assert any("run holds a checkpoint of an earlier run" in line for line in cli(*args)[1])


def test_the_bar_of_a_terminal_shows_how_it_goes(capsys):
    from vidya.cli.progress import Bar
    from vidya.train import Record

    with Bar(first=1, steps=3, digits=6) as bar:
        for step in (2, 3):
            bar.show(Record(step, loss=2.5 / step, lr=0.01, seconds=0.1, tokens=100))
    out = capsys.readouterr().out
    assert "3/3" in out and "loss 0.8333" in out and "lr 0.01" in out
    assert "tokens/s" in out and "ETA 0:00" in out
