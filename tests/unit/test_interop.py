"""NumPy, DLPack, pickling and printing."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import vidya

HOST = ["numpy", "openblas"]


@pytest.fixture(params=HOST)
def host(request):
    from vidya.backends import registry

    if not registry.is_installed(request.param):
        pytest.skip(f"{request.param} is not installed")
    return request.param


def test_numpy_shares_memory_both_ways(host):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    x = vidya.from_numpy(array, device=host)
    array[0, 0] = 9
    assert x[0, 0].item() == 9
    x.numpy()[1, 2] = -1
    assert array[1, 2] == -1
    view = vidya.from_numpy(array[:, ::-2], device=host)
    np.testing.assert_array_equal((view + 0).numpy(), array[:, ::-2])


def test_a_view_keeps_the_memory_alive(host):
    array = vidya.arange(100_000, device=host).numpy()
    vidya.zeros(100_000, dtype=vidya.int64, device=host)
    assert array[-1] == 99_999


def test_tensor_copies(host):
    array = np.ones(3, dtype=np.float32)
    x = vidya.tensor(array, device=host)
    array[0] = 5
    assert x[0].item() == 1


def test_bfloat16_comes_as_ml_dtypes(host):
    x = vidya.tensor([1.5, 2.5], dtype=vidya.bfloat16, device=host)
    assert x.numpy().dtype.name == "bfloat16"
    np.testing.assert_array_equal(np.asarray(x).astype(np.float32), [1.5, 2.5])


def test_dlpack_with_numpy_copies_nothing(host):
    x = vidya.arange(6, device=host).reshape(2, 3).float()
    array = np.from_dlpack(x)
    assert array.ctypes.data == x.data_ptr()
    back = vidya.from_dlpack(array.copy(), device=host)
    np.testing.assert_array_equal(back.numpy(), x.numpy())


def test_dlpack_with_torch_copies_nothing(host):
    torch = pytest.importorskip("torch", reason="torch is not installed: nothing to share with")
    x = vidya.arange(6, device=host).reshape(2, 3).float()
    theirs = torch.from_dlpack(x.mT)
    assert theirs.data_ptr() == x.data_ptr() and theirs.shape == (3, 2)
    theirs[0, 0] = 7
    assert x[0, 0].item() == 7
    ours = vidya.from_dlpack(torch.ones(2, 2), device=host)
    assert ours.sum().item() == 4


def test_dlpack_refuses_what_it_cannot_share(host):
    x = vidya.ones(2, device=host, requires_grad=True)
    with pytest.raises(BufferError, match="detach"):
        np.from_dlpack(x)


def test_arrays_take_part_in_arithmetic(host):
    x = vidya.ones(3, device=host)
    array = np.full(3, 2, dtype=np.float32)
    assert isinstance(x + array, vidya.Tensor)
    assert isinstance(array + x, vidya.Tensor)
    np.testing.assert_array_equal((array * x).numpy(), array)


def test_pickle_and_deepcopy():
    x = vidya.tensor([[1.0, 2.0]], dtype=vidya.bfloat16, requires_grad=True)
    for again in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert again.dtype is x.dtype and again.requires_grad and again is not x
        np.testing.assert_array_equal(again.detach().numpy(), x.detach().numpy())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: vidya.tensor([1.0, 2.5]), "tensor([1.0000, 2.5000])"),
        (lambda: vidya.tensor([1, 2]), "tensor([1, 2])"),
        (lambda: vidya.tensor(3.0), "tensor(3.)"),
        (lambda: vidya.tensor([True, False]), "tensor([ True, False])"),
        (lambda: vidya.tensor([1.0], dtype=vidya.float64), "tensor([1.], dtype=vidya.float64)"),
        (lambda: vidya.tensor([1.0], requires_grad=True), "tensor([1.], requires_grad=True)"),
        (lambda: vidya.zeros(0), "tensor([])"),
        (lambda: vidya.zeros(2, 0), "tensor([], size=(2, 0))"),
    ],
)
def test_printing_is_as_in_pytorch(make, text):
    assert repr(make()) == text


def test_printing_names_the_device_and_the_history(host):
    x = vidya.ones(1, device=host, requires_grad=True)
    assert ("device='openblas:0'" in repr(x)) == (host == "openblas")
    assert "grad_fn=<mulBackward>" in repr(x * 2)


@pytest.fixture
def print_options():
    yield vidya.set_printoptions
    vidya.set_printoptions(profile="default")


def test_print_options(print_options):
    x = vidya.tensor([1.5, 250.25])
    print_options(precision=2)
    assert repr(x) == "tensor([  1.50, 250.25])"
    print_options(sci_mode=True)
    assert repr(x) == "tensor([1.50e+00, 2.50e+02])"
    print_options(profile="short")
    assert repr(vidya.arange(2000)) == "tensor([   0,    1, ..., 1998, 1999])"
    print_options(profile="full", linewidth=30)
    lines = repr(vidya.arange(1500)).splitlines()
    assert len(lines) > 300 and max(map(len, lines)) <= 32 and "..." not in "".join(lines)
    with pytest.raises(ValueError, match="default, short, full"):
        print_options(profile="long")


def test_wrong_data_is_refused():
    with pytest.raises(ValueError, match="not rectangular"):
        vidya.tensor([[1, 2], [3]])
    with pytest.raises(TypeError, match="cannot make a tensor"):
        vidya.tensor(["a"])
    with pytest.raises(ValueError, match="unknown dtype 'float33'"):
        vidya.tensor([1], dtype="float33")
