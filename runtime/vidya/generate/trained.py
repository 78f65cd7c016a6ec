"""A model from a checkpoint, without what only training needs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from random import Random
from typing import Any

from .. import dtypes
from ..backends import registry
from ..nn import Module
from ..train.recipe import Recipe
from ..train.run import read_checkpoint, set_rng_state
from ..train.settings import from_saved


@dataclass
class Trained:
    """A trained model, and what sampling from it takes."""

    recipe: Recipe
    model: Module
    vocabulary: Any
    rng: Random


def load_model(path: str | os.PathLike, device: Any = None, seed: int | None = None) -> Trained:
    """The model of a run's directory, in evaluation mode, on a device.

    Its random numbers go on where training ended, or start from `seed`.  CheckpointError,
    ConfigError (its recipe is not installed).
    """
    saved = read_checkpoint(path)
    recipe = registry.load_model(saved["recipe"])
    config = from_saved(recipe.Config, saved["config"])
    dtype = dtypes.by_name(saved["dtype"])
    rng = Random(seed)
    model = recipe.build(config, saved["vocabulary"], rng, device=device, dtype=dtype)
    model.load_state_dict(saved["model"])
    if seed is None:
        set_rng_state(rng, saved["rng"])
    else:
        rng.seed(seed)
    return Trained(recipe, model.eval(), saved["vocabulary"], rng)
