# ruff: noqa: E402  (the environment must be set before anything reads it)
"""Devices as a parameter, everything synchronised, and the machine's bounds beside the figures.

pytest benchmarks                          every ready device
pytest benchmarks --device openblas        that one; may be repeated
"""

from __future__ import annotations

import os

# Both hold OpenBLAS below what the CPU can do, and would make every figure one of another machine.
for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(variable, None)
os.environ["VIDYA_FALLBACK"] = "error"

import machine
import numpy as np
import pytest
import vidya
from vidya.backends import registry


def pytest_addoption(parser):
    parser.addoption("--device", action="append", help="a device to measure; may be repeated")


def pytest_generate_tests(metafunc):
    if "device" in metafunc.fixturenames:
        installed = [name for name in registry.names() if registry.is_installed(name)]
        chosen = metafunc.config.getoption("--device") or installed
        metafunc.parametrize("device", chosen, scope="session")


def pytest_report_header(config):
    return (
        f"machine: {machine.threads()} threads, float32 peak {machine.peak_gflops():.0f} GFLOP/s, "
        f"reads {machine.read_gbps():.0f} GB/s"
    )


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.fixture
def tensor(device, rng):
    """tensor(*shape): normal float32 numbers on the device, and the same as an array."""

    def make(*shape, dtype=np.float32, **options):
        array = rng.standard_normal(shape).astype(dtype)
        return vidya.tensor(array, device=device, **options), array

    return make


@pytest.fixture
def measure(benchmark, device):
    """measure(fn, *args): warm time of one call with the device's queue empty at its end."""

    def run(fn, *args, rounds=None):
        def synchronised():
            result = fn(*args)
            vidya.synchronize(device)
            return result

        synchronised()
        if rounds is None:
            return benchmark(synchronised)
        return benchmark.pedantic(synchronised, rounds=rounds, warmup_rounds=1)

    return run


@pytest.fixture
def best(benchmark):
    """The best round in seconds, once something was measured."""
    return lambda: benchmark.stats.stats.min
