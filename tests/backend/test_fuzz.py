"""Nonsense calls end in an error that says what was wrong: no crash, hang or stray exception."""

from __future__ import annotations

import subprocess
import sys

import pytest
from vidya.testing import fakes


def run(device, calls, tmp_path):
    log = tmp_path / "call"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "vidya.testing.fuzz", "--device", device),
            *("--log", str(log), "--calls", str(calls), "--seed", "1", "--seconds", "120"),
        ],
        capture_output=True,
        text=True,
        timeout=600,
    )
    call = log.read_text().strip() if log.exists() else "none"
    assert done.returncode == 0, (
        f"exit status {done.returncode} at call {call}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    )


def test_nonsense_calls(device, tmp_path):
    run(device, 10_000, tmp_path)


@pytest.mark.parametrize("fake", fakes.NAMES)
def test_nonsense_calls_on_fakes(fake, tmp_path):
    run(fake, 2_000, tmp_path)


def test_a_wrong_error_is_seen(capsys):
    from vidya.testing import fuzz

    def stray(x):
        return x.nothing

    def silent(x):
        raise ValueError

    def foreign(x):
        raise RuntimeError("went wrong")

    assert "AttributeError" in fuzz.judge("vidya.stray", (stray, [3], {}))
    assert "without a text" in fuzz.judge("vidya.silent", (silent, [3], {}))
    assert "does not name" in fuzz.judge("vidya.foreign", (foreign, [3], {}))
