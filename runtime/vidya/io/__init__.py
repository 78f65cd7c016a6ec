"""Files: safetensors, checkpoints, writing without ever losing the old contents."""

from .atomic import atomic_write
from .checkpoint import load_checkpoint, save_checkpoint
from .safetensors import SafeFile, load_file, save_file

__all__ = [
    "SafeFile",
    "atomic_write",
    "load_checkpoint",
    "load_file",
    "save_checkpoint",
    "save_file",
]
