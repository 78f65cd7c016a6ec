"""The command `vidya`."""

from .main import main

__all__ = ["main"]
