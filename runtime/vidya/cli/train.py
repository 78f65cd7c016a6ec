"""`vidya train`: a run from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..backends import registry
from ..backends.plugins import find
from ..engine import fallback
from ..errors import ConfigError, TrainingError
from ..train import Recipe, Record, Run, apply_settings
from ..train.metrics import MetricsFile
from ..train.run import CHECKPOINT, read_checkpoint
from . import options as check
from .interrupt import Interrupt
from .progress import display


@dataclass(frozen=True)
class Options:
    """What was asked for; None where nothing was said."""

    model: str
    data: Path | None
    device: str | None
    dtype: str | None
    steps: int | None
    seed: int | None
    settings: Sequence[str]
    samples: int
    temperature: float
    metrics: Path | None
    out: Path | None
    save_every: int
    resume: Path | None
    fallback: str | None
    compiled: bool
    precision: str


def train(options: Options) -> int:
    """Train, save, print samples.  Returns the exit status: 0, or 130 after Ctrl-C."""
    _check(options)
    recipe = registry.load_model(options.model)
    if options.resume is not None:
        run = _resume(recipe, options, options.resume)
    else:
        run = _start(recipe, options)
    run.run_steps(compiled=options.compiled, precision=options.precision)
    out = options.out or _directory(options.resume)
    dtype = next(run.model.parameters()).dtype
    size = sum(param.numel() for param in run.model.parameters())
    source = options.data or "the data that ships with it"
    print(
        f"{options.model}: {size:,} parameters, {dtype.name}"
        f"{' with products in bfloat16' if options.precision == 'bf16' else ''} on {run.device}, "
        f"seed {run.seed}, trained on {source}",
        flush=True,
    )
    others = [plugin.name for plugin in find(registry.BACKENDS)]
    if options.device is None and run.device.type in registry.BUILT_IN and others:
        print(f"this is the reference device; also installed: --device {', '.join(others)}")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # better now than after an hour
        if run.step == 0 and (out / CHECKPOINT).exists():
            print(f"{out} holds a checkpoint of an earlier run, which the first save replaces")

    records, interrupted = _loop(run, options, out, digits=12 if dtype.itemsize == 8 else 6)
    _summary(records, dtype.itemsize)
    if interrupted:
        out = out or Path(f"{options.model}-interrupted")
        print(f"interrupted after step {run.step}; saved {run.save(out)}")
        print(f"go on with: {_resume_command(options, out)}")
        return 130
    for name, value in run.evaluate().items():
        print(f"{name} {value:.6f}")
    for (op, kind, where), count in fallback.fallback_counts().items():
        print(f"{op} on {kind} ran {count} times on numpy, because {where} has no kernel for it")
    if options.samples:
        print(f"samples at temperature {options.temperature}:", flush=True)
    for text in run.samples(options.samples, options.temperature):
        print(text, flush=True)
    return 0


def _check(options: Options) -> None:
    """All that can be wrong with the options themselves, before anything is loaded."""
    if options.steps is not None:
        check.positive("steps", options.steps)
    check.not_negative("samples", options.samples)
    check.positive("temperature", options.temperature)
    check.positive("save-every", options.save_every)
    if options.dtype is not None:
        check.float_dtype(options.dtype)
    for name in ("dtype", "seed", "settings"):
        if options.resume and getattr(options, name) not in (None, []):
            flag = "set" if name == "settings" else name
            raise ConfigError(f"--{flag} cannot change a run that is resumed; leave it out")
    if options.out is not None and options.out.exists() and not options.out.is_dir():
        raise ConfigError(f"--out {options.out} is a file; give a directory")
    check.fallback_policy(options.fallback)


def _start(recipe: Recipe, options: Options) -> Run:
    config = apply_settings(recipe.Config(), options.settings)
    if options.steps is not None:
        config = apply_settings(config, [f"steps={options.steps}"])
    device = check.open_device(options.device)
    dtype = check.float_dtype(options.dtype or "float32")
    seed = 42 if options.seed is None else options.seed
    return Run.start(recipe, config, options.data, device, dtype, seed)


def _resume(recipe: Recipe, options: Options, path: Path) -> Run:
    checkpoint = read_checkpoint(path)
    return Run.resume(recipe, checkpoint, options.data, options.device, options.steps)


def _loop(run: Run, options: Options, out: Path | None, digits: int) -> tuple[list[Record], bool]:
    """All steps; the records, and whether Ctrl-C ended them."""
    records: list[Record] = []
    saved = f"{options.resume} (step {run.step})" if options.resume else None
    metrics = MetricsFile(options.metrics, append=run.step > 0) if options.metrics else None
    try:
        with Interrupt() as interrupt, display(run.step, run.config.steps, digits) as screen:
            for record in run:
                records.append(record)
                screen.show(record)
                if metrics:
                    metrics.write(asdict(record))
                if out and (
                    record.step % options.save_every == 0 or record.step == run.config.steps
                ):
                    saved = f"{run.save(out)} (step {record.step})"
                if interrupt.requested:
                    return records, record.step < run.config.steps
    except TrainingError as error:
        kept = f"the last good checkpoint is {saved}" if saved else "nothing was saved yet"
        raise TrainingError(f"{error}; {kept}") from None
    finally:
        if metrics:
            metrics.close()
    if out:
        print(f"saved {saved}")
    return records, False


def _summary(records: list[Record], itemsize: int) -> None:
    digits = 12 if itemsize == 8 else 6
    losses = [record.loss for record in records]
    tail = losses[-100:]
    mean = sum(tail) / len(tail)
    seconds = sum(record.seconds for record in records)
    print(
        f"loss: first {losses[0]:.{digits}f}, last {losses[-1]:.{digits}f}, "
        f"mean of the last {len(tail)} steps {mean:.4f}; {seconds:.2f} s"
    )


def _directory(path: Path | None) -> Path | None:
    return path.parent if path is not None and path.is_file() else path


def _resume_command(options: Options, out: Path) -> str:
    parts = ["vidya train", options.model, f"--resume {out}"]
    parts += [f"--data {options.data}"] if options.data else []
    parts += [f"--precision {options.precision}"] if options.precision != "full" else []
    parts += [] if options.compiled else ["--no-compile"]
    return " ".join(parts)
