"""A stranger's plugin builds against the installed package and has the rights of ours."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import ROOT


@pytest.fixture(scope="module")
def stranger(environment, tmp_path_factory):
    source = tmp_path_factory.mktemp("stranger") / "c_device"
    shutil.copytree(ROOT / "examples" / "c_device", source)
    return environment("vidya-runtime", str(source))


def test_cmake_finds_the_header_of_the_package(stranger):
    (library,) = stranger.path.glob("lib/python*/site-packages/vidya_c_device/libc_device.*")
    assert library.stat().st_size > 0


def test_its_device_is_listed_as_ready(stranger):
    (row,) = [line for line in stranger("vidya", "devices").splitlines() if "c_device" in line]
    assert "ready" in row


def test_the_example_runs_as_it_stands(stranger):
    script = shutil.copy(ROOT / "examples" / "try_c_device.py", stranger.path)
    lines = stranger("python", script).splitlines()
    assert lines[0] == "c_device:0 [[3.0, -3.0, 7.0], [9.0, 11.0, -11.0]]"
    assert lines[1] == "[[1.0, 4.0], [0.0, 5.0], [3.0, 0.0]]"
    assert "exp" in lines[2] and "c_device:0" in lines[2] and "no kernel for exp here" in lines[2]


def test_without_scikit_build_core_the_root_is_printed(stranger):
    (root,) = stranger("python", "-m", "vidya_cmake").splitlines()
    assert Path(root).is_relative_to(stranger.path) and (Path(root) / "VidyaConfig.cmake").is_file()
