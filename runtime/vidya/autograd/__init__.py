"""vidya.autograd: gradients by hand, and ops with gradients of your own."""

from ..engine.anomaly import detect_anomaly, is_anomaly_enabled, set_detect_anomaly
from ..engine.autograd import Handle, grad
from ..engine.grad_modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from ..testing.gradcheck import gradcheck, gradgradcheck
from . import functional
from .function import Context, Function, once_differentiable

__all__ = [
    "Context",
    "Function",
    "Handle",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "no_grad",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
]
