"""The contract between a model and the jobs that train it and sample from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from random import Random
from typing import Any, ClassVar, NamedTuple

from ..nn import Module
from ..optim import Optimizer
from ..tensor import Tensor


class Batch(NamedTuple):
    """What one step learns from.  A recipe may use another type that has `tokens`."""

    inputs: Tensor
    targets: Tensor

    @property
    def tokens(self) -> int:
        return self.targets.numel()


class Recipe(ABC):
    """How one model is fed, built, trained and sampled.

    A recipe keeps nothing: all that changes is handed in, and saved by the run.  `config` is an
    instance of `Config`, a dataclass of numbers, strings and booleans with defaults; it has at
    least `steps` and `lr`, and each field can be set with --set.  `rng` is the run's own
    `random.Random(seed)`.  A new run calls `read` and then `build` with it, in this order.

    A package offers recipes by an entry point in group `vidya.models` (name = model) whose module
    has a hook:

        @vidya.hookimpl
        def vidya_models(register):
            register("microgpt", MicroGPTRecipe())
    """

    name: ClassVar[str]
    summary: ClassVar[str]  # one line for `vidya train --help`
    Config: ClassVar[type]

    @abstractmethod
    def read(self, config: Any, path: Path | None, rng: Random) -> Any:
        """The training data, from a file or, for None, what ships with the model.

        DataError says what is wrong with the file.
        """

    @abstractmethod
    def vocabulary(self, data: Any) -> Any:
        """What `build` and `sample` must know of the data; saved as JSON in every checkpoint."""

    @abstractmethod
    def build(
        self, config: Any, vocabulary: Any, rng: Random, device: Any = None, dtype: Any = None
    ) -> Module:
        """The model with its first weights, on the device, in the dtype."""

    @abstractmethod
    def optimizer(self, config: Any, model: Module) -> Optimizer:
        """A new optimizer for the model, with its full learning rate."""

    def lr_factor(self, config: Any, step: int) -> float:
        """What the learning rate is multiplied by in step 0, 1, 2 ..."""
        return 1.0

    @abstractmethod
    def batch(self, config: Any, data: Any, step: int, rng: Random, device: Any) -> Any:
        """What step 0, 1, 2 ... learns from; it has `tokens`, their number."""

    @abstractmethod
    def loss(self, model: Module, batch: Any) -> Tensor:
        """The 0-d loss of a batch."""

    def update(self, config: Any, model: Module, optimizer: Optimizer, batch: Any) -> Tensor:
        """One step; the loss before it.  Override for more than one backward or optimizer."""
        loss = self.loss(model, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    def evaluate(self, config: Any, model: Module, data: Any) -> dict[str, float]:
        """Figures that are worth knowing at the end of a run, by name."""
        return {}

    @abstractmethod
    def sample(
        self, model: Module, vocabulary: Any, rng: Random, temperature: float, prompt: str = ""
    ) -> str:
        """One text drawn from the model, starting with the prompt."""
