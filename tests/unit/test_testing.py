"""The tools that tests are made of: each must fail where it should."""

from __future__ import annotations

import numpy as np
import pytest
from vidya import dtypes
from vidya.testing import assert_close, checks
from vidya.testing.case import Case, S, case
from vidya.testing.cases import CASES
from vidya.testing.compare import to_numpy
from vidya.testing.make import Make
from vidya.testing.report import Support
from vidya.testing.tolerances import allowed


def test_assert_close_says_where_and_how_much():
    assert_close([1.0, np.nan, np.inf], [1.0 + 1e-9, np.nan, np.inf])
    with pytest.raises(
        AssertionError, match=r"1 of 3 elements differ; the worst at \[1\]: got .*2"
    ):
        assert_close([1.0, 2.0, 3.0], [1.0, 2.1, 3.0])
    with pytest.raises(AssertionError, match="shape"):
        assert_close(np.zeros((2, 1)), np.zeros(2))
    for actual, expected in [(np.nan, 1.0), (1.0, np.nan), (np.inf, -np.inf), (1e300, np.inf)]:
        with pytest.raises(AssertionError):
            assert_close(actual, expected, rtol=1, atol=1)
    with pytest.raises(AssertionError):  # integers are compared as integers
        assert_close(np.array([2**60 + 1]), np.array([2**60]), rtol=1, atol=0)


def test_make_repeats_itself_and_keeps_to_its_range():
    first, second = (Make(dtypes.float32, "x")(3, 4, low=-1, high=2) for _ in range(2))
    assert (first == second).all() and first.min() >= -1 and first.max() <= 2
    assert (Make(dtypes.uint8)(50, low=-3, high=3) <= 3).all()
    assert (np.abs(Make(dtypes.float16).nonzero(50)) >= 0.5).all()
    assert len(np.unique(Make(dtypes.bfloat16).distinct(4, 5))) == 20
    for made in (Make(dtypes.bool_)(), Make(dtypes.float32).nonzero(), Make(dtypes.int8)()):
        assert isinstance(made, np.ndarray) and made.shape == ()


def square_case(**options):
    return Case("square", "square", lambda x: x * x, lambda t: [S(t(3))], **options)


def forward(fn, kind=dtypes.float32, **options):
    one = square_case(**options)
    (sample,) = checks.samples_of(one, kind)
    checks.check_forward(
        one, fn, sample, kind, lambda a: a, lambda k: allowed("numpy", "square", k)
    )


def test_a_forward_check_fails_on_wrong_numbers_dtypes_and_counts():
    forward(lambda x: x * x)
    with pytest.raises(AssertionError, match=r"square\(float32\[3\]\) in float32: 3 of 3"):
        forward(lambda x: x * x + 1e-3)
    with pytest.raises(AssertionError, match="the result is float64, not float32"):
        forward(lambda x: (x * x).astype(np.float64))
    with pytest.raises(AssertionError, match="gave 2 results, expected 1"):
        forward(lambda x: (x * x, x))


def test_numeric_gradients_are_those_of_the_oracle():
    x, y = np.array([[1.0, -2.0]]), np.array([[3.0], [0.5]])
    (dx, dy) = checks.numeric_gradients(lambda a, b: a / b, S(x, y), [np.ones((2, 2))])
    np.testing.assert_allclose(dx, (1 / y).sum(0, keepdims=True).repeat(2, 1), rtol=1e-8)
    np.testing.assert_allclose(dy, (-x / y**2).sum(1, keepdims=True), rtol=1e-8)


def test_every_row_has_samples_and_names_are_unique():
    assert len(CASES) >= 140
    for name, row in CASES.items():
        assert row.name == name
        for kind in row.dtypes():
            assert checks.samples_of(row, kind), name
    with pytest.raises(ValueError, match="already"):
        case("exp", np.exp, lambda t: [])


def test_a_cell_of_the_report_is_its_worst_test():
    support = Support()
    support.add("numpy", "exp", "float32", "pass")
    support.add("numpy", "exp", "float32", "wrong", "off by one")
    support.add("numpy", "exp", "float32", "pass")
    support.add("numpy", "exp", "float16", "unsupported", "no halves")
    support.add("numpy", "log", "float32", "pass")
    assert support.counts("numpy") == {"pass": 1, "wrong": 1, "unsupported": 1, "error": 0}
    text = "\n".join(support.lines("numpy"))
    assert "wrong: exp float32: off by one" in text
    assert "unsupported: float16; wrong: float32\n    exp" in text


def test_integers_have_no_tolerance_and_the_rest_gives_a_reason():
    assert allowed("numpy", "add", dtypes.int32).rtol == 0
    for kind in dtypes.ALL:
        assert len(allowed("numpy", "add", kind).reason) > 10


def test_to_numpy_takes_numbers():
    assert to_numpy(3.0).shape == ()
