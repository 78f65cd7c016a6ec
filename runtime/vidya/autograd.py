"""vidya.autograd: gradients by hand, and ops with gradients of your own."""

from .engine.autograd import (
    Handle,
    enable_grad,
    grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .function import Context, Function

__all__ = [
    "Context",
    "Function",
    "Handle",
    "enable_grad",
    "grad",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]
