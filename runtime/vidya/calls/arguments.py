"""How Python functions are called: other names of arguments, out=, and what was wrong with a call
that failed. (Ops do the same in the core.)"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from .. import _core
from ..errors import AutogradError, VidyaError
from .destination import write_out
from .spelling import spellings


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
    "Sequence[Tensor]": (
        lambda v: isinstance(v, (tuple, list)) and all(isinstance(t, _core.TensorBase) for t in v),
        "a sequence of Tensors",
    ),
}
UNTOLD = (AssertionError, AttributeError, KeyError, RecursionError, UnboundLocalError)
# What Python raises inside a function that was given something it cannot use.
CONFUSED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    StopIteration,
    TypeError,
    UnboundLocalError,
    ValueError,
)


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


def complaint(name: str, args: Iterable[Any], error: Exception) -> Exception:
    """The error to raise where an op met `error` over something that it could not work with: of
    the same type where that says it to a user, else a TypeError; and it names the op."""
    if type(error) in (ValueError, IndexError, OverflowError, MemoryError):
        return type(error)(f"{name}: {str(error) or 'too large'}")
    return TypeError(f"{name}: cannot be called with ({', '.join(map(shown, args))}): {error}")


def shown(value: Any) -> str:
    if isinstance(value, _core.TensorBase):
        return f"{value.dtype.name}{list(value.shape)}"
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__} of {len(value)}"
    text = repr(value) if isinstance(value, (int, float, complex, str)) else type(value).__name__
    return text if len(text) < 40 else text[:37] + "..."


def _renamed(function: Callable, kwargs: dict, names: frozenset[str]) -> dict:
    """The keywords under the function's own names for them."""
    params = [
        (n, str(function.__annotations__.get(n)).startswith("Tensor")) for n in _named(function)
    ]
    own = {
        also: name
        for (name, _), others in zip(params, spellings(params), strict=True)
        for also in others
    }
    out: dict[str, Any] = {}
    for key, value in kwargs.items():
        name = key if key in names else own.get(key, key)
        if name in out:
            raise TypeError(f"{function.__name__}: got argument '{name}' twice")
        out[name] = value
    return out


def _rest(function: Any) -> tuple[str, ...]:
    """The names by which all of the arguments that *sizes or *dims takes may be given at once."""
    code = inspect.unwrap(function).__code__
    if not code.co_flags & inspect.CO_VARARGS:
        return ()
    name = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
    return (name, *spellings([(name, False)])[0])


def _named(function: Any) -> tuple[str, ...]:
    code = inspect.unwrap(function).__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def explained(function: Callable, takes_out: bool = False) -> Callable:
    """`function`, which takes its arguments by their other usual names too, out= where it
    `takes_out`, and whose failures over arguments of a wrong type say which one it was.

    Nothing is looked at before a failure or an unknown keyword, so that good calls cost nothing.
    """
    names, rest = frozenset(_named(function)), frozenset(_rest(function))
    open_ended = bool(inspect.unwrap(function).__code__.co_flags & inspect.CO_VARKEYWORDS)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        out = None
        if kwargs and not open_ended and not kwargs.keys() <= names:
            if takes_out and "out" in kwargs:
                out = kwargs.pop("out")
            args += tuple(kwargs.pop(name) for name in rest & kwargs.keys())
            kwargs = _renamed(function, kwargs, names)
        try:
            result = function(*args, **kwargs)
        except CONFUSED as error:
            if names_an_op(error):
                raise
            if reason := _mistake(function, args, kwargs):
                raise TypeError(reason) from error
            raise complaint(function.__name__, (*args, *kwargs.values()), error) from error
        return result if out is None else _into(function.__name__, result, out)

    return call


def names_an_op(error: Exception) -> bool:
    """Is this one of our own messages, which begin with an op's name? KeyError never is."""
    head, colon, _ = str(error).partition(":")
    ours = isinstance(error, VidyaError) or head.removesuffix("()").replace("_", "").isalnum()
    foreign = type(error) in UNTOLD or "incompatible function arguments" in str(error)
    return bool(colon) and ours and not foreign


def _into(name: str, result: Any, out: Any) -> Any:
    tensors = result if isinstance(result, tuple) else (result,)
    if any(getattr(t, "requires_grad", False) for t in tensors):
        raise AutogradError(
            f"{name}: out= is not recorded for gradients, and an argument requires grad; "
            "leave it out, or use vidya.no_grad()"
        )
    return write_out(name, result, out)


def explain(namespace: dict[str, Any], names: Iterable[str], out: bool = False) -> None:
    """Put explained functions in place of those of a module."""
    for name in names:
        if isinstance(namespace[name], FunctionType):
            namespace[name] = explained(namespace[name], out and name not in _NO_OUT)


# Views of an argument, tests, and what makes several tensors: out= has no meaning there.
_VIEWS = """
adjoint allclose argwhere as_strided as_tensor atleast_1d atleast_2d atleast_3d
broadcast_tensors broadcast_to chunk combinations diagonal dsplit einsum equal flatten
from_dlpack from_numpy hsplit imag is_complex is_floating_point is_nonzero is_signed
is_tensor manual_seed meshgrid moveaxis movedim narrow numel ravel real select split squeeze
t tensor tensor_split unbind unflatten unfold unsafe_chunk unsqueeze vsplit
"""
_NO_OUT = frozenset(_VIEWS.split())
