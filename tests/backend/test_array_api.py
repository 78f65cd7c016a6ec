"""vidya.array_api against NumPy, whose main namespace conforms to the same standard."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
import vidya
from vidya import array_api as xp
from vidya.tensor import Tensor
from vidya.testing.standard import ALL, FFT, FLOATS, INTS, LINALG, ROWS

SPACES = {
    "": (xp, np, ROWS),
    "linalg.": (xp.linalg, np.linalg, LINALG),
    "fft.": (xp.fft, np.fft, FFT),
}
WALK = [(prefix, name) for prefix, (_, _, rows) in SPACES.items() for name in rows]


def given(device, tree):
    """The same arguments with tensors for arrays and our dtypes for NumPy's."""
    if isinstance(tree, np.ndarray):
        return vidya.tensor(tree, device=device)
    if isinstance(tree, np.dtype):
        return vidya.dtypes.as_dtype(tree)
    if isinstance(tree, (list, tuple)):
        return type(tree)(given(device, t) for t in tree)
    return tree


def check(got, want, name):
    if isinstance(want, (tuple, list)):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            check(g, w, name)
        return
    if isinstance(want, (np.dtype, type)):
        assert got is vidya.dtypes.as_dtype(want)
        return
    if isinstance(want, bool):
        assert got is want
        return
    assert isinstance(got, Tensor)
    want = np.asarray(want)
    array = got.numpy()
    assert array.shape == want.shape
    assert array.dtype == want.dtype, name
    loose = 2e-4 if want.dtype in (np.float32, np.complex64) else 1e-9
    np.testing.assert_allclose(array, want, rtol=loose, atol=loose)


@pytest.mark.parametrize(("prefix", "name"), WALK)
def test_function(prefix, name, device):
    ours, numpys, rows = SPACES[prefix]
    row, function = rows[name], getattr(ours, name)
    oracle = row.oracle or getattr(numpys, name)
    creates = "device" in inspect.signature(function).parameters
    for kind in row.kinds:
        for args, kwargs in row.made(kind):
            mine = given(device, args), {k: given(device, v) for k, v in kwargs.items()}
            if creates:
                mine[1]["device"] = device
            if kwargs.get("dtype"):
                mine[1]["dtype"] = vidya.dtypes.as_dtype(kwargs["dtype"])
            if name in ("fftfreq", "rfftfreq"):
                mine[1]["dtype"] = vidya.float64
            with np.errstate(all="ignore"):
                want = oracle(*args, **kwargs)
            got = function(*mine[0], **mine[1])
            if name in ("qr", "svd", "eigh"):
                _check_factors(name, got, want, args[0])
            else:
                check(got, want, f"{name} {kind}")


def _check_factors(name, got, want, a):
    """Signs are free: the product counts, and what has no sign."""
    assert got._fields == want._fields
    parts = [t.numpy() for t in got]
    assert [p.dtype for p in parts] == [w.dtype for w in want]
    if name == "qr":
        product = parts[0] @ parts[1]
    elif name == "svd":
        product = (parts[0] * parts[1][..., None, :]) @ parts[2]
    else:
        product = (parts[1] * parts[0][..., None, :]) @ np.conj(parts[1].T)
    np.testing.assert_allclose(product, a, rtol=1e-3, atol=1e-3)


def test_every_function_of_the_standard_is_walked():
    other = {
        "__array_api_version__", "__array_namespace_info__", "e", "fft", "inf", "linalg", "nan",
        "newaxis", "pi", *ALL,
    }  # fmt: skip
    assert set(xp.__all__) - other == set(ROWS)
    assert set(xp.linalg.__all__) == set(LINALG)
    assert set(xp.fft.__all__) == set(FFT)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_signatures_are_the_standards(name):
    """array-api-strict has the standard's signatures; names and kinds of parameters must agree."""
    strict = pytest.importorskip("array_api_strict")
    _same_signature(getattr(xp, name), getattr(strict, name))


@pytest.mark.parametrize(
    ("part", "name"), [("linalg", n) for n in LINALG] + [("fft", n) for n in FFT]
)
def test_signatures_of_extensions_are_the_standards(part, name):
    strict = pytest.importorskip("array_api_strict")
    _same_signature(getattr(getattr(xp, part), name), getattr(getattr(strict, part), name))


def _same_signature(ours, theirs):
    """Every parameter of theirs is there by that name; one that is keyword-only there may be given
    by position here too."""

    def rows(function):
        params = inspect.signature(function).parameters.values()
        return {(p.name if p.kind is not p.POSITIONAL_ONLY else "", p.kind) for p in params}

    mine, kinds = rows(ours), inspect.Parameter
    both = {(n, kinds.KEYWORD_ONLY) for n, kind in mine if kind is kinds.POSITIONAL_OR_KEYWORD}
    missing = rows(theirs) - mine - both
    assert not missing, f"{missing} is not in {inspect.signature(ours)}"


# ---- promotion ----


def test_arrays_without_dims_count_in_promotion(device):
    x, zero = vidya.ones(3, device=device), vidya.tensor(2.0, dtype="float64", device=device)
    assert xp.add(x, zero).dtype is vidya.float64
    assert (x + zero).dtype is vidya.float32  # operators are PyTorch's
    assert xp.add(x, 2.0).dtype is vidya.float32
    assert xp.multiply(vidya.tensor([1], dtype="int8", device=device), 100).dtype is vidya.int8
    assert xp.where(x > 0, x, zero).dtype is vidya.float64
    assert xp.concat([x, zero.reshape(1)]).dtype is vidya.float64


@pytest.mark.parametrize("a", ALL)
@pytest.mark.parametrize("b", ALL)
def test_result_type_is_the_standards(a, b):
    want = np.result_type(np.dtype(a), np.dtype(b))
    kinds = {np.dtype(a).kind, np.dtype(b).kind}
    mixed = kinds & {"i", "u"} and kinds & {"f", "c"}  # the standard leaves these open
    if mixed or ("b" in kinds and len(kinds) > 1) or ({a, b} >= {"uint64"} and "i" in kinds):
        return
    assert xp.result_type(getattr(xp, a), getattr(xp, b)) is vidya.dtypes.as_dtype(want)


def test_two_numbers_are_no_arrays():
    with pytest.raises(TypeError, match="at least one tensor"):
        xp.add(1, 2)
    with pytest.raises(TypeError, match=r"takes a vidya\.Tensor, not list"):
        xp.sum([1, 2])


# ---- arrays ----


def test_the_namespace_of_a_tensor(device):
    x = vidya.ones(2, 3, device=device)
    assert x.__array_namespace__() is xp
    assert x.__array_namespace__(api_version="2024.12") is xp
    with pytest.raises(ValueError, match="2030"):
        x.__array_namespace__(api_version="2030.12")
    assert xp.__array_api_version__ == "2024.12"


def test_attributes_and_methods(device):
    x = vidya.tensor([[1, 2, 3], [4, 5, 6]], device=device)
    assert (x.ndim, x.shape, x.dtype, x.device) == (2, (2, 3), xp.int64, vidya.device(device))
    assert x.T.shape == x.mT.shape == (3, 2)
    assert x.to_device("numpy").device is vidya.device("numpy")
    with pytest.raises(ValueError, match="stream"):
        x.to_device(device, stream=1)
    assert [1, 2, 3][vidya.tensor(1, device=device)] == 2
    assert (int(x[0, 0]), float(x[0, 0]), complex(x[0, 0]), bool(x[0, 0])) == (1, 1.0, 1 + 0j, True)
    for left, right in ((7.5, x), (x, 7.5)):
        np.testing.assert_allclose(
            (left % right).numpy(),
            np.float32(np.mod(*(v.numpy() if isinstance(v, Tensor) else v for v in (left, right)))),
        )
    np.testing.assert_array_equal((1 << x).numpy(), 1 << x.numpy())
    np.testing.assert_array_equal((100 >> x).numpy(), 100 >> x.numpy())
    np.testing.assert_array_equal((7 // x).numpy(), 7 // x.numpy())


def test_in_place_operators(device):
    x = vidya.tensor([4, 5, 6], device=device)
    x **= 2
    x //= 3
    x %= 7
    x <<= 1
    x |= 1
    np.testing.assert_array_equal(x.numpy(), ((np.array([4, 5, 6]) ** 2 // 3 % 7) << 1) | 1)


def test_dlpack_both_ways(device):
    x = vidya.arange(6.0, device=device).reshape(2, 3)
    if not x.device.core.host_memory:
        with pytest.raises(BufferError):
            np.from_dlpack(x)
        return
    np.testing.assert_array_equal(np.from_dlpack(x), x.numpy())
    copied = xp.from_dlpack(np.arange(3.0), device=device, copy=True)
    assert copied.tolist() == [0, 1, 2]
    with pytest.raises(BufferError):
        x.__dlpack__(dl_device=(2, 0))


def test_asarray_copies_when_it_must(device):
    x = vidya.ones(3, device=device)
    assert xp.asarray(x) is x
    assert xp.asarray(x, copy=True) is not x
    with pytest.raises(ValueError, match="copy"):
        xp.asarray(x, dtype=xp.float64, copy=False)
    with pytest.raises(ValueError, match="copy"):
        xp.asarray([1, 2], copy=False)
    assert xp.asarray(3.5, device=device).dtype is vidya.get_default_dtype()
    assert xp.asarray(memoryview(b"ab"), device=device).tolist() == [97, 98]
    with pytest.raises(ValueError, match="squeeze: dim 0"):
        xp.squeeze(x, 0)


def test_descending_sorts_are_stable(device):
    x = vidya.tensor([2, 1, 2, 1], device=device)
    assert xp.argsort(x, descending=True).tolist() == [0, 2, 1, 3]
    assert xp.sort(x, descending=True).tolist() == [2, 2, 1, 1]


def test_every_nan_is_a_value_of_its_own(device):
    x = vidya.tensor([math.nan, 1.0, math.nan], device=device)
    found = xp.unique_all(x)
    assert found.counts.tolist() == [1, 1, 1]
    assert sorted(found.indices.tolist()) == [0, 1, 2]


def test_complex_values_are_distinct_by_both_parts(device):
    for values in ([2j, 1 + 1j, 1 - 1j, 2j, 1 + 1j], []):
        x = np.array(values, np.complex64)
        try:
            found = xp.unique_all(vidya.tensor(x, device=device))
        except vidya.errors.UnsupportedError as error:
            pytest.skip(f"{device}: {error}")
        want = np.unique_all(x)
        for got, expected in zip(found, want, strict=True):
            assert np.array_equal(got.numpy(), expected)


# ---- the namespace about itself ----


def test_info(device):
    info = xp.__array_namespace_info__()
    assert info.capabilities()["data-dependent shapes"]
    assert vidya.device(device) in info.devices()
    assert info.default_device() is vidya.get_default_device()
    assert info.default_dtypes()["integral"] is xp.int64
    assert info.dtypes(kind="real floating") == {"float32": xp.float32, "float64": xp.float64}
    assert set(info.dtypes()) == set(ALL)
    assert set(info.dtypes(kind=("bool", "signed integer"))) == {"bool", *INTS[:4]}


@pytest.mark.parametrize("kind", FLOATS)
def test_finfo(kind):
    ours, numpys = xp.finfo(getattr(xp, kind)), np.finfo(kind)
    for name in ("bits", "eps", "max", "min", "smallest_normal"):
        assert getattr(ours, name) == getattr(numpys, name)
    assert ours.dtype is vidya.dtypes.as_dtype(numpys.dtype)
    assert isinstance(ours.eps, float)


@pytest.mark.parametrize("kind", INTS)
def test_iinfo(kind):
    ours, numpys = xp.iinfo(getattr(xp, kind)), np.iinfo(kind)
    assert (ours.bits, ours.max, ours.min) == (numpys.bits, numpys.max, numpys.min)


def test_masks_without_dims(device):
    yes, no = (vidya.tensor(b, device=device) for b in (True, False))
    x = vidya.tensor(3.0, device=device)
    assert x[yes].tolist() == [3.0]
    assert x[no].shape == (0,)
    assert vidya.ones(2, 3, device=device)[no].shape == (0, 2, 3)
    x[no] = 5
    assert x.item() == 3
    x[yes] = 7
    assert x.item() == 7
