"""Opens the plugin's device without the runtime: the kernels are tested through the bare C ABI."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest


def _helper(name: str):
    """Tests are collected in importlib mode, where a test cannot import its neighbours."""
    if name not in sys.modules:
        path = Path(__file__).with_name(f"{name}.py")
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


abi = _helper("abi")
_helper("layouts")
_helper("ewise_programs")


def _open(level: str):
    before = os.environ.get("VIDYA_SIMD")
    os.environ["VIDYA_SIMD"] = level
    try:
        return abi.Device()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    except abi.Failure as error:
        if "cannot run on this CPU" in str(error):
            pytest.skip(f"this CPU has no {level}")
        raise
    finally:
        if before is None:
            del os.environ["VIDYA_SIMD"]
        else:
            os.environ["VIDYA_SIMD"] = before


@pytest.fixture(scope="session", params=["baseline", "avx2", "avx512"])
def simd_device(request):
    """The device at every SIMD level that this CPU runs."""
    return _open(request.param)


@pytest.fixture(scope="session")
def blas():
    """The device at its best level."""
    try:
        return abi.Device()
    except FileNotFoundError as error:
        pytest.skip(str(error))
