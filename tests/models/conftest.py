"""What the model tests share: the command line, in this process, and the real data."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import vidya
from vidya.cli.main import run
from vidya_models.transformer import Transformer, TransformerConfig

NAMES_SHA256 = "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"


@pytest.fixture(scope="session")
def names_txt() -> Path:
    """The 32,033 names that the golden values belong to."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    path = Path(os.environ.get("VIDYA_TEST_DATA", beside)) / "names.txt"
    if not path.exists():
        pytest.skip(f"no {path}; set VIDYA_TEST_DATA to the directory that has names.txt")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == NAMES_SHA256
    return path


@pytest.fixture
def cli(capsys):
    """cli("train", "microgpt", ...) -> (status, lines of stdout, stderr)."""

    def call(*args: object) -> tuple[int, list[str], str]:
        status = run([str(arg) for arg in args])
        captured = capsys.readouterr()
        return status, captured.out.splitlines(), captured.err

    return call


@pytest.fixture
def transformer(device):
    """As small as one with all parts can be."""
    vidya.manual_seed(0)
    config = TransformerConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, intermediate_size=48, max_position_embeddings=24,
        qk_norm=True, initializer_range=0.2,
    )  # fmt: skip
    return Transformer(config, device=device)
