"""Values: every row against its float64 oracle, on contiguous tensors and on awkward ones."""

from __future__ import annotations

import functools

import pytest
import vidya
from vidya.testing import checks
from vidya.testing.case import tree_map
from vidya.testing.cases import CASES
from vidya.testing.make import Make, awkward
from vidya.testing.tolerances import allowed

from .setup import honest, on_device, placer, rows


@rows()
def test_values(case_name, dtype, device, complete):
    case = CASES[case_name]
    fn, place = case.function(), placer(device)
    tolerance = functools.partial(allowed, device, case_name)

    def checked(*args, **kwargs):
        result = fn(*args, **kwargs)
        on_device(result, device)
        return result

    with honest(case, dtype, complete):
        for sample in checks.samples_of(case, dtype):
            checks.check_forward(case, checked, sample, dtype, place, tolerance)


@rows()
def test_values_of_views(case_name, dtype, device, complete):
    case = CASES[case_name]
    fn = case.function()
    tolerance = functools.partial(allowed, device, case_name)

    def place(array):
        return awkward(vidya, array, device)

    with honest(case, dtype, complete):
        for sample in checks.samples_of(case, dtype):
            checks.check_forward(case, fn, sample, dtype, place, tolerance)


# x.where(condition, y) and x.polygamma(n) have their arguments in another order
@rows(
    lambda case: (
        hasattr(vidya.Tensor, case.name)
        and case.name == case.fn
        and case.name not in ("where", "polygamma")
    ),
    only=(vidya.float32,),
)
def test_method_is_the_function(case_name, dtype, device):
    sample = checks.samples_of(CASES[case_name], dtype)[0]
    args = tree_map(placer(device), sample.args)
    results = checks.as_tuple(getattr(args[0], case_name)(*args[1:], **sample.kwargs))
    expected = checks.as_tuple(CASES[case_name].function()(*args, **sample.kwargs))
    for result, wanted in zip(results, expected, strict=True):
        checks.assert_close(result, wanted, 0, 0)


@rows(lambda case: case.wrong is not None, only=(vidya.float32,))
def test_wrong_calls(case_name, dtype, device):
    case = CASES[case_name]
    for wrong in case.wrong(Make(dtype, case_name)):
        place = placer(device)
        args, kwargs = tree_map(place, wrong.sample.args), tree_map(place, wrong.sample.kwargs)
        with pytest.raises(wrong.error, match=wrong.match):
            case.function()(*args, **kwargs)
            vidya.device(device).synchronize()  # an index is looked at when the work is done
