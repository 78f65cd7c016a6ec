"""`import vidya.nn.functional as F`, as in PyTorch: the functions of vidya.functional."""

from ..functional import *  # noqa: F403
from ..functional import __all__  # noqa: F401
