"""Optimizers and learning-rate schedules."""

from ..nn.utils import clip_grad_norm_, clip_grad_value_
from . import lr_scheduler, schedules
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "clip_grad_norm_",
    "clip_grad_value_",
    "lr_scheduler",
    "schedules",
]
