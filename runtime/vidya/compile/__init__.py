"""Many ops as one plan: capture a function, improve its graph, replay it without Python."""

from ..engine import dispatch
from .api import Compiled, compile
from .fuse import fuse
from .plans import RecompileWarning

dispatch.finishers.append(fuse)  # an eager op of several element-wise kernels is one as well

__all__ = ["Compiled", "RecompileWarning", "compile"]
