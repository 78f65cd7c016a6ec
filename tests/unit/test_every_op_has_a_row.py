"""No op without a test: each has a row in the case tables, or is listed here with its place."""

from __future__ import annotations

import vidya
from vidya import schema
from vidya.testing.cases import CASES

# op -> the rows that run it under another name
ROWS = {
    "cast": "to_float32",
    "complex_view": "view_as_complex",
    "copy": "clone",
    "cross_entropy_rows": "nn.functional.cross_entropy",
    "median_all": "median",
    "nanmedian_all": "nanmedian",
    "rdiv": "number_div",
    "real_view": "view_as_real",
    "rpow": "number_pow",
    "rsub": "number_sub",
    "shift_left": "bitwise_left_shift",
    "shift_right": "bitwise_right_shift",
    "slice": "getitem_slice",
    "slice_write": "setitem_slice",
    "slice_write_": "setitem_slice",
}
# op -> the file that tests it: these have no inputs, or write into them
FILES = {
    "adamw_step": "tests/unit/test_optim.py",
    "adamw_step_": "tests/unit/test_optim.py",
    "arange": "tests/backend/test_creation.py",
    "dequantize": "tests/unit/test_quantized.py",
    "empty": "tests/backend/test_views.py",
    "full": "tests/backend/test_creation.py",
    "linear_cross_entropy_rows": "tests/unit/test_linear_cross_entropy.py",
    "linear_cross_entropy_rows_backward": "tests/unit/test_linear_cross_entropy.py",
    "normal": "tests/backend/test_random.py",
    "quantized_linear": "tests/unit/test_quantized.py",
    "random_bits": "tests/backend/test_random.py",
    "sgd_step": "tests/unit/test_optim.py",
    "sgd_step_": "tests/unit/test_optim.py",
    "uniform": "tests/backend/test_random.py",
    "view": "tests/backend/test_views.py",
}


def test_every_op_has_a_row():
    assert vidya.Tensor  # the ops are registered
    paths = {part for row in CASES.values() for part in (row.name, str(row.fn))}
    last = {path.rsplit(".", 1)[-1] for path in paths}
    # a backward op is the gradient of its forward op, and tested as that
    tested = last | set(ROWS) | set(FILES) | {f"{name}_backward" for name in last | set(ROWS)}
    missing = sorted(set(schema.REGISTRY) - tested)
    assert not missing, f"ops without a row in vidya/testing/cases: {missing}"


def test_the_lists_name_ops_and_rows_that_exist():
    assert set(ROWS) | set(FILES) <= set(schema.REGISTRY)
    assert set(ROWS.values()) <= set(CASES)
