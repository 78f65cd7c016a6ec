"""__array_namespace_info__: what this namespace can do, and which dtypes and devices it has."""

from __future__ import annotations

from typing import Any

from .. import _core, dtypes
from ..backends import registry
from ..engine.device import default_device, device
from ..errors import VidyaError
from .data_types import isdtype

# The standard's; float16 and bfloat16 are here besides.
_DTYPES = {d.name: d for d in dtypes.ALL if d.name not in ("float16", "bfloat16")}


class Info:
    """What `__array_namespace_info__()` gives."""

    def capabilities(self) -> dict[str, Any]:
        """Masks as indices, results whose shape depends on data, and the most dims."""
        return {
            "boolean indexing": True,
            "data-dependent shapes": True,
            "max dimensions": _core.MAX_NDIM,
        }

    def default_device(self) -> device:
        """Where new arrays go in this thread."""
        return default_device()

    def default_dtypes(self, *, device: Any = None) -> dict[str, dtypes.dtype]:
        """The dtypes of Python's numbers and of indices."""
        real = dtypes.get_default_dtype()
        return {
            "real floating": real,
            "complex floating": real.to_complex(),
            "integral": dtypes.int64,
            "indexing": dtypes.int64,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, dtypes.dtype]:
        """The dtypes by name, all or of a kind (or a tuple of kinds), see isdtype."""
        if kind is None:
            return dict(_DTYPES)
        return {name: d for name, d in _DTYPES.items() if isdtype(d, kind)}

    def devices(self) -> list[device]:
        """The devices that open here."""
        ready = []
        for name in registry.names():
            try:
                ready.append(device(name))
            except VidyaError:
                continue
        return ready


def __array_namespace_info__() -> Info:
    """What this namespace can do."""
    return Info()
