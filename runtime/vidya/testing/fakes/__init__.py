"""Fake devices for tests, declared as a stranger's plugin would be: by entry points.

`strict` has memory that the host cannot touch and a queue that works only when waited for; `tile`
has no strides and kernels that make their own outputs.  Both compute with the reference kernels.
"""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from pathlib import Path

from vidya.backends import registry

NAMES = ("strict", "tile")


def install(directory: Path | None = None) -> Path:
    """Declare the fakes in `directory`, as a distribution, and put it on sys.path.

    Without a directory, in one that goes away with this process.  Returns the directory: a child
    process that has it on its PYTHONPATH sees the fakes too.
    """
    if directory is None:
        directory = Path(tempfile.mkdtemp(prefix="vidya-fakes-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
    info = Path(directory) / "vidya_fakes-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vidya-fakes\nVersion: 1.0\n")
    lines = [f"{name} = vidya.testing.fakes.{name}" for name in NAMES]
    (info / "entry_points.txt").write_text("\n".join(["[vidya.backends]", *lines, ""]))
    sys.path.insert(0, str(directory))
    registry.forget()
    return Path(directory)


def uninstall(directory: Path) -> None:
    """Undo `install`; devices that are open stay open."""
    sys.path.remove(str(directory))
    registry.forget()
