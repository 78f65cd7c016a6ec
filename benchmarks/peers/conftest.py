"""One table at the end, of all that was compared."""

from __future__ import annotations

import pytest

from peers import compare

_RATIOS: list[compare.Ratio] = []


@pytest.fixture
def ratios():
    return _RATIOS


def pytest_terminal_summary(terminalreporter):
    if _RATIOS:
        terminalreporter.section("medians, measured in turns")
        terminalreporter.write_line(compare.HEADER)
        for ratio in _RATIOS:
            terminalreporter.write_line(str(ratio))
