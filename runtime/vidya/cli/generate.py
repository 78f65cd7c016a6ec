"""`vidya generate`: samples from a checkpoint."""

from __future__ import annotations

from pathlib import Path

from ..generate import load_model
from ..train.run import draw
from . import options as check


def generate(
    checkpoint: Path,
    device: str | None,
    samples: int,
    temperature: float,
    prompt: str,
    seed: int | None,
    fallback: str | None,
) -> None:
    """Print the samples, one per line."""
    check.positive("samples", samples)
    check.positive("temperature", temperature)
    check.fallback_policy(fallback)
    trained = load_model(checkpoint, check.open_device(device), seed)
    texts = draw(
        trained.recipe, trained.model, trained.vocabulary, trained.rng, samples, temperature, prompt
    )
    for text in texts:
        print(text, flush=True)
