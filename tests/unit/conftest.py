"""The command, called from within, and something to train on."""

from __future__ import annotations

import pytest
from vidya.cli.main import run


@pytest.fixture
def cli(capsys, tmp_path, monkeypatch):
    """cli("train", ...) -> (status, lines of stdout, lines of stderr), in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIDYA_DEBUG", raising=False)

    def call(*args: object) -> tuple[int, list[str], list[str]]:
        status = run([str(arg) for arg in args])
        captured = capsys.readouterr()
        return status, captured.out.splitlines(), captured.err.splitlines()

    return call


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("emma\nolivia\nava\nisabella\nsophia\n")
    return path
