"""What the suites do with one row of a case table: run it, compare it, differentiate it.

`lib` is the library under test: `vidya`, or anything with the same names (PyTorch, when the tables
themselves are on trial).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from vidya.dtypes import as_dtype, dtype

from .case import Case, Sample, arrays, tree_map
from .compare import assert_close, to_numpy, wide
from .make import Make
from .tolerances import Allowed

Place = Callable[[np.ndarray], Any]  # makes a tensor of the library under test


def samples_of(case: Case, kind: dtype) -> list[Sample]:
    """The row's samples in one dtype; the same ones in every run."""
    with np.errstate(all="ignore"):
        return list(case.samples(Make(kind, case.name)))


def expected_of(case: Case, sample: Sample, kind: dtype) -> tuple[np.ndarray, ...]:
    """The oracle's answer, rounded once to the dtypes that the result must have."""
    with np.errstate(all="ignore"):
        results = as_tuple(
            case.oracle(*tree_map(wide, sample.args), **tree_map(wide, sample.kwargs))
        )
        rules = case.result_dtypes(kind)
        kinds = rules if len(rules) > 1 else rules * len(results)
        return tuple(np.asarray(r).astype(k.np) for r, k in zip(results, kinds, strict=True))


def check_forward(
    case: Case,
    fn: Callable[..., Any],
    sample: Sample,
    kind: dtype,
    place: Place,
    tolerance: Callable[[dtype], Allowed],
) -> None:
    """One call against the oracle: shapes, dtypes and numbers."""
    expected = expected_of(case, sample, kind)
    actual = as_tuple(fn(*tree_map(place, sample.args), **tree_map(place, sample.kwargs)))
    if len(actual) != len(expected):
        raise AssertionError(f"{case.name} gave {len(actual)} results, expected {len(expected)}")
    for result, wanted in zip(actual, expected, strict=True):
        got = as_dtype(to_numpy(result).dtype)
        if got is not as_dtype(wanted.dtype):
            raise AssertionError(
                f"{case.name} in {kind.name}: the result is {got.name}, not {wanted.dtype.name}"
            )
        allowed = tolerance(got)
        try:
            assert_close(result, wanted, allowed.rtol * case.scale, allowed.atol * case.scale)
        except AssertionError as error:
            raise AssertionError(f"{_written(case, sample)} in {kind.name}: {error}") from None


def check_gradient(
    case: Case, fn: Callable[..., Any], sample: Sample, place: Place, leaf: Place, allowed: Allowed
) -> None:
    """The gradient of a random projection of the results, against differences of the oracle."""
    leaves: list[Any] = []

    def made(array: np.ndarray) -> Any:
        if not has_gradient(array):
            return place(array)
        leaves.append(leaf(array))
        return leaves[-1]

    results = as_tuple(fn(*tree_map(made, sample.args), **tree_map(made, sample.kwargs)))
    rng = np.random.default_rng(0)
    total: Any = None
    weights: list[np.ndarray | None] = []
    for result in results:
        shape, number = tuple(result.shape), to_numpy(result)
        if not has_gradient(number):
            weights.append(None)
            continue
        weight = rng.uniform(0.5, 1.5, shape)
        if number.dtype.kind == "c":
            weight = weight + 1j * rng.uniform(0.5, 1.5, shape)
        weights.append(weight)
        weighted = result * place(np.conj(weight).astype(number.dtype))
        term = (weighted.real if number.dtype.kind == "c" else weighted).sum()
        total = term if total is None else total + term
    assert total is not None, f"{case.name} has no floating-point result: give it grad=False"
    total.backward()
    numeric = numeric_gradients(case.oracle, sample, weights)
    scale = case.scale
    for i, (x, wanted) in enumerate(zip(leaves, numeric, strict=True)):
        actual = np.zeros_like(wanted) if x.grad is None else to_numpy(x.grad)
        if actual.dtype.kind != wanted.dtype.kind:
            raise AssertionError(f"{case.name}: the gradient of input {i} is {actual.dtype}")
        try:
            assert_close(actual, wanted, allowed.rtol * scale, allowed.atol * scale)
        except AssertionError as error:
            raise AssertionError(
                f"{_written(case, sample)}: the gradient of float input {i}: {error}"
            ) from None


def numeric_gradients(
    oracle: Callable[..., Any], sample: Sample, weights: Sequence[np.ndarray | None]
) -> list[np.ndarray]:
    """The gradient of L = Re sum(conj(weight) * result) for every float array, by differences.

    Central differences of the oracle in float64. For a complex input z it is dL/dx + i dL/dy, the
    conjugate Wirtinger derivative times 2, as PyTorch has it: the direction in which L grows.
    """
    everything = (sample.args, sample.kwargs)
    inputs = [wide(a).copy() for a in arrays(everything)]

    def projected() -> float:
        given = iter(inputs)
        args, kwargs = tree_map(lambda _: next(given), everything)
        results = as_tuple(oracle(*args, **kwargs))
        pairs = zip(results, weights, strict=True)
        return float(sum(np.sum(r * np.conj(w)).real for r, w in pairs if w is not None))

    gradients = []
    for original, x in zip(arrays(everything), inputs, strict=True):
        if not has_gradient(original):
            continue
        gradient = np.zeros(x.shape, x.dtype)
        for place in np.ndindex(x.shape):
            value = x[place]
            step = 1e-5 * max(1.0, float(abs(value)))
            for direction in (1.0, 1j) if x.dtype.kind == "c" else (1.0,):
                x[place] = value + step * direction
                above = projected()
                x[place] = value - step * direction
                gradient[place] += direction * (above - projected()) / (2 * step)
            x[place] = value
        gradients.append(gradient)
    return gradients


def has_gradient(array: np.ndarray) -> bool:
    kind = as_dtype(array.dtype)
    return kind.is_floating_point or kind.is_complex


def as_tuple(results: Any) -> tuple:
    return tuple(results) if isinstance(results, (tuple, list)) else (results,)


def _written(case: Case, sample: Sample) -> str:
    """The call as one would write it, with shapes for arrays."""

    def word(value: Any) -> str:
        if isinstance(value, np.ndarray):
            return f"{value.dtype}{list(value.shape)}"
        if isinstance(value, (tuple, list)):
            return f"[{', '.join(map(word, value))}]"
        return repr(value)

    words = [word(a) for a in sample.args] + [f"{k}={word(v)}" for k, v in sample.kwargs.items()]
    return f"{case.name}({', '.join(words)})"
