"""The command line: every mistake ends in one clear line, and Ctrl-C saves."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys

import pytest
import vidya
from vidya.cli.main import run
from vidya.testing import fakes
from vidya.train.run import CHECKPOINT, read_checkpoint

COMMAND = [sys.executable, "-c", "from vidya.cli import main; main()"]


@pytest.fixture
def cli(capsys, tmp_path, monkeypatch):
    """cli("train", ...) -> (status, lines of stdout, lines of stderr), in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIDYA_DEBUG", raising=False)

    def call(*args: object) -> tuple[int, list[str], list[str]]:
        status = run([str(arg) for arg in args])
        captured = capsys.readouterr()
        return status, captured.out.splitlines(), captured.err.splitlines()

    return call


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("emma\nolivia\nava\nisabella\nsophia\n")
    return path


MISTAKES = [
    (["train", "microgpt", "--device", "nunpy"], "unknown device 'nunpy', did you mean 'numpy'?"),
    (["train", "microgpt", "--device", "numpy:7"], "there is no numpy:7"),
    (["train", "microgtp"], "unknown model 'microgtp', did you mean 'microgpt'?"),
    (["train", "microgpt", "--data", "nothing.txt"], "there is no data file nothing.txt"),
    (["train", "microgpt", "--data", "."], ". is a directory"),
    (["train", "microgpt", "--data", "empty.txt"], "empty.txt is empty"),
    (["train", "microgpt", "--data", "newlines.txt"], "newlines.txt has only blank lines"),
    (
        ["train", "names_bag", "--data", "latin1.txt"],
        "latin1.txt is not UTF-8: byte 0xe9 in line 2",
    ),
    (["train", "microgpt", "--steps", "0"], "--steps must be above 0, not 0"),
    (["train", "microgpt", "--steps", "-3"], "--steps must be above 0, not -3"),
    (["train", "microgpt", "--set", "steps=0"], "steps must be 1 or more, not 0"),
    (["train", "microgpt", "--steps", "ten"], "--steps"),
    (["train", "microgpt", "--samples", "-1"], "--samples must be 0 or more, not -1"),
    (["train", "microgpt", "--temperature", "0"], "--temperature must be above 0"),
    (["train", "microgpt", "--temperature", "nan"], "--temperature must be above 0"),
    (["train", "microgpt", "--save-every", "0"], "--save-every must be above 0"),
    (
        ["train", "microgpt", "--set", "n_embed=8"],
        "'n_embed', did you mean 'n_embd'?",
    ),
    (["train", "microgpt", "--set", "n_embd=wide"], "n_embd must be a whole number, not 'wide'"),
    (["train", "microgpt", "--set", "n_embd=15"], "n_embd 15 is not a multiple of n_head 4"),
    (["train", "microgpt", "--set", "lr"], "--set wants key=value"),
    (["train", "microgpt", "--dtype", "float23"], "'float23' is no floating dtype, did you mean"),
    (["train", "microgpt", "--dtype", "int64"], "'int64' is no floating dtype"),
    (["train", "microgpt", "--fallback", "maybe"], "--fallback is one of error, warn, allow"),
    (["train", "microgpt", "--resume", "nowhere"], "there is no file nowhere"),
    (["train", "microgpt", "--resume", "latin1.txt"], "latin1.txt is no safetensors file"),
    (["train", "microgpt", "--resume", "x", "--seed", "3"], "--seed cannot change a run"),
    (["train", "microgpt", "--resume", "x", "--set", "lr=1"], "--set cannot change a run"),
    (["train", "microgpt", "--metrics", ".", "--steps", "1"], "cannot write metrics"),
    (["train", "microgpt", "--out", "empty.txt", "--steps", "1"], "--out empty.txt is a file"),
    (["generate", "nowhere"], "there is no file nowhere"),
    (["generate", "nowhere", "--samples", "0"], "--samples must be above 0"),
    (["ops", "sofmax"], "unknown op 'sofmax', did you mean 'softmax'?"),
    (["train"], "Missing argument"),
    (["trian"], "No such command 'trian'"),
    (["train", "microgpt", "--stesp", "3"], "No such option: --stesp"),
]


@pytest.mark.parametrize(("args", "message"), MISTAKES, ids=[" ".join(a) for a, _ in MISTAKES])
def test_a_mistake_is_told_in_one_line(cli, tmp_path, args, message):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "newlines.txt").write_text("\n\n \r\n\n")
    (tmp_path / "latin1.txt").write_bytes("emma\nrené\n".encode("latin-1"))
    status, _, err = cli(*args)
    assert status in (1, 2)
    assert len(err) == 1, err
    assert err[0].startswith("vidya: ") and message in err[0]


def test_a_device_that_is_not_installed_gets_its_pip_line(cli, monkeypatch):
    from vidya.backends import registry

    monkeypatch.setitem(registry.FIRST_PARTY, "abacus", "pip install vidya-runtime[abacus]")
    status, _, err = cli("train", "microgpt", "--device", "abacus")
    assert status == 1
    assert err == [
        "vidya: device 'abacus' is not installed: pip install vidya-runtime[abacus]",
    ]


def test_a_wrong_policy_in_the_environment_is_an_error(cli, monkeypatch):
    monkeypatch.setenv("VIDYA_FALLBACK", "maybe")
    status, _, err = cli("train", "microgpt")
    assert status == 1
    assert err == ["vidya: VIDYA_FALLBACK='maybe': it is one of error, warn, allow"]


def test_debugging_shows_the_traceback(cli, monkeypatch):
    monkeypatch.setenv("VIDYA_DEBUG", "1")
    with pytest.raises(vidya.errors.ConfigError):
        cli("train", "microgtp")


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


def test_help_teaches_by_examples(cli):
    status, out, err = cli("--help")
    assert status == 0 and not err
    assert any("vidya train microgpt " in line for line in out)
    for command, example in [
        ("train", "vidya train microgpt --resume runs/names"),
        ("generate", "vidya generate runs/names --prompt ka"),
        ("ops", "vidya ops --primitives"),
        ("devices", "how to"),
        ("doctor", "versions"),
    ]:
        status, out, _ = cli(command, "--help")
        assert status == 0 and any(example in line for line in out), command


def test_version(cli):
    status, out, _ = cli("--version")
    assert status == 0 and out[0].startswith("vidya-runtime ")


def test_help_loads_no_model_and_no_plugin():
    code = (
        "import sys; from vidya.cli.main import run; run(['--help']); "
        "print([m for m in ('vidya.nn', 'vidya_models', 'vidya_openblas') if m in sys.modules])"
    )
    before = os.times().children_user
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert os.times().children_user - before < 3  # half a second on a quick machine


def test_devices_lists_every_device(cli):
    status, out, err = cli("devices")
    assert status == 0 and not err
    text = "\n".join(out)
    for state in vidya.backends.registry.names():
        assert state in text
    [line] = [line for line in out if line.startswith("numpy")]
    assert "ready" in line and "vidya-runtime" in line


def test_doctor_checks_what_is_ready(cli):
    states = vidya.backends.registry.states(lambda name: 1)
    broken = [state.name for state in states if state.status == vidya.backends.registry.BROKEN]
    status, out, err = cli("doctor")
    assert "numpy: ok" in out and not err
    assert status == (1 if broken else 0), out
    assert out[-1] == ("something is broken: see above" if broken else "all is well")


def test_doctor_finds_a_device_that_computes_wrongly(cli, monkeypatch):
    monkeypatch.setattr(vidya.Tensor, "tolist", lambda self: [])
    status, out, _ = cli("doctor")
    assert status == 1 and out[-1] == "something is broken: see above"
    [line] = [line for line in out if line.startswith("numpy: ")]
    assert "computes wrongly: (54.0, []) instead of" in line


def test_ops_lists_who_computes_them(cli):
    status, out, _ = cli("ops", "--primitives")
    assert status == 0 and out[0].split()[:4] == ["op", "kind", "gradient", "numpy"]
    primitives = {line.split()[0] for line in out if line.strip()}
    assert {"matmul", "add", "sort"} <= primitives and "softmax" not in primitives
    status, out, _ = cli("ops", "--device", "numpy")
    softmax = next(line.split() for line in out if line.startswith("softmax "))
    assert softmax[1:5] == ["composite", "its", "own", "decomposed"]


@pytest.mark.parametrize("name", ["softmax", "nn.functional.softmax"])
def test_ops_explains_an_op(cli, name):
    status, out, _ = cli("ops", name)
    assert status == 0 and out[0].startswith("softmax(")
    facts = dict(line.split("  ", 1) for line in out if "  " in line)
    assert facts["kind"].strip() == "composite" and facts["gradient"].strip() == "its own"
    assert facts["numpy"].split() == ["decomposed:", "amax,", "sub,", "exp,", "sum,", "div"]


def test_ops_of_a_device_that_lacks_dtypes(cli, tmp_path):
    directory = fakes.install(tmp_path / "fakes")
    try:
        status, out, _ = cli("ops", "--device", "tile")
    finally:
        fakes.uninstall(directory)
    quantized = next(line.split() for line in out if line.startswith("quantized_linear "))
    assert status == 0 and "missing" in quantized


def test_ops_explains_a_function_of_ops(cli):
    status, out, _ = cli("ops", "conv2d", "--device", "numpy")
    assert status == 0 and out[0].startswith("conv2d(input: Tensor, weight: Tensor, bias")
    assert any(line.startswith("numpy") and "convolution (decomposed)" in line for line in out)
