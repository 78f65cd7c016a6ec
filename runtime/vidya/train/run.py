"""A training run: everything that changes from step to step, and how it is saved."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from .. import dtypes, random
from ..compile import compile
from ..engine.autocast import autocast
from ..engine.device import default_device
from ..engine.device import device as Device
from ..engine.grad_modes import no_grad
from ..errors import CheckpointError, ConfigError, TrainingError
from ..io import load_checkpoint, save_checkpoint
from ..nn import Module
from ..optim import Optimizer
from ..tensor import Tensor
from .recipe import Recipe
from .settings import from_saved

CHECKPOINT = "checkpoint.safetensors"  # its name in the directory of a run
_PARTS = (
    *("recipe", "config", "vocabulary", "seed", "data", "step", "device", "dtype", "rng"),
    *("model", "optimizer"),
)


@dataclass(frozen=True)
class Record:
    """What one step showed.  `step` counts from 1; `seconds` is how long it took."""

    step: int
    loss: float
    lr: float
    seconds: float
    tokens: int


@dataclass
class Run:
    """A model in training.  Make one with Run.start or Run.resume; iterate it to train.

    run = Run.start(recipe, config, Path("names.txt"), device="numpy", seed=42)
    for record in run:
        print(record.step, record.loss)
    run.save(directory)
    """

    recipe: Recipe
    config: Any
    data: Any
    model: Module
    optimizer: Optimizer
    rng: Random
    seed: int
    device: Device
    source: str | None  # which data it is, see _fingerprint
    step: int = 0  # steps done

    def __post_init__(self) -> None:
        self._base_lrs = [group["lr"] for group in self.optimizer.param_groups]
        self.run_steps()

    def run_steps(self, *, compiled: bool = True, precision: str = "full") -> None:
        """How steps are computed from now on.

        compiled: as one plan each, replayed; else op by op. precision "bf16": products in bfloat16,
        parameters and their gradients in their own dtype. Other roundings, so other last digits.
        """
        if precision not in ("full", "bf16"):
            raise ConfigError(f'precision is "full" or "bf16", not {precision!r}')

        def update(batch: Any) -> Tensor:
            with autocast(dtypes.bfloat16, enabled=precision == "bf16"):
                return self.recipe.update(self.config, self.model, self.optimizer, batch)

        self._update = compile(update) if compiled else update

    @classmethod
    def start(
        cls,
        recipe: Recipe,
        config: Any,
        path: Path | None = None,
        device: Any = None,
        dtype: Any = None,
        seed: int = 42,
    ) -> Run:
        """A new run.  DataError for bad data, ConfigError for a config that cannot be trained."""
        place = default_device() if device is None else Device(device)
        if config.steps < 1:
            raise ConfigError(f"steps must be 1 or more, not {config.steps}")
        rng = Random(seed)
        random.manual_seed(seed)
        data = recipe.read(config, path, rng)
        model = recipe.build(config, recipe.vocabulary(data), rng, device=place, dtype=dtype)
        optimizer = recipe.optimizer(config, model)
        return cls(recipe, config, data, model, optimizer, rng, seed, place, _fingerprint(path))

    @classmethod
    def resume(
        cls,
        recipe: Recipe,
        checkpoint: dict[str, Any],
        path: Path | None = None,
        device: Any = None,
        steps: int | None = None,
    ) -> Run:
        """Go on from what `read_checkpoint` gave: on the same device, as if it had never stopped.

        `device` None is the one that it was trained on; `steps` replaces the total number of steps.
        CheckpointError if it is of another model or was trained on other data.
        """
        check_recipe(recipe, checkpoint)
        changes = {} if steps is None else {"steps": steps}
        config = from_saved(recipe.Config, checkpoint["config"] | changes)
        if config.steps <= checkpoint["step"]:
            raise ConfigError(
                f"the checkpoint has done its {checkpoint['step']} steps; "
                f"give --steps more than that to train on"
            )
        dtype = dtypes.by_name(checkpoint["dtype"])
        run = cls.start(
            recipe, config, path, device or checkpoint["device"], dtype, checkpoint["seed"]
        )
        same_vocabulary = recipe.vocabulary(run.data) == checkpoint["vocabulary"]
        if run.source != checkpoint["data"] or not same_vocabulary:
            then, now = (what or "what ships with it" for what in (checkpoint["data"], run.source))
            raise CheckpointError(
                f"the checkpoint was trained on other data ({then}, not {now}): "
                "give the same file to --data"
            )
        run.model.load_state_dict(checkpoint["model"])
        run.optimizer.load_state_dict(checkpoint["optimizer"])
        set_rng_state(run.rng, checkpoint["rng"])
        run.step = checkpoint["step"]
        return run

    # ---- training ----

    def __iter__(self) -> Iterator[Record]:
        """Train to the last step of the config.

        TrainingError when the loss, or in the end a weight, is not a finite number.
        """
        self.model.train()
        while self.step < self.config.steps:
            yield self._advance()
        self._check_weights()

    def _advance(self) -> Record:
        began = time.perf_counter()
        factor = self.recipe.lr_factor(self.config, self.step)
        for group, base in zip(self.optimizer.param_groups, self._base_lrs, strict=True):
            group["lr"] = base * factor
        batch = self.recipe.batch(self.config, self.data, self.step, self.rng, self.device)
        loss = self._update(batch).item()
        self.step += 1
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} in step {self.step}: training stops; "
                "lower the learning rate (--set lr=...)"
            )
        lr = self.optimizer.param_groups[0]["lr"]
        return Record(self.step, loss, lr, time.perf_counter() - began, batch.tokens)

    def _check_weights(self) -> None:
        for name, param in self.model.named_parameters():
            if not _all_finite(param):
                raise TrainingError(
                    f"{name} is not finite after step {self.step}: training stops; "
                    "lower the learning rate (--set lr=...)"
                )

    # ---- using ----

    def evaluate(self) -> dict[str, float]:
        self.model.eval()
        with no_grad():
            return self.recipe.evaluate(self.config, self.model, self.data)

    def samples(self, count: int, temperature: float) -> Iterator[str]:
        vocabulary = self.recipe.vocabulary(self.data)
        return draw(self.recipe, self.model, vocabulary, self.rng, count, temperature)

    # ---- saving ----

    def save(self, directory: str | os.PathLike) -> Path:
        """Write the checkpoint of this moment into a directory, in place of an older one.

        TrainingError, with nothing written, if a weight is not a finite number; CheckpointError if
        the disk is full, say.
        """
        path = Path(directory) / CHECKPOINT
        self._check_weights()
        contents = {
            "recipe": self.recipe.name,
            "config": asdict(self.config),
            "vocabulary": self.recipe.vocabulary(self.data),
            "seed": self.seed,
            "data": self.source,
            "step": self.step,
            "device": self.device.name,
            "dtype": next(self.model.parameters()).dtype.name,
            "rng": _rng_state(self.rng),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        try:
            save_checkpoint(path, contents)
        except OSError as error:
            raise CheckpointError(
                f"cannot save {path}: {error.strerror}; what was there before is intact"
            ) from error
        return path


def draw(
    recipe: Recipe,
    model: Module,
    vocabulary: Any,
    rng: Random,
    count: int,
    temperature: float,
    prompt: str = "",
) -> Iterator[str]:
    """`count` texts from a model, one after the other."""
    if not temperature > 0:
        raise ConfigError(f"the temperature must be above 0, not {temperature}")
    model.eval()
    for _ in range(count):
        with no_grad():
            text = recipe.sample(model, vocabulary, rng, temperature, prompt)
        yield text


def read_checkpoint(path: str | os.PathLike) -> dict[str, Any]:
    """The checkpoint in a run's directory (or the file itself).  CheckpointError says why not."""
    path = Path(path)
    contents = load_checkpoint(path / CHECKPOINT if path.is_dir() else path)
    missing = sorted(set(_PARTS) - set(contents))
    if missing:
        raise CheckpointError(f"{path} is a checkpoint but not of a run: it has no {missing[0]!r}")
    return contents


def check_recipe(recipe: Recipe, checkpoint: dict[str, Any]) -> None:
    """CheckpointError if the checkpoint is of another model."""
    if checkpoint["recipe"] != recipe.name:
        raise CheckpointError(
            f"the checkpoint is of model {checkpoint['recipe']!r}, not {recipe.name!r}"
        )


def _fingerprint(path: Path | None) -> str | None:
    """Which data a run saw, so that it is not resumed on other data; None: what ships with it."""
    if path is None:
        return None
    with open(path, "rb") as file:
        return f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


def _all_finite(param: Any) -> bool:
    with no_grad():
        return bool((param - param == 0).all())  # inf - inf and nan - nan are nan


def _rng_state(rng: Random) -> dict[str, Any]:
    version, words, gauss_next = rng.getstate()
    return {
        "python": [version, list(words), gauss_next],
        "vidya": random.get_rng_state(),
    }


def set_rng_state(rng: Random, state: dict[str, Any]) -> None:
    version, words, gauss_next = state["python"]
    rng.setstate((version, tuple(words), gauss_next))
    random.set_rng_state(state["vidya"])
