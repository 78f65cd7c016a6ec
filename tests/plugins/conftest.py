"""Distributions made on the spot, so that plugins are found the way installed ones are."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from vidya.backends import registry


class Site:
    """A directory of packages: what `pip install` leaves behind, without pip."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.modules: set[str] = set()
        path.mkdir()

    def install(self, distribution: str, groups: dict[str, dict[str, str]], version="1.0", **code):
        """Add a distribution: entry points {group: {name: value}}, and modules as `name=code`."""
        info = self.path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata)
        lines = []
        for group, points in groups.items():
            lines.append(f"[{group}]")
            lines += [f"{name} = {value}" for name, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for module, source in code.items():
            (self.path / f"{module}.py").write_text(dedent(source))
            self.modules.add(module)
        importlib.invalidate_caches()
        return info

    def run(self, script: str, *, timeout: float = 120) -> subprocess.CompletedProcess:
        """Run a script in a process of its own in which these distributions are installed."""
        path = os.pathsep.join([str(self.path), *filter(None, sys.path)])
        environment = os.environ | {"PYTHONPATH": path, "PYTHONFAULTHANDLER": "1"}
        return subprocess.run(
            [sys.executable, "-c", dedent(script)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def check(self, script: str) -> str:
        """`run`, and fail with everything that it printed unless it ended well."""
        done = self.run(script)
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty Site, first on this process's sys.path while the test runs."""
    made = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(made.path)
    registry.forget()
    yield made
    registry.forget()
    for name in made.modules:
        sys.modules.pop(name, None)
