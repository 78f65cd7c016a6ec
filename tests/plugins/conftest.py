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

HERE = Path(__file__).parent
INCLUDE = HERE.parents[1] / "runtime" / "include"
PLUGIN = """
    from pathlib import Path

    from vidya import hookimpl

    @hookimpl
    def vidya_backend():
        return Path({library!r})
"""
VARIANT = """
#define DEVICE_NAME "{name}"
#define vidya_backend_v1 original
#include "{here}/cdev.c"
#undef vidya_backend_v1
{code}
const vd_backend *vidya_backend_v1(void);
VD_EXPORT const vd_backend *vidya_backend_v1(void) {{
  static struct {{ vd_backend t; void *later[8]; }} table;
  vd_backend *t = &table.t;
  *t = *original();
  {edit}
  return t;
}}
"""


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

    def install_cdev(self, name: str, *, edit: str = "", code: str = "", **more) -> Path:
        """Install cdev.c as device `name`; C statements in `edit` change its table `*t`."""
        source = self.path / f"{name}.c"
        source.write_text(VARIANT.format(name=name, here=HERE.as_posix(), edit=edit, code=code))
        library = self.compile_c(source)
        groups = {"vidya.backends": {name: f"plugin_{name}"}}
        more[f"plugin_{name}"] = PLUGIN.format(library=str(library))
        self.install(f"vidya-runtime-{name}", groups, **more)
        return library

    def compile_c(self, source: Path) -> Path:
        """One C11 file and the one header; nothing of Python is on the command line."""
        library = self.path / f"lib{source.stem}.so"
        command = ["cc", "-std=c11", "-O1", "-Wall", "-shared", "-fPIC", f"-I{INCLUDE}"]
        done = subprocess.run([*command, source, "-o", library], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return library

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


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory):
    """A Site for a whole test module; only processes started with `run` see it."""
    return Site(tmp_path_factory.mktemp("shared") / "site")


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
