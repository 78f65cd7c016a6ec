"""What a row of the case tables is: an op, its oracle, its sample inputs.

A row says everything the suites need to know about one op.  Forward tests, gradient tests, the
support report and benchmarks all come from it, so a new op is one `case(...)`:

    case("exp", np.exp, unary(-3, 3), types="fcib", out="float")
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from vidya import dtypes
from vidya.dtypes import dtype

from .make import Make


@dataclass(frozen=True)
class Sample:
    """The arguments of one call; NumPy arrays in them become tensors.

    `grad` says that the op is smooth at this input, so that its gradient can be checked there.
    """

    args: tuple
    kwargs: dict
    grad: bool = True

    def forward_only(self) -> Sample:
        return replace(self, grad=False)


def S(*args: Any, **kwargs: Any) -> Sample:
    """A Sample, as the call is written."""
    return Sample(args, kwargs)


@dataclass(frozen=True)
class Wrong:
    """A call that must raise `error` with a message that matches `match` (a regular expression)."""

    sample: Sample
    error: type[Exception]
    match: str


Samples = Callable[[Make], Iterable[Sample]]


@dataclass(frozen=True)
class Case:
    """One op.

    fn      what is tested: a path below `vidya` ("exp", "nn.functional.silu"), a method of the
            first tensor (".expand"), or a function of the tensors
    oracle  the same on NumPy arrays: floats come as float64 (complex128), the rest as they are
    types   the letters of docs/kernels.md: f c i b
    out     the result's dtype: "same", "float" (integers give the default float), "bool",
            "int64", or a function of the input's dtype; a tuple for several results
    grad    whether it is differentiable; False also for the samples' `grad`
    scale   allowance on the tolerance: an op that adds up n rounded terms has errors that grow
    """

    name: str
    fn: str | Callable[..., Any]
    oracle: Callable[..., Any]
    samples: Samples
    types: str = "f"
    out: Any = "same"
    grad: bool = True
    once: str = ""  # why it can be differentiated only once, if so
    scale: float = 1.0
    wrong: Samples | Callable[[Make], Iterable[Wrong]] | None = None
    bench: Samples | None = None
    skip_dtypes: frozenset[str] = field(default_factory=frozenset)
    complex_inside: bool = False  # real numbers in and out, complex ones between

    def function(self, library: str = "vidya") -> Callable[..., Any]:
        """The function under test; AttributeError if the library has no such op."""
        if callable(self.fn):
            return self.fn
        if self.fn.startswith("."):
            method = self.fn[1:]
            return lambda x, *args, **kwargs: getattr(x, method)(*args, **kwargs)
        found: Any = importlib.import_module(library)
        for part in self.fn.split("."):
            found = getattr(found, part)
        return found

    def dtypes(self) -> list[dtype]:
        """The dtypes to test, widest float first."""
        chosen = [d for letter in self.types for d in _DTYPES[letter]]
        return [d for d in chosen if d.name not in self.skip_dtypes]

    def result_dtypes(self, given: dtype) -> tuple[dtype, ...]:
        rules = self.out if isinstance(self.out, tuple) else (self.out,)
        return tuple(_result_dtype(rule, given) for rule in rules)


_DTYPES = {
    "f": (dtypes.float64, dtypes.float32, dtypes.bfloat16, dtypes.float16),
    "c": (dtypes.complex128, dtypes.complex64),
    "i": (
        dtypes.int64, dtypes.int32, dtypes.int16, dtypes.int8,
        dtypes.uint8, dtypes.uint16, dtypes.uint32, dtypes.uint64,
    ),
    "s": (dtypes.int64, dtypes.int32, dtypes.int16, dtypes.int8),
    "b": (dtypes.bool_,),
}  # fmt: skip


def _result_dtype(rule: Any, given: dtype) -> dtype:
    if callable(rule):
        return rule(given)
    if rule == "same":
        return given
    if rule == "float":
        is_number = given.is_floating_point or given.is_complex
        return given if is_number else dtypes.get_default_dtype()
    if rule == "real":
        return given.to_real()
    if rule == "sum":  # as PyTorch sums: integers and bool in int64
        is_number = given.is_floating_point or given.is_complex
        return given if is_number else dtypes.int64
    return dtypes.by_name(rule)


CASES: dict[str, Case] = {}


def case(
    name: str,
    oracle: Callable[..., Any],
    samples: Samples,
    fn: str | Callable[..., Any] | None = None,
    **options: Any,
) -> None:
    """Add one row; `fn` is the path `name` unless given.  A name can be had only once."""
    if name in CASES:
        raise ValueError(f"there is a case {name!r} already: give this one another name")
    skip = frozenset(options.pop("skip_dtypes", ()))
    CASES[name] = Case(name, fn or name, oracle, samples, skip_dtypes=skip, **options)


def tree_map(change: Callable[[np.ndarray], Any], tree: Any) -> Any:
    """The same nest of tuples, lists and dicts with every array changed."""
    if isinstance(tree, np.ndarray):
        return change(tree)
    if isinstance(tree, (tuple, list)):
        return type(tree)(tree_map(change, item) for item in tree)
    if isinstance(tree, dict):
        return {key: tree_map(change, item) for key, item in tree.items()}
    return tree


def arrays(tree: Any) -> list[np.ndarray]:
    """Every array in the nest, in the order of `tree_map`."""
    found: list[np.ndarray] = []

    def keep(array: np.ndarray) -> np.ndarray:
        found.append(array)
        return array

    tree_map(keep, tree)
    return found
