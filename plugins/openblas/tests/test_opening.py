"""What the environment decides when the device is opened, each case in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from abi import library_path

HERE = Path(__file__).parent


def run(code: str, **env: str) -> str:
    """The output of `code`, with `abi` importable; it fails if the process does."""
    try:
        plugin = str(library_path())
    except FileNotFoundError as error:
        pytest.skip(str(error))
    names = ("VIDYA_NUM_THREADS", "OMP_NUM_THREADS", "VIDYA_SIMD", "VIDYA_OPENBLAS_LIBRARY",
             "OPENBLAS_CORETYPE")  # fmt: skip
    base = {k: v for k, v in os.environ.items() if k not in names}
    base |= {"PYTHONPATH": str(HERE), "VIDYA_OPENBLAS_PLUGIN": plugin} | env
    done = subprocess.run([sys.executable, "-c", code], env=base, capture_output=True, text=True,
                          timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


INFO = "import abi; i = abi.Device().info(); print(i.threads, i.detail.decode())"


def test_threads():
    assert run(INFO, VIDYA_NUM_THREADS="3", OMP_NUM_THREADS="2").startswith("3 ")
    assert run(INFO, OMP_NUM_THREADS="2").startswith("2 ")
    assert int(run(INFO).split()[0]) == len(os.sched_getaffinity(0))


REFUSED = """
import abi
try:
    abi.Device()
except abi.Failure as e:
    print(e)
else:
    raise SystemExit("opened")
"""


@pytest.mark.parametrize("threads", ["0", "-1", "many", "2x", "100000"])
def test_no_number_of_threads(threads):
    said = run(REFUSED, VIDYA_NUM_THREADS=threads)
    assert f"VIDYA_NUM_THREADS={threads}" in said
    assert "set it to 1" in said


def test_unknown_simd_level():
    said = run(REFUSED, VIDYA_SIMD="avx1024")
    assert "VIDYA_SIMD=avx1024" in said
    assert "unset it" in said
    assert "baseline" in run(INFO, VIDYA_SIMD="baseline")


def test_openblas_missing_or_foreign(tmp_path):
    said = run(REFUSED, VIDYA_OPENBLAS_LIBRARY=str(tmp_path / "absent.so"))
    assert "absent.so" in said
    assert "pip install" in said
    said = run(REFUSED.replace("import abi", "import abi; abi.blas_path = lambda: ''"))
    assert "pip install scipy-openblas32" in said


def test_a_slow_core_is_named():
    said = run(INFO, OPENBLAS_CORETYPE="Nehalem")
    assert "core Nehalem" in said
    assert "unset OPENBLAS_CORETYPE" in said


def test_there_is_one_device():
    code = """
import abi
d = abi.Device()
handle, err = abi._P(), abi.Err()
assert d.b.open(d.b.self, 1, handle, err) == abi.DEVICE
print(err.text.decode())
"""
    assert "no number 1" in run(code)


NUMBERS = """
import hashlib
import numpy as np
import abi
d, r, h = abi.Device(), np.random.default_rng(0), hashlib.sha256()
x = r.standard_normal((1500, 700)).astype("f4")
w = r.standard_normal(700).astype("f4")
t = r.integers(0, 700, 1500)
for op, ins, outs, attrs in [
    ("sum", [x], [((), "f4")], {"dims": [0, 1]}),
    ("sum", [x], [((700,), "f4")], {"dims": [0]}),
    ("sum", [x], [((1500,), "f4")], {"dims": [1]}),
    ("rms_norm_backward", [x, x, w], [(x.shape, "f4"), ((700,), "f4")], {"eps": 1e-5}),
    ("embedding_backward", [x, t], [((700, 700), "f4")], {}),
    ("cumsum", [x], [(x.shape, "f4")], {"dim": 0}),
    ("softmax", [x], [(x.shape, "f4")], {"dim": 1}),
]:
    for y in d.run(op, ins, outs, **attrs):
        h.update(y.tobytes())
print(h.hexdigest())
"""


def test_the_number_of_threads_changes_no_bit():
    assert len({run(NUMBERS, VIDYA_NUM_THREADS=n) for n in ("1", "2", "5")}) == 1


def test_a_fork_can_compute():
    code = """
import os
import numpy as np
import abi
d = abi.Device()
x = np.ones(1_000_000, "f4")
def total():
    (y,) = d.run("add", [x, x], [(x.shape, "f4")])
    return float(d.run("sum", [y], [((), "f4")], dims=[0])[0])
assert total() == 2_000_000
child = os.fork()
if not child:
    os._exit(0 if total() == 2_000_000 else 1)
assert os.waitpid(child, 0)[1] == 0
assert total() == 2_000_000
print("both")
"""
    assert run(code, VIDYA_NUM_THREADS="3") == "both\n"
