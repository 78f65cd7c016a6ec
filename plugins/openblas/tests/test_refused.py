"""Malformed calls are refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from abi import INVALID, UNSUPPORTED, Failure, Scalar
from layouts import (
    COMPLEX,
    EPS,
    FLOATS,
)

F = np.zeros((3, 4), "f4")
MALFORMED = [
    ("no_such_op", [F], [F], {}),
    ("add", [F], [F], {}),
    ("add", [F, F.T], [F], {}),
    ("add", [F, F.astype("f8")], [F], {}),
    ("exp", [F.astype("i4")], [F.astype("i4")], {}),
    ("sum", [F], [F], {"dims": [7]}),
    ("sum", [F], [F], {"dims": [-1]}),
    ("sum", [F], [F], {"dims": "x"}),
    ("argmax", [F], [np.zeros(3, "i8")], {"dim": 5}),
    ("argmax", [F], [np.zeros(3, "i8")], {}),
    ("matmul", [F, F], [F], {}),
    ("matmul", [F[0], F[0]], [F], {}),
    ("softmax", [F], [F], {"dim": 2}),
    ("softmax", [F.astype("i4")], [F.astype("i4")], {"dim": 0}),
    ("rms_norm", [F, F[0, :2]], [F], {"eps": 1e-5}),
    ("gather", [F, F], [F], {"dim": 0}),
    ("index_select", [F, np.zeros(2, "i8")], [F], {"dim": 0}),
    ("scatter", [F, np.zeros((9, 4), "i8"), F], [F], {"dim": 0}),
    ("cat", [F, F[:, :1]], [F], {"dim": 9}),
    ("sort", [F.astype("c8")], [F.astype("c8"), np.zeros((3, 4), "i8")], {"dim": 0}),
    ("random_bits", [Scalar(1, "i8"), Scalar(1, "i8")], [F], {}),
    ("adamw_step", [F] * 3, [F] * 3, {}),
    ("cross_entropy_rows", [F, F], [F[:, 0], F[:, 0]], {}),
    ("where", [F, F, F], [F], {}),
    ("linear", [F, F, F[0]], [np.zeros((3, 3), "f4")], {}),
]


@pytest.mark.parametrize("op, inputs, outputs, attrs", MALFORMED, ids=lambda v: str(v)[:20])
def test_malformed_calls_are_refused_in_words(blas, op, inputs, outputs, attrs):
    with pytest.raises(Failure) as e:
        blas.run(op, inputs, outputs, **attrs)
    assert e.value.status in (UNSUPPORTED, INVALID)
    assert op in str(e.value)


def test_eps_table_covers_every_float():
    assert set(EPS) == {*FLOATS, *COMPLEX}
