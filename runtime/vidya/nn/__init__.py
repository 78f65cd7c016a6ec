"""Layers and the Module that they are made of, under PyTorch's names."""

from . import functional, init, utils
from .containers import ModuleDict, ModuleList, Sequential
from .dropout import Dropout
from .hooks import RemovableHandle
from .linear import Embedding, Linear
from .module import Module
from .norm import LayerNorm, RMSNorm
from .parameter import Parameter

__all__ = [
    "Dropout",
    "Embedding",
    "LayerNorm",
    "Linear",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "RMSNorm",
    "RemovableHandle",
    "Sequential",
    "functional",
    "init",
    "utils",
]
