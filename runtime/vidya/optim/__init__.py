"""Optimizers and learning-rate schedules."""

from ..nn.utils import clip_grad_norm_, clip_grad_value_
from . import lr_scheduler, schedules
from .adam import Adam, AdamW
from .muon import Muon
from .optimizer import Optimizer
from .sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Muon",
    "Optimizer",
    "clip_grad_norm_",
    "clip_grad_value_",
    "lr_scheduler",
    "schedules",
]
