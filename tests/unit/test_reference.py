"""The NumPy reference kernels, called as the runtime calls them: metas first, then arrays."""

from __future__ import annotations

from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest
from vidya import dtypes
from vidya.backends.reference import KERNELS, NumpyBackend, NumpyDevice
from vidya.backends.reference.philox import philox4x32, random_words

BF16 = np.dtype(ml_dtypes.bfloat16)


def meta(array):
    if array is None:
        return SimpleNamespace(is_absent=True, is_scalar=False, dtype=None, shape=(), strides=())
    strides = tuple(s // array.itemsize for s in array.strides)
    return SimpleNamespace(
        shape=array.shape, strides=strides, dtype=dtypes.as_dtype(array.dtype),
        is_scalar=False, is_absent=False,
    )  # fmt: skip


def run(op, *ins, out=None, shape=None, dtype=None, outputs=1, **attrs):
    """One kernel call; the outputs default to one array like the first input."""
    ins = [None if x is None else np.asarray(x) for x in ins]
    if out is None:
        shape = ins[0].shape if shape is None else shape
        kinds = dtype if isinstance(dtype, tuple) else (dtype or ins[0].dtype,) * outputs
        out = [np.zeros(shape, k) for k in kinds]
    for x in ins:
        if x is not None:
            x.flags.writeable = False
    found = NumpyDevice().find(op, [meta(x) for x in ins], [meta(o) for o in out], attrs)
    assert isinstance(found, tuple), found
    found[0](ins, out)
    return out[0] if len(out) == 1 else tuple(out)


def refuses(op, *ins):
    found = NumpyDevice().find(
        op, [meta(np.asarray(x)) for x in ins], [meta(np.asarray(ins[0]))], {}
    )
    assert isinstance(found, str), found
    return found


PRIMITIVES = """
neg abs sign floor ceil round trunc sqrt exp expm1 log log1p sin cos tanh tan asin acos atan
sinh cosh asinh acosh atanh erf isnan bitwise_not add sub mul div pow fmod atan2 maximum minimum
eq ne lt le gt ge bitwise_and bitwise_or bitwise_xor shift_left shift_right where cast copy fill
arange cat random_bits real_view complex_view reshape permute expand slice slice_write sum prod
amax amin argmax argmin cumsum cumprod cummax cummin matmul gather index_select scatter
scatter_add sort cholesky eig eigh lu qr slogdet solve solve_triangular svd
"""
# NumPy's own are exact and quick; otherwise the oracle wants decompositions exercised.
COMPOSITES = {"erfc", "ewise", "ewise_sums", "fft_c2c", "fft_c2r", "fft_r2c"}


def test_every_primitive_has_a_kernel():
    assert set(PRIMITIVES.split()) <= set(KERNELS)
    assert set(KERNELS) - set(PRIMITIVES.split()) == COMPOSITES


def test_an_unknown_op_is_none_and_a_wrong_dtype_is_a_reason():
    x = np.ones(3, np.int32)
    assert NumpyDevice().find("no_such_op", [meta(x)], [meta(x)], {}) is None
    assert refuses("floor", x) == "floor takes floats, not int32"
    assert refuses("sub", np.ones(2, bool), np.ones(2, bool)) == (
        "sub takes floats, complex numbers, integers, not bool"
    )


def test_backend_has_one_device():
    backend = NumpyBackend()
    assert backend.name == "numpy" and backend.count() == 1
    info = backend.open(0).info()
    assert info["memory_bytes"] > 2**20 and info["threads"] == 1
    with pytest.raises(ValueError, match="numpy:3"):
        backend.open(3)


@pytest.mark.parametrize("low", [np.dtype(np.float16), BF16])
def test_low_precision_is_computed_in_float32_and_rounded_once(low):
    x = np.linspace(0.1, 3, 41).astype(low)
    y = np.linspace(1, 2, 41).astype(low)
    wide, other = x.astype(np.float32), y.astype(np.float32)
    assert (run("exp", x) == np.exp(wide).astype(low)).all()
    assert (run("div", x, y) == (wide / other).astype(low)).all()
    # 4096 ones: a float16 or bfloat16 accumulator would stick at 2048 or 256
    ones = np.ones((2, 4096), low)
    assert (run("sum", ones, shape=(2, 1), dims=[1]) == 4096).all()
    product = run("matmul", ones, np.ones((4096, 3), low), shape=(2, 3))
    assert product.dtype == low and (product == 4096).all()
    scattered = run(
        "scatter_add", np.zeros((1,), low), np.zeros(4096, np.int64), np.ones(4096, low), dim=0
    )
    assert scattered == 4096


def test_integers_wrap_and_division_by_zero_is_zero():
    i8 = np.array([127, -128, 7, -7, 7, -128], np.int8)
    by = np.array([1, 1, 2, 2, 0, -1], np.int8)
    assert run("add", i8, by).tolist() == [-128, -127, 9, -5, 7, 127]
    assert run("div", i8, by).tolist() == [127, -128, 3, -3, 0, -128]
    assert run("fmod", i8, by).tolist() == [0, 0, 1, -1, 0, 0]
    assert run("abs", i8).tolist() == [127, -128, 7, 7, 7, -128]
    u8 = np.array([3, 250], np.uint8)
    assert run("neg", u8).tolist() == [253, 6]
    assert run("div", u8, np.array([0, 7], np.uint8)).tolist() == [0, 35]


def test_integer_powers():
    base = np.array([0, 2, 1, -1, -1, 2, 0, 2], np.int32)
    exponent = np.array([0, 10, -3, -3, -4, -1, -1, 31], np.int32)
    assert run("pow", base, exponent).tolist() == [1, 1024, 1, -1, 1, 0, 0, -(2**31)]
    assert run("pow", np.uint8([2, 3]), np.uint8([7, 6])).tolist() == [128, 729 % 256]


def test_shift_counts_outside_the_width():
    x = np.array([1, -1, -8, 5], np.int32)
    assert run("shift_left", x, np.int32([31, 32, 40, -1])).tolist() == [-(2**31), 0, 0, 0]
    assert run("shift_right", x, np.int32([1, 32, 40, 33])).tolist() == [0, -1, -1, 0]


def test_nan_propagates_and_compares_as_ieee_says():
    x, y = np.array([np.nan, 1.0, 2.0]), np.array([0.0, np.nan, 2.0])
    for op in "maximum", "minimum":
        assert np.isnan(run(op, x, y)).tolist() == [True, True, False]
    for op, expected in [
        ("eq", [0, 0, 1]),
        ("ne", [1, 1, 0]),
        ("le", [0, 0, 1]),
        ("gt", [0, 0, 0]),
    ]:
        assert run(op, x, y, dtype=bool).tolist() == [bool(v) for v in expected], op
    assert np.isnan(run("sign", x)[0]) and run("isnan", x, dtype=bool).tolist() == [1, 0, 0]
    rows = np.array([[3.0, np.nan, np.nan, 9.0]])
    assert np.isnan(run("amax", rows, shape=(1, 1), dims=[1]))
    assert run("argmax", rows, shape=(1,), dtype=np.int64, dim=1) == 1
    assert run("argmin", rows, shape=(1,), dtype=np.int64, dim=1) == 1


def test_rounding_is_half_to_even():
    x = np.array([0.5, 1.5, -0.5, -2.5, 2.4])
    assert run("round", x).tolist() == [0, 2, 0, -2, 2]


def test_erf_to_the_last_digits():
    x = np.array([-np.inf, -1.0, 0.0, 0.5, 2.0, np.inf])
    expected = [-1, -0.8427007929497148, 0, 0.5204998778130465, 0.9953222650189527, 1]
    np.testing.assert_allclose(run("erf", x), expected, rtol=1e-15)
    np.testing.assert_allclose(run("erfc", np.array([10.0])), 2.088487583762545e-45, rtol=1e-14)


def test_cast():
    assert run("cast", np.array([0.0, np.nan, -0.5]), dtype=bool).tolist() == [False, True, True]
    assert run("cast", np.array([1.9, -1.9]), dtype=np.int32).tolist() == [1, -1]
    assert run("cast", np.array([1 + 2j]), dtype=np.float32).tolist() == [1]
    assert run("cast", np.array([3], np.int64), dtype=BF16).astype(float).tolist() == [3]
    assert run("cast", np.array([2.75], BF16), dtype=np.int8).tolist() == [2]
    assert run("cast", np.array([0, 7], np.uint8), dtype=np.complex64).tolist() == [0, 7]
    assert run("cast", np.float32([1.00390625]), dtype=BF16).astype(float) == 1.0  # half to even


def test_where_and_broadcast_inputs_of_stride_zero():
    condition = np.broadcast_to(np.array([[True], [False]]), (2, 3))
    x = np.broadcast_to(np.float32(1), (2, 3))
    y = np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::-1]
    out = run("where", condition, x, y, shape=(2, 3), dtype=np.float32)
    assert out.tolist() == [[1, 1, 1], [5, 4, 3]]


def test_elementwise_may_write_over_its_input():
    x = np.arange(6.0).reshape(2, 3)
    out = x.copy()
    run("mul", out.view(), x, out=[out])
    assert (out == x * x).all()


def test_copy_takes_strides_on_both_sides():
    target = np.zeros((3, 4))
    run("copy", np.arange(6.0).reshape(2, 3).T, out=[target[:, ::2]])
    assert target.tolist() == [[0, 0, 3, 0], [1, 0, 4, 0], [2, 0, 5, 0]]


def test_creation():
    assert run("fill", np.float32(2.5), shape=(2, 2), dtype=np.float32).tolist() == [[2.5] * 2] * 2
    assert run("fill", np.bool_(True), shape=(2,), dtype=bool).tolist() == [True, True]
    big = 2**53
    assert run("arange", np.int64(big), np.int64(1), shape=(3,)).tolist() == [big, big + 1, big + 2]
    tenths = run("arange", np.float64(0), np.float64(0.1), shape=(4,), dtype=np.float32)
    assert (tenths == (np.arange(4) * 0.1).astype(np.float32)).all()
    joined = run(
        "cat", np.ones((2, 1)), np.zeros((2, 0)), np.full((2, 2), 3.0), shape=(2, 3), dim=1
    )
    assert joined.tolist() == [[1, 3, 3]] * 2


def test_complex_and_real_views():
    z = np.array([1 + 2j, 3 - 4j], np.complex64)
    pairs = run("real_view", z, shape=(2, 2), dtype=np.float32)
    assert pairs.tolist() == [[1, 2], [3, -4]]
    assert (run("complex_view", pairs, shape=(2,), dtype=np.complex64) == z).all()
    assert run("abs", z, dtype=np.float32)[1] == 5


def test_movement_of_devices_without_strides():
    x = np.arange(12.0).reshape(3, 4)
    assert (run("reshape", x, shape=(2, 6)) == x.reshape(2, 6)).all()
    assert (run("permute", x, shape=(4, 3), dims=[1, 0]) == x.T).all()
    assert (run("expand", x[:, :1], shape=(3, 2)) == x[:, [0, 0]]).all()
    out = run("slice", x, shape=(2, 3), start=[2, 0], step=[-2, 1])
    assert (out == x[::-2, :3]).all()
    written = run("slice_write", x, np.full((3, 2), -1.0), shape=(3, 4), start=[2, 1], step=[-1, 2])
    expected = x.copy()
    expected[:, 1::2] = -1
    assert (written == expected).all() and x[0, 1] == 1


def test_reductions_over_nothing_and_over_many_dims():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert (run("sum", x, shape=(3,), dims=[0, 2]) == x.sum((0, 2))).all()
    assert (run("prod", x + 1, shape=(1, 3, 1), dims=[2, 0]).ravel() == (x + 1).prod((0, 2))).all()
    assert (run("amin", x, shape=(2, 1, 4), dims=[1]) == x.min(1, keepdims=True)).all()
    assert run("sum", np.ones((0, 3)), shape=(3,), dims=[0]).tolist() == [0, 0, 0]
    assert run("prod", np.ones((2, 0)), shape=(2,), dims=[1]).tolist() == [1, 1]
    assert run("sum", np.full((300,), 1, np.uint8), shape=(), dims=[0]) == 300 % 256


def test_float32_sums_keep_their_digits_in_every_direction():
    column = np.full((1 << 20, 2), 0.1, np.float32)
    expected = float(np.float32(0.1)) * (1 << 20)
    for x, dims, shape in [(column, [0], (2,)), (column.T, [1], (2,))]:
        np.testing.assert_allclose(run("sum", x, shape=shape, dims=dims), expected, rtol=1e-7)


def test_scans():
    x = np.array([[1.0, 3.0, 3.0, 2.0], [2.0, np.nan, 5.0, np.nan]])
    values, where = run("cummax", x, dtype=(np.float64, np.int64), dim=1)
    np.testing.assert_array_equal(values, [[1, 3, 3, 3], [2, np.nan, np.nan, np.nan]])
    assert where.tolist() == [[0, 1, 2, 2], [0, 1, 1, 3]]
    values, where = run("cummin", x[:1].T, dtype=(np.float64, np.int64), dim=0)
    assert values.ravel().tolist() == [1, 1, 1, 1] and where.ravel().tolist() == [0, 0, 0, 0]
    assert run("cumsum", np.int8([100, 100]), dim=0).tolist() == [100, -56]
    assert run("cumprod", np.float32([2, 3, 4]), dim=0).tolist() == [2, 6, 24]


def test_matmul_shapes_and_types():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 1, 3, 5)), rng.normal(size=(5, 4))
    a, wide = np.broadcast_to(a, (2, 7, 3, 5)), np.broadcast_to(b, (2, 7, 5, 4))
    out = run("matmul", a, wide, shape=(2, 7, 3, 4))
    np.testing.assert_allclose(out, np.einsum("abij,jk->abik", a, b), rtol=1e-13)
    np.testing.assert_array_equal(
        run("matmul", np.ones((2, 0)), np.ones((0, 3)), shape=(2, 3)), np.zeros((2, 3))
    )
    big = np.full((1, 2), 100, np.int8)
    assert run("matmul", big, big.T, shape=(1, 1)) == np.int8(20000 - 78 * 256)


def test_indexing():
    x = np.arange(12.0).reshape(3, 4)
    index = np.array([[2, 0], [1, 1]], np.int32)
    assert run("gather", x, index, shape=(2, 2), dim=0).tolist() == [[8, 1], [4, 5]]
    assert run("gather", x, index, shape=(2, 2), dim=1).tolist() == [[2, 0], [5, 5]]
    assert (run("index_select", x, [3, 0, 3], shape=(3, 3), dim=1) == x[:, [3, 0, 3]]).all()
    src = np.array([[10.0, 20.0, 30.0], [40.0, 50.0, 60.0]])
    same = np.zeros((2, 2), np.int64)
    out = run("scatter", x, same, src, dim=0)
    assert out[0].tolist() == [40, 50, 2, 3]  # the last write wins
    out = run("scatter_add", x, same, src, dim=1)
    assert out[:, 0].tolist() == [30, 4 + 90, 8]


@pytest.mark.parametrize("op", ["gather", "scatter", "scatter_add", "index_select"])
@pytest.mark.parametrize("bad", [3, -1])
def test_an_index_out_of_range_names_index_and_size(op, bad):
    x = np.ones((3,))
    arrays = (x, np.array([0, bad])) + ((np.ones(2),) if op.startswith("scatter") else ())
    with pytest.raises(IndexError, match=f"index {bad} is out of range for size 3"):
        run(op, *arrays, shape=(3,) if op.startswith("scatter") else (2,), dim=0)


def test_sort_is_stable_and_puts_nan_last_or_first():
    x = np.array([[2.0, np.nan, 1.0, 2.0, -0.0, 0.0]])
    values, order = run("sort", x, dtype=(np.float64, np.int64), dim=1, descending=0)
    assert order.tolist() == [[4, 5, 2, 0, 3, 1]] and np.isnan(values[0, -1])
    values, order = run("sort", x, dtype=(np.float64, np.int64), dim=1, descending=1)
    assert order.tolist() == [[1, 0, 3, 2, 4, 5]] and np.isnan(values[0, 0])
    values, order = run("sort", x[:, :1].astype(BF16).T, dtype=(BF16, np.int64), dim=0)
    assert values.dtype == BF16 and order.tolist() == [[0]]


def test_philox_known_answers():
    # the vectors published with the Random123 library
    def words(counter, key):
        return philox4x32(np.array([counter], np.uint32), key)[0].tolist()

    ones = 0xFFFFFFFF
    assert words([0] * 4, (0, 0)) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert words([ones] * 4, (ones, ones)) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344]
    assert words(pi, (0xA4093822, 0x299F31D0)) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


def test_random_bits_is_one_stream():
    whole = random_words(key=1234567890123, offset=0, count=23)
    assert whole[8:20].tolist() == random_words(1234567890123, 2, 12).tolist()
    out = run("random_bits", np.int64(-5), np.int64(7), shape=(2, 3), dtype=np.uint32)
    assert out.ravel().tolist() == random_words(2**64 - 5, 7, 6).tolist()
    # a block index of more than 32 bits reaches the second counter word
    high = random_words(0, 1 << 32, 4)
    assert high.tolist() == philox4x32(np.array([[0, 1, 0, 0]], np.uint32), (0, 0))[0].tolist()
