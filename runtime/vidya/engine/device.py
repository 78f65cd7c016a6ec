"""Devices by name.  A named device opens or raises: never another one in its stead."""

from __future__ import annotations

import re
import threading
import warnings
from typing import Any

from .. import _core
from ..backends import PluginWarning, registry
from ..errors import BackendError, DeviceError

_devices: dict[str, device] = {}
_backends: dict[str, Any] = {}
_lock = threading.RLock()
_state = threading.local()


class device:
    """device("openblas") or device("openblas:1"): opens it if it is not open yet.

    There is one object per device, so devices compare with `is`. Raises DeviceError for an unknown
    name, BackendError where the plugin is missing or broken, with the remedy.
    """

    __slots__ = ("core", "index", "kernels", "type")
    type: str
    index: int
    core: _core.Device
    kernels: registry.Kernels

    def __new__(cls, name: str | device) -> device:
        if isinstance(name, device):
            return name
        if not isinstance(name, str):
            raise TypeError(f"a device is named by a str such as 'openblas', not {name!r}")
        found = _devices.get(name)
        return found if found is not None else _open(cls, name)

    @property
    def name(self) -> str:
        return f"{self.type}:{self.index}"

    @property
    def info(self) -> dict[str, Any]:
        """Hardware name, what shapes its speed, memory, threads, plugin and its version."""
        return self.core.info()

    def synchronize(self) -> None:
        """Wait until all work given to the device is done."""
        self.core.sync()

    def __repr__(self) -> str:
        return f"device({self.name!r})"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self):
        return (device, (self.name,))


def _open(cls: type[device], name: str) -> device:
    match = re.fullmatch(r"([A-Za-z_][\w.-]*)(?::(\d+))?", name)
    if not match:
        raise DeviceError(f"{name!r} is no device name; write 'openblas' or 'openblas:0'")
    kind, index = match[1], int(match[2] or 0)
    with _lock:
        full = f"{kind}:{index}"
        if full not in _devices:
            backend = load_backend(kind)
            count = backend.count()
            if index >= count:
                raise DeviceError(
                    f"there is no {full}: {backend.distribution} finds no hardware for it here; "
                    "`vidya devices` lists what is ready"
                    if count == 0
                    else f"there is no {full}: {kind} has {count} device(s), 0 to {count - 1}"
                )
            self = object.__new__(cls)
            self.type, self.index = kind, index
            self.core = backend.open(index)
            self.core.set_object(self)
            self.kernels = registry.kernels_for(kind)
            for library in self.kernels.libraries:
                try:
                    self.core.add_kernels(library.path, library.distribution)
                except BackendError as error:  # a broken pack must not take the device with it
                    warnings.warn(f"left out: {error}", PluginWarning, stacklevel=4)
            _devices[full] = self
        _devices[name] = _devices[full]
        return _devices[full]


def load_backend(kind: str) -> Any:
    """The loaded `_core.Backend` that owns device name `kind`."""
    with _lock:
        if kind not in _backends:
            source = registry.load(kind)
            _backends[kind] = _core.load_backend(source, registry.origin(kind).distribution)
        return _backends[kind]


def count(kind: str) -> int:
    """How many devices of that name this machine has."""
    return load_backend(kind).count()


def opened() -> list[device]:
    """The devices open in this process."""
    return list(dict.fromkeys(_devices.values()))


def default_device() -> device:
    """Where new tensors go: what `set_default_device` said, else numpy."""
    chosen = getattr(_state, "default", None)
    return chosen if chosen is not None else device("numpy")


def set_default_device(name: str | device | None) -> None:
    """Make new tensors of this thread on that device; None: numpy."""
    _state.default = None if name is None else device(name)


def synchronize(name: str | device | None = None) -> None:
    """Wait for the work of one device, or of all that are open."""
    for d in [device(name)] if name is not None else opened():
        d.synchronize()
