"""VIDYA_DEBUG: each rung of the ladder tells what it says, on stderr, and nothing more."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from vidya.engine import debug

SCRIPT = """
import vidya

x = vidya.ones(3, 4, device="numpy")
y = (x + x).sum(1)
f = vidya.compile(lambda x: (x * 2 + 1).tanh())
f(x)
print(y.tolist())
"""


@pytest.fixture(scope="module")
def told():
    """What a small script says at each level."""
    said = {}
    for level in ("", "0", "1", "2", "3", "4", "yes"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"VIDYA_DEBUG": level},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "[8.0, 8.0, 8.0]\n"
        assert all(line.startswith("vidya: ") for line in done.stderr.splitlines()), done.stderr
        said[level] = done.stderr
    return said


def test_nothing_is_said_unasked(told):
    assert told[""] == told["0"] == ""


def test_1_is_a_summary(told):
    for level in ("1", "yes"):
        assert re.search(r"<lambda> on numpy:0: \d+ kernels, .* traced in \d+ ms", told[level])
        assert re.search(r"numpy:0: \d+ kinds of calls, at most [\d.]+ MiB", told[level])
        assert "launches" not in told[level]


def test_2_adds_kernels_and_times(told):
    assert re.search(r"\d+ launches, [\d.]+ ms in kernels", told["2"])
    row = re.search(r" ([\d.]+)% +(\d+) +([\d.]+)  sum on numpy:0", told["2"])
    assert row and int(row[2]) == 1 and float(row[3]) > 0
    assert "ewise" in told["2"]  # of the compiled function
    assert " = " not in told["2"]


def test_3_adds_graphs_and_lowering(told):
    assert "numpy:0 add(float32[3,4], float32[3,4]) = add" in told["3"]
    assert re.search(r"ewise\(%\d+:float32\[3,4\].*program=.*<- mul add tanh", told["3"])
    assert not re.search(r"us  add\(", told["3"])


def test_4_adds_every_launch(told):
    assert re.search(r"numpy:0 +[\d.]+ us  add\(f32\[3,4\], f32\[3,4\]\) -> \(f32", told["4"])
    assert re.search(r"us  ewise\(f32\[3,4\]", told["4"])
    launches = len(re.findall(r" us  \w+\(", told["4"]))
    assert f"{launches} launches" in told["4"]


@pytest.mark.parametrize("text, level", [("", 0), ("0", 0), (" 3 ", 3), ("true", 1)])
def test_levels(monkeypatch, text, level):
    monkeypatch.setenv("VIDYA_DEBUG", text)
    assert debug.told() == level
