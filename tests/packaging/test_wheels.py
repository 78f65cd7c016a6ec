"""What the wheels hold, and that the main job runs from them outside the checkout."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

from .conftest import ROOT


def members(wheels: Path, distribution: str) -> set[str]:
    (wheel,) = wheels.glob(f"{distribution}-*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_runtime_wheel_has_all_and_only_what_users_need(wheels):
    names = members(wheels, "vidya_runtime")
    assert {
        "vidya/__init__.py",
        "vidya/include/vidya/backend.h",
        "vidya/include/vidya/sdk.hpp",
        "vidya_cmake/VidyaConfig.cmake",
        "vidya_models/data/names.txt",
    } <= names
    assert any(name.startswith("vidya/_core.") for name in names)
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"vidya", "vidya_cmake", "vidya_models", "vidya_pytest"}
    assert not [name for name in names if name.endswith((".cpp", ".pyc"))]


def test_the_plugin_wheel_brings_its_own_package_only(wheels):
    names = members(wheels, "vidya_runtime_openblas")
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"vidya_openblas"}
    assert any(name.endswith(".so") for name in names)


def test_nothing_is_imported_from_the_checkout(installed):
    code = "import vidya, vidya_models, vidya_openblas as o; print(vidya.__file__, o.__file__)"
    for path in installed("python", "-c", code).split():
        assert Path(path).is_relative_to(installed.path)
        assert not Path(path).is_relative_to(ROOT)


def test_devices_shows_openblas_ready(installed):
    rows = [line for line in installed("vidya", "devices").splitlines() if "openblas" in line]
    assert rows and "ready" in rows[0]


def train(environment, device: str) -> list[dict]:
    metrics = environment.path / f"{device}.jsonl"
    environment(
        "vidya", "train", "microgpt", "--device", device, "--steps", 20, "--metrics", metrics
    )
    return [json.loads(line) for line in metrics.read_text().splitlines()]


def test_the_main_job_runs_on_openblas(installed):
    steps = train(installed, "openblas")
    assert len(steps) == 20
    assert 3.0 < steps[0]["loss"] < 3.8  # near log(27), the loss of a blind guess
    assert sum(step["loss"] for step in steps[-5:]) < sum(step["loss"] for step in steps[:5])


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="numpy 1.26 has no wheels for Python 3.13")
def test_numpy_1_26_gives_the_same_losses(environment, installed):
    old = environment("vidya-runtime[openblas]", "numpy==1.26.*")
    assert old("python", "-c", "import numpy; print(numpy.__version__)").startswith("1.26.")
    for device in ("numpy", "openblas"):
        before = [step["loss"] for step in train(old, device)]
        after = [step["loss"] for step in train(installed, device)]
        assert before == pytest.approx(after, rel=1e-4)


def test_the_conformance_suite_runs_from_the_wheel(environment):
    """A few rows of it, as docs/testing.md says."""
    fresh = environment("vidya-runtime[openblas]", "pytest")
    said = fresh("pytest", "--pyargs", "vidya.testing", "--device", "openblas", "-k", "log1p")
    assert " passed" in said and "failed" not in said
