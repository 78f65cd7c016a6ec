"""Reading the data that models train on."""

from .lines import read_lines
from .vocabulary import Characters

__all__ = ["Characters", "read_lines"]
