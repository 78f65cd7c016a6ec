"""Conversions between dtypes."""

from __future__ import annotations

import numpy as np

from ..case import S, case


def _samples(t):
    yield S(t(3, 4, low=-9, high=9))
    yield S(t())
    yield S(t(0, 3))


# method, result; integers are cut off toward zero, and whatever is not 0 is true
for _method, _result in [
    ("double", "float64"),
    ("float", "float32"),
    ("half", "float16"),
    ("bfloat16", "bfloat16"),
    ("long", "int64"),
    ("int", "int32"),
    ("bool", "bool"),
]:
    # of a complex number the real part
    _oracle = (lambda x: x != 0) if _method == "bool" else np.real
    case(
        f"to_{_result}",
        _oracle,
        _samples,
        fn=f".{_method}",
        # a negative number has no place in an unsigned type: none of those here
        types="fcsb",
        out=_result,
        grad=_method in ("double", "float"),
    )

case(
    "to_bool_special",
    lambda x: x != 0,
    lambda t: [S(t.of([np.nan, np.inf, -0.0, 0.0, 1e-3]))],
    fn=".bool",
    out="bool",
    grad=False,
    types="fc",
)
