"""What was wrong with a call that failed: the argument whose type is not the declared one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from . import _core


def _is_int(value: Any) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, _core.TensorBase)


def _is_number(value: Any) -> bool:
    if isinstance(value, (str, _core.TensorBase)):
        return False
    return hasattr(value, "__float__") or _is_int(value)


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "Tensor": (lambda v: isinstance(v, _core.TensorBase), "a Tensor"),
    "int": (_is_int, "an int"),
    "float": (_is_number, "a number"),
    "bool": (lambda v: not isinstance(v, (str, _core.TensorBase, tuple, list)), "True or False"),
    "str": (lambda v: isinstance(v, str), "a str"),
    "Sequence[int]": (
        lambda v: isinstance(v, (tuple, list)) and all(map(_is_int, v)),
        "a sequence of ints",
    ),
}


def _mistake(function: Callable, args: tuple, kwargs: dict) -> str | None:
    """The first argument that is not what the signature says."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        return f"{function.__name__}: {error}"
    for name, value in bound.arguments.items():
        declared = function.__annotations__.get(name, "")
        options = [part.strip() for part in str(declared).split("|")]
        if value is None and "None" in options:
            continue
        kinds = [_KINDS[o] for o in options if o in _KINDS]
        if len(kinds) < len([o for o in options if o != "None"]):
            continue  # also something that is not in the table
        if not any(fits(value) for fits, _ in kinds):
            wanted = " or ".join(words for _, words in kinds)
            given = repr(value) if isinstance(value, (int, float, str)) else type(value).__name__
            return f"{function.__name__}: {name} must be {wanted}, not {given}"
    return None


def explained(function: Callable) -> Callable:
    """`function`, whose failures over arguments of a wrong type say which one it was.

    Nothing is looked at before a failure, so that good calls cost nothing.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (AttributeError, TypeError, ZeroDivisionError, OverflowError) as error:
            reason = _mistake(function, args, kwargs)
            if reason is None:
                raise
            raise TypeError(reason) from error

    return call


def explain(namespace: dict[str, Any], names: Iterable[str]) -> None:
    """Put explained functions in place of those of a module."""
    for name in names:
        if isinstance(namespace[name], FunctionType):
            namespace[name] = explained(namespace[name])
