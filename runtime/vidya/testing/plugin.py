"""The pytest plugin of the device suites: `--device`, the `device` fixture, the support report.

Any test with a `device` argument runs once per device.  Without `--device` that is every device
that is ready on this machine; the others are listed in the header with the reason.  A device that
was named opens or the run ends: nothing falls back, and the fallback policy is `error`.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import vidya
from vidya.backends import registry
from vidya.engine import device as engine_device
from vidya.errors import UnsupportedError, VidyaError
from vidya.testing import fakes
from vidya.testing.report import Support

_DEVICES = pytest.StashKey[list[str]]()
_ABSENT = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("vidya")
    group.addoption(
        "--device",
        action="append",
        metavar="NAME",
        help="device to test on, repeatable; every ready device if not given. The fakes `strict` "
        "and `tile` are there by name only",
    )
    group.addoption(
        "--complete",
        action="append",
        metavar="NAME",
        default=["numpy", "openblas"],
        help="device on which an unsupported dtype is a failure, repeatable "
        "(elsewhere it is skipped and reported; float32 may be missing nowhere)",
    )


def pytest_configure(config: pytest.Config) -> None:
    os.environ["VIDYA_FALLBACK"] = "error"
    config.addinivalue_line("markers", "devices(name, ...): run on these instead of every device")
    # what a Python-defined device raises while it frees memory reaches us only in this form
    config.addinivalue_line("filterwarnings", "error::pytest.PytestUnraisableExceptionWarning")
    asked = config.getoption("--device")
    if any(name.split(":")[0] in fakes.NAMES for name in asked or ()):
        fakes.install()
    config.stash[_ABSENT] = []
    if asked:
        for name in asked:
            try:
                vidya.device(name).synchronize()
            except VidyaError as error:
                raise pytest.UsageError(f"--device {name}: {error}") from None
        config.stash[_DEVICES] = list(dict.fromkeys(asked))
        return
    states = registry.states(engine_device.count)
    config.stash[_DEVICES] = [s.name for s in states if s.status == registry.READY]
    config.stash[_ABSENT] = [
        f"{s.name}: {s.status}, {s.reason}" for s in states if s.status != registry.READY
    ]


def pytest_report_header(config: pytest.Config) -> list[str]:
    devices = config.stash[_DEVICES]
    lines = [f"vidya devices under test: {', '.join(devices)}"]
    return lines + [f"not tested on {line}" for line in config.stash[_ABSENT]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "device" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("devices")
    devices = metafunc.config.stash[_DEVICES] if marker is None else marker.args
    metafunc.parametrize("device", devices, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --device, tests that have devices of their own run on those that were asked for."""
    asked = config.getoption("--device")
    if not asked:
        return
    elsewhere = [
        item
        for item in items
        if item.get_closest_marker("devices") and _params(item).get("device") not in asked
    ]
    config.hook.pytest_deselected(items=elsewhere)
    gone = set(elsewhere)
    items[:] = [item for item in items if item not in gone]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    outcome = yield
    report = outcome.get_result()
    params = _params(item)
    if report.when != "call" or not {"case_name", "dtype", "device"} <= params.keys():
        return
    standing, reason = _standing(call.excinfo)
    row = (params["device"], params["case_name"], params["dtype"].name, standing, reason)
    report.user_properties.append(("vidya", row))


def _params(item: pytest.Item) -> dict[str, Any]:
    return getattr(getattr(item, "callspec", None), "params", {})


def _standing(excinfo: pytest.ExceptionInfo | None) -> tuple[str, str]:
    if excinfo is None:
        return "pass", ""
    lines = str(excinfo.value).splitlines() or [excinfo.typename]
    if excinfo.errisinstance((UnsupportedError, pytest.skip.Exception)):
        return "unsupported", lines[0]
    if excinfo.errisinstance(AssertionError):
        return "wrong", lines[0]
    return "error", f"{excinfo.typename}: {lines[0]}"


def pytest_terminal_summary(terminalreporter) -> None:
    support = Support()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for key, row in getattr(report, "user_properties", ()):
                if key == "vidya":
                    support.add(*row)
    for device in support.cells:
        terminalreporter.section(f"support on {device}")
        for line in support.lines(device):
            terminalreporter.write_line(line)


@pytest.fixture
def complete(device: str, request: pytest.FixtureRequest) -> bool:
    """Whether an unsupported dtype is a failure on this device."""
    return device.split(":")[0] in request.config.getoption("--complete")
