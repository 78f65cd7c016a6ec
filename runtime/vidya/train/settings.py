"""`--set key=value`: changing fields of a config by their names."""

from __future__ import annotations

import dataclasses
import difflib
import math
import typing
from collections.abc import Iterable
from typing import Any

from ..errors import ConfigError


def apply_settings(config: Any, settings: Iterable[str]) -> Any:
    """A copy of a config dataclass with "key=value" strings applied.

    ConfigError for a key that the config does not have (with the nearest one), a value that is not
    of the field's type, or one that the config itself refuses.
    """
    return replace(config, dict(parse(type(config), setting) for setting in settings))


def replace(config: Any, changes: dict[str, Any]) -> Any:
    """dataclasses.replace, with the config's own ValueError as a ConfigError."""
    try:
        return dataclasses.replace(config, **changes)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def parse(config_type: type, setting: str) -> tuple[str, Any]:
    """ "n_layer=2" as ("n_layer", 2), by the types of the config's fields."""
    key, equals, text = setting.partition("=")
    key, text = key.strip(), text.strip()
    if not equals or not key:
        raise ConfigError(f"--set wants key=value, not {setting!r}, e.g. --set lr=0.01")
    types = typing.get_type_hints(config_type)
    known = [field.name for field in dataclasses.fields(config_type)]
    if key not in known:
        close = difflib.get_close_matches(key, known, n=1)
        hint = f", did you mean {close[0]!r}?" if close else "."
        raise ConfigError(f"unknown setting {key!r}{hint} Settings: {', '.join(known)}")
    return key, _convert(key, text, types[key])


def from_saved(config_type: type, values: dict[str, Any]) -> Any:
    """A config from the fields that a checkpoint holds.  ConfigError if they are of another one."""
    try:
        return config_type(**values)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"the saved config does not fit {config_type.__name__}: {error}"
        ) from None


def _convert(key: str, text: str, kind: Any) -> Any:
    options = typing.get_args(kind)
    if type(None) in options:
        if text.lower() == "none":
            return None
        kind = next(option for option in options if option is not type(None))
    if kind is bool:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.lower() not in words:
            raise ConfigError(f"{key} is true or false, not {text!r}")
        return words[text.lower()]
    if kind is str:
        return text
    what = {int: "a whole number", float: "a number"}[kind]
    try:
        value = kind(text)
    except ValueError:
        raise ConfigError(f"{key} must be {what}, not {text!r}") from None
    if not math.isfinite(value):
        raise ConfigError(f"{key} must be finite, not {text}")
    return value
