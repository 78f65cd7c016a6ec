"""The data that ships with the models."""

from importlib.resources import files
from pathlib import Path


def names_path() -> Path:
    """A list of first names, one per line."""
    return Path(str(files(__name__) / "names.txt"))
