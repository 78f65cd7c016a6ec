"""Options that several commands take, checked before anything else is done."""

from __future__ import annotations

import difflib
from typing import Any

from .. import dtypes
from ..engine import fallback
from ..engine.device import default_device, device
from ..errors import ConfigError


def positive(name: str, value: int | float) -> None:
    """ConfigError unless the value of an option is above 0."""
    if not value > 0:
        raise ConfigError(f"--{name} must be above 0, not {value}")


def not_negative(name: str, value: int) -> None:
    if value < 0:
        raise ConfigError(f"--{name} must be 0 or more, not {value}")


def float_dtype(name: str) -> dtypes.dtype:
    """The floating dtype of that name; ConfigError lists them."""
    floats = [dtype.name for dtype in dtypes.ALL if dtype.is_floating_point]
    try:
        dtype = dtypes.by_name(name)
    except ValueError:
        dtype = None
    if dtype is None or not dtype.is_floating_point:
        close = difflib.get_close_matches(name, floats, n=1)
        hint = f", did you mean {close[0]!r}?" if close else "."
        raise ConfigError(
            f"--dtype {name!r} is no floating dtype{hint} Dtypes: {', '.join(floats)}"
        )
    return dtype


def fallback_policy(name: str | None) -> None:
    """Set the fallback policy of this process if one was given, else check what is set."""
    if name is None:
        try:
            fallback.get_fallback()
        except ValueError as error:
            raise ConfigError(str(error)) from None
        return
    if name not in fallback.POLICIES:
        raise ConfigError(f"--fallback is one of {', '.join(fallback.POLICIES)}, not {name!r}")
    fallback.set_fallback(name)


def open_device(name: str | None) -> Any:
    """The device of that name, opened; for None the default.  DeviceError, BackendError."""
    return device(name) if name else default_device()
