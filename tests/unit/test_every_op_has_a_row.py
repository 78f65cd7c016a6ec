"""No op without a test: each has a row in the case tables, or is listed here with its place."""

from __future__ import annotations

import vidya
from vidya import schema
from vidya.testing.cases import CASES

# op -> the rows that run it under another name
ROWS = {
    "adaptive_avg_pool": "nn.functional.adaptive_avg_pool2d",
    "adaptive_max_pool": "nn.functional.adaptive_max_pool2d",
    "avg_pool": "nn.functional.avg_pool2d",
    "cache_write_": "cache_write",
    "cast": "to_float32",
    "cdist_pull": "cdist",
    "channel_norm": "nn.functional.group_norm",
    "ctc_rows": "ctc_loss",
    "cholesky": "linalg_cholesky",
    "col2im": "nn.functional.fold",
    "complex_view": "view_as_complex",
    "convolution": "nn.functional.conv2d",
    "convolution_input": "nn.functional.conv_transpose2d",
    "convolution_weight": "nn.functional.conv2d",
    "copy": "clone",
    "cross_entropy_rows": "nn.functional.cross_entropy",
    "eig": "linalg_eig",
    "eigh": "linalg_eigh",
    "eigvals": "linalg_eigvals",
    "eigvalsh": "linalg_eigvalsh",
    "fft_c2c": "fft.fft",
    "fft_c2r": "fft.irfft",
    "fft_r2c": "fft.rfft",
    "im2col": "nn.functional.unfold",
    "least_squares": "linalg_lstsq",
    "max_pool": "nn.functional.max_pool2d",
    "max_unpool": "nn.functional.max_pool2d",
    "median_all": "median",
    "nanmedian_all": "nanmedian",
    "pad_constant": "nn.functional.pad",
    "paged_cache_write_": "paged_cache_write",
    "paged_slots": "paged_gather",
    "qr": "linalg_qr",
    "rdiv": "number_div",
    "real_view": "view_as_real",
    "resize_linear": "nn.functional.interpolate",
    "resize_nearest": "nn.functional.interpolate",
    "rope_tables": "rope_positions",
    "rpow": "number_pow",
    "rsub": "number_sub",
    "shift_left": "bitwise_left_shift",
    "shift_right": "bitwise_right_shift",
    "slice": "getitem_slice",
    "scale_gradient": "embedding_by_frequency",
    "slice_write": "setitem_slice",
    "slice_write_": "setitem_slice",
    "squared_error": "nn.functional.mse_loss",
    "svd": "linalg_svd",
    "svdvals": "linalg.svdvals",
    "tile_mean": "nn.functional.avg_pool2d",
    "windows": "unfold",
    "wrap_pad": "nn.functional.pad",
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
    "linear_cross_entropy_total": "tests/unit/test_linear_cross_entropy.py",
    "muon_step": "tests/unit/test_muon.py",
    "muon_step_": "tests/unit/test_muon.py",
    "normal": "tests/backend/test_random.py",
    "quantized_linear": "tests/unit/test_quantized.py",
    "random_bits": "tests/backend/test_random.py",
    "random_permutation": "tests/backend/test_random.py",
    "sgd_step": "tests/unit/test_optim.py",
    "slices_backward": "tests/backend/test_slice_gradients.py",
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
