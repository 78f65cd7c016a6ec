"""Many ops as one plan: capture a function, improve its graph, replay it without Python."""

from .api import Compiled, compile

__all__ = ["Compiled", "compile"]
