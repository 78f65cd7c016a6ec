"""The command line: every mistake ends in one clear line; what it tells of devices and ops."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import vidya
from vidya.testing import fakes

COMMAND = [sys.executable, "-c", "from vidya.cli import main; main()"]


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
