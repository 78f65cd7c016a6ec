"""Gradients: every differentiable row against differences of its float64 oracle."""

from __future__ import annotations

import vidya
from vidya.testing import checks
from vidya.testing.case import tree_map
from vidya.testing.cases import CASES
from vidya.testing.gradcheck import gradgradcheck
from vidya.testing.make import awkward
from vidya.testing.tolerances import allowed_gradient

from .setup import floats, honest, leaf_placer, placer, rows

_FLOATS = (vidya.float64, vidya.float32, vidya.complex128, vidya.complex64)
_WIDE = (vidya.float64, vidya.complex128)
_FEW = 16  # the Jacobian of the gradient has (inputs + results) squared entries


def smooth(case, dtype):
    """The samples at which the row has a gradient."""
    found = [s for s in checks.samples_of(case, dtype) if s.grad]
    return [s for s in found if any(a.size for a in floats(s))]


@rows(lambda case: case.grad, only=_FLOATS)
def test_gradient(case_name, dtype, device, complete):
    case = CASES[case_name]
    fn, limit = case.function(), allowed_gradient(device, case_name, dtype)
    with honest(case, dtype, complete):
        for sample in smooth(case, dtype):
            checks.check_gradient(case, fn, sample, placer(device), leaf_placer(device), limit)


@rows(lambda case: case.grad, only=_FLOATS)
def test_gradient_of_views(case_name, dtype, device, complete):
    case = CASES[case_name]
    fn, limit = case.function(), allowed_gradient(device, case_name, dtype)

    def place(array):
        return awkward(vidya, array, device)

    def leaf(array):
        return place(array).detach().requires_grad_()

    with honest(case, dtype, complete):
        for sample in smooth(case, dtype)[:2]:
            checks.check_gradient(case, fn, sample, place, leaf, limit)


@rows(lambda case: case.grad and not case.once, only=_WIDE)
def test_gradient_of_gradient(case_name, dtype, device, complete):
    case = CASES[case_name]
    fn, place = case.function(), placer(device)
    samples = sorted(smooth(case, dtype), key=_size)
    with honest(case, dtype, complete):
        for i, sample in enumerate(samples):
            if i > 1 and _size(sample) > _FEW:
                break
            gradgradcheck(
                _of_floats(fn, sample, place), [leaf_placer(device)(a) for a in floats(sample)]
            )


def _size(sample):
    return sum(a.size for a in floats(sample))


def _of_floats(fn, sample, place):
    """`fn` at the sample, as a function of its float arrays alone."""

    def called(*leaves):
        given = iter(leaves)
        args, kwargs = tree_map(
            lambda a: next(given) if checks.has_gradient(a) else place(a),
            (sample.args, sample.kwargs),
        )
        return fn(*args, **kwargs)

    return called
