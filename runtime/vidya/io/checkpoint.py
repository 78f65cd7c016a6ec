"""A checkpoint: one safetensors file with tensors and, as JSON in its metadata, everything else."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ..errors import CheckpointError
from ..tensor import Tensor
from .safetensors import SafeFile, save_file

FORMAT = "vidya.checkpoint"
VERSION = 1
_TENSOR = "$tensor"  # marks in the JSON where a tensor was taken out


def save_checkpoint(path: str | os.PathLike, contents: Mapping[str, Any]) -> None:
    """Write nested dictionaries and lists of tensors, numbers, strings, booleans and None.

    Keys are strings (numbers become strings).  The tensor at contents["model"]["wte.weight"] gets
    the name "model.wte.weight", so any safetensors reader finds the weights.  Atomic: after a full
    disk or a power cut the file that was there before is still there.  OSError, TypeError.
    """
    tensors: dict[str, Tensor] = {}
    skeleton = _take_out(contents, "", tensors)
    head = {"format": FORMAT, "version": VERSION, "contents": skeleton}
    save_file(tensors, path, {"vidya": json.dumps(head)})


def load_checkpoint(path: str | os.PathLike) -> dict[str, Any]:
    """What save_checkpoint wrote, with NumPy arrays in place of the tensors.

    CheckpointError if the file is missing, truncated, damaged, or not a checkpoint of vidya.
    """
    file = SafeFile(path)
    try:
        head = json.loads(file.metadata["vidya"])
        if head["format"] != FORMAT:
            raise KeyError("format")
        version, skeleton = head["version"], head["contents"]
    except (KeyError, TypeError, ValueError):
        raise CheckpointError(
            f"{path} is a safetensors file but no checkpoint of vidya; "
            "read its tensors with vidya.io.load_file"
        ) from None
    if version != VERSION:
        raise CheckpointError(
            f"{path} is a checkpoint of version {version}; this vidya reads version {VERSION}"
        )
    return _put_back(skeleton, file, path)


def _take_out(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        if name in tensors:
            raise ValueError(f"two tensors of the checkpoint have the name {name!r}")
        tensors[name] = value
        return {_TENSOR: name}
    inside = f"{name}." if name else ""
    if isinstance(value, Mapping):
        return {str(key): _take_out(item, f"{inside}{key}", tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_take_out(item, f"{inside}{i}", tensors) for i, item in enumerate(value)]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a checkpoint cannot hold {name!r}, a {type(value).__name__}")


def _put_back(value: Any, file: SafeFile, path: str | os.PathLike) -> Any:
    if isinstance(value, dict) and _TENSOR in value:
        if value[_TENSOR] not in file:
            raise CheckpointError(f"{path} is damaged: the tensor {value[_TENSOR]!r} is missing")
        return file[value[_TENSOR]]
    if isinstance(value, dict):
        return {key: _put_back(item, file, path) for key, item in value.items()}
    if isinstance(value, list):
        return [_put_back(item, file, path) for item in value]
    return value
