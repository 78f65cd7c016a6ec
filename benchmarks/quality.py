"""What compiling, bfloat16 and integer weights change in a model that is trained on real text.

    python -m benchmarks.quality --text FILE --device openblas

Trains a small transformer on the bytes of FILE: 200 steps eagerly in float32, the same compiled,
and the same in bfloat16; trains on to --steps; then rounds its weights to 8 and 4 bits. Prints a
Markdown table and exits with 1 where a limit is broken.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import vidya
from rich.progress import track
from vidya.optim import AdamW
from vidya_models.transformer import Transformer, TransformerConfig

CONFIG = TransformerConfig(
    vocab_size=256, hidden_size=128, num_hidden_layers=4, num_attention_heads=4,
    num_key_value_heads=2, head_dim=32, intermediate_size=384, max_position_embeddings=128,
)  # fmt: skip
B, T, COMPARED = 8, 128, 200
LIMITS = {"compiled": 1e-5, "bf16": 1e-2, "int8": 1e-2, "int4": 5e-2}


def batches(text: np.ndarray, device: str):
    """(x, y) [B, T] from random places; the same ones for every run."""
    rng = np.random.default_rng(0)
    while True:
        at = rng.integers(0, len(text) - T - 1, B)
        rows = np.stack([text[i : i + T + 1] for i in at]).astype(np.int64)
        yield tuple(vidya.tensor(np.ascontiguousarray(r), device=device)
                    for r in (rows[:, :-1], rows[:, 1:]))  # fmt: skip


def train(text: np.ndarray, device: str, steps: int, compiled: bool, bf16: bool):
    """The model and its losses."""
    vidya.manual_seed(1)
    model = Transformer(CONFIG, device=device)
    optimizer = AdamW(model.parameters(), lr=3e-4)

    def step(x, y):
        optimizer.zero_grad()
        with vidya.autocast(vidya.bfloat16, enabled=bf16):
            loss = model.loss(x, y)
        loss.backward()
        optimizer.step()
        return loss

    run = vidya.compile(step) if compiled else step
    name = ("compiled" if compiled else "eager") + (" bf16" if bf16 else " fp32")
    data = batches(text, device)
    losses = [run(*next(data)).item() for _ in track(range(steps), f"{name}, {steps} steps")]
    return model, np.array(losses)


def choices(model: Transformer, x) -> np.ndarray:
    """The likeliest next byte at every position. [B * T]"""
    with vidya.no_grad():
        return model.logits(model.hidden(x)).argmax(-1).reshape(-1).numpy()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, required=True, help="a text file of 100 kB or more")
    parser.add_argument("--device", default="openblas")
    parser.add_argument("--steps", type=int, default=1000, help="of the model that is quantised")
    args = parser.parse_args()
    text = np.frombuffer(args.text.read_bytes(), np.uint8)
    if len(text) < 100_000 or args.steps < COMPARED:
        parser.error(f"100 kB of text and {COMPARED} steps or more are needed")
    held_out, text = text[-B * 16 * T - 1 :], text[: -B * 16 * T - 1]

    _, eager = train(text, args.device, COMPARED, False, False)
    model, compiled = train(text, args.device, args.steps, True, False)
    _, mixed = train(text, args.device, COMPARED, True, True)
    x = vidya.tensor(held_out[:-1].astype(np.int64).reshape(-1, T), device=args.device)
    full = choices(model, x)
    found = {
        "compiled": np.max(np.abs(compiled[:COMPARED] / eager - 1)),
        "bf16": abs(mixed[-50:].mean() / eager[-50:].mean() - 1),
    }
    for name, bits in (("int8", 8), ("int4", 4)):
        rounded = Transformer(CONFIG, device=args.device)
        rounded.load_state_dict(model.state_dict())
        rounded.untie()
        found[name] = np.mean(choices(vidya.quantize(rounded, bits, group=32), x) != full)
    what = {
        "compiled": f"compiled float32, largest difference of a loss in {COMPARED} steps",
        "bf16": f"bfloat16, difference of the mean loss of steps {COMPARED - 49} to {COMPARED}",
        "int8": f"8-bit weights, share of {len(full)} positions with another likeliest byte",
        "int4": "4-bit weights in groups of 32, the same",
    }
    print(f"loss {eager[0]:.3f} -> {compiled[-10:].mean():.3f} after {args.steps} steps\n")
    print("| what changes | by | limit |\n|---|---:|---:|")
    for name, value in found.items():
        print(f"| {what[name]} | {value:.2g} | {LIMITS[name]:g} |")
    return int(any(value > LIMITS[name] for name, value in found.items()))


if __name__ == "__main__":
    sys.exit(main())
