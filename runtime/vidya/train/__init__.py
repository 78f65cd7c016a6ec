"""Training: what a model must say of itself (Recipe), and a run of it (Run)."""

from .recipe import Batch, Recipe
from .run import Record, Run
from .settings import apply_settings

__all__ = ["Batch", "Recipe", "Record", "Run", "apply_settings"]
