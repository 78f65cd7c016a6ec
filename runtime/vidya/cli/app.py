"""The commands and their options.  What they do is imported when they run, so help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="vidya",
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"vidya-runtime {version('vidya-runtime')}")
        raise typer.Exit


@app.callback()
def vidya(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train and run transformers on any device.

    Start here:

        vidya devices                   what this machine can compute on
        vidya train microgpt            train a small GPT on names, and see its samples
        vidya train microgpt --help     everything that can be changed

    Every command has a `--help` with examples.
    """


Model = Annotated[str, typer.Argument(help="A model by name: microgpt, names_bag ...")]
Device = Annotated[
    str | None, typer.Option("--device", help="Where to compute; see `vidya devices`.")
]
Samples = Annotated[int, typer.Option("--samples", help="How many samples to print.")]
Temperature = Annotated[
    float, typer.Option("--temperature", help="Below 1 plays safe, above 1 dares more.")
]
Fallback = Annotated[
    str | None,
    typer.Option(
        "--fallback", help="When a device lacks an op: error, warn or allow another device."
    ),
]


@app.command()
def train(
    model: Model,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Text, one document per line. [default: ships with the model]"),
    ] = None,
    device: Device = None,
    dtype: Annotated[
        str | None,
        typer.Option("--dtype", help="float32, float64, bfloat16 ... [default: float32]"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", help="How many steps. [default: the model's own]")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="The same seed gives the same numbers. [default: 42]"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a setting of the model; repeatable."
        ),
    ] = None,
    samples: Samples = 20,
    temperature: Temperature = 0.5,
    metrics: Annotated[
        Path | None,
        typer.Option("--metrics", help="Write one JSON object per step to this file."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Save checkpoints in this directory.")
    ] = None,
    save_every: Annotated[
        int, typer.Option("--save-every", help="With --out: save after this many steps.")
    ] = 500,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", help="Go on from the checkpoint in this directory."),
    ] = None,
    fallback: Fallback = None,
    compiled: Annotated[
        bool,
        typer.Option("--compile/--no-compile", help="Run each step as one plan, or op by op."),
    ] = True,
    precision: Annotated[
        str,
        typer.Option("--precision", help="full, or bf16: matrix products in bfloat16."),
    ] = "full",
) -> int:
    """Train a model, then print what it writes.

    Examples:

        vidya train microgpt
        vidya train microgpt --data names.txt --device openblas --steps 2000
        vidya train microgpt --set n_embd=32 --set lr=0.005 --metrics run.jsonl
        vidya train microgpt --out runs/names            (Ctrl-C saves)
        vidya train microgpt --resume runs/names

    `--set` takes the settings of the model; a wrong name lists them all.
    """
    from .train import Options, train

    return train(
        Options(
            model=model,
            data=data,
            device=device,
            dtype=dtype,
            steps=steps,
            seed=seed,
            settings=settings or [],
            samples=samples,
            temperature=temperature,
            metrics=metrics,
            out=out,
            save_every=save_every,
            resume=resume,
            fallback=fallback,
            compiled=compiled,
            precision=precision,
        )
    )


@app.command()
def generate(
    checkpoint: Annotated[
        Path, typer.Argument(help="A directory given to --out, or the file in it.")
    ],
    device: Device = None,
    samples: Samples = 20,
    temperature: Temperature = 0.5,
    prompt: Annotated[str, typer.Option("--prompt", help="What each sample starts with.")] = "",
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="Draw with this seed. [default: go on where training ended]"),
    ] = None,
    fallback: Fallback = None,
) -> None:
    """Print samples of a trained model, one per line.

    Examples:

        vidya generate runs/names
        vidya generate runs/names --prompt ka --samples 5 --temperature 0.8

    The samples are all that it prints, so they can be piped on.
    """
    from .generate import generate

    generate(checkpoint, device, samples, temperature, prompt, seed, fallback)


@app.command()
def devices() -> None:
    """Show every device: ready, not installed (and how to), broken (and why), no hardware."""
    from .devices import devices

    devices()


@app.command()
def doctor() -> int:
    """Check this installation: versions, and a small computation on every device that is ready."""
    from .devices import doctor

    return doctor()


@app.command()
def ops(
    name: Annotated[
        str | None, typer.Argument(help="One op or function: what it is, and who computes it.")
    ] = None,
    primitives: Annotated[
        bool, typer.Option("--primitives", help="Only the ops that every backend must have.")
    ] = False,
    device: Device = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The table of all ops and devices, as docs/ops.md.")
    ] = False,
) -> None:
    """List the ops, and who computes them on each device that is ready.

    Examples:

        vidya ops --primitives
        vidya ops --device openblas
        vidya ops softmax

    native: the device's own kernel. kernel plugin: a plugin's. decomposed: other ops on the same
    device. view: nothing is computed. missing: the fallback policy decides.
    """
    from .ops import ops

    ops(name, primitives, device, markdown)
