"""Distributions built from this checkout, and clean environments that know nothing of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What would let an environment see the checkout, or another environment.
FOREIGN = {"PYTHONPATH", "VIRTUAL_ENV", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT"}


def uv() -> str:
    """uv beside this Python, else on PATH; packaging is not tested without it."""
    found = shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv")
    if not found:
        pytest.skip("uv is not installed: pip install uv")
    return found


def clean_environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in FOREIGN}


def run(*command: object, cwd: Path, timeout: float = 1200) -> str:
    """Run to the end and return stdout; a failure shows all that was printed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=clean_environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    words = " ".join(str(word) for word in command)
    assert done.returncode == 0, f"$ {words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Environment:
    """A virtual environment outside the checkout, and an empty directory to work in."""

    path: Path
    wheels: Path

    def install(self, *what: str) -> None:
        python = self.path / "bin" / "python"
        run(uv(), "pip", "install", "--python", python, "--no-config",
            "--find-links", self.wheels, *what, cwd=self.path)  # fmt: skip

    def __call__(self, program: str, *arguments: object, timeout: float = 1200) -> str:
        work = self.path / "work"
        work.mkdir(exist_ok=True)
        return run(self.path / "bin" / program, *arguments, cwd=work, timeout=timeout)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory) -> Path:
    """Every distribution of this repository, each wheel built from its own sdist."""
    out = tmp_path_factory.mktemp("dist")
    for project in (ROOT, ROOT / "plugins" / "openblas"):
        run(uv(), "build", "--no-sources", "--find-links", out, "--out-dir", out, project, cwd=out)
    return out


@pytest.fixture(scope="session")
def environment(wheels, tmp_path_factory):
    """Make an environment with the named requirements installed from the wheels."""

    def make(*requirements: str) -> Environment:
        path = tmp_path_factory.mktemp("env")
        run(uv(), "venv", "--no-config", "--clear", path, cwd=path)
        made = Environment(path, wheels)
        made.install(*requirements)
        return made

    return make


@pytest.fixture(scope="session")
def installed(environment) -> Environment:
    """`vidya-runtime[openblas]` as a user has it."""
    return environment("vidya-runtime[openblas]")
