"""vidya.utils: what training needs beside layers and optimizers."""

from . import checkpoint

__all__ = ["checkpoint"]
