"""A device that is one C11 file: it computes, differentiates and trains, whatever its minor."""

from __future__ import annotations

import pytest

WORKS = """
    import numpy as np
    import vidya

    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 5)), rng.normal(size=(3, 1)), rng.normal(size=(5, 4))
    for dtype, tolerance in ((vidya.float32, 1e-6), (vidya.float64, 1e-14)):
        x, y, z = (vidya.tensor(v, dtype=dtype, device="{name}") for v in (a, b, c))
        got = ((x * y + x - y / 2.0) @ z).numpy()
        assert got.dtype == dtype.np
        np.testing.assert_allclose(got, (a * b + a - b / 2) @ c, rtol=tolerance, atol=tolerance)
"""

TRAINS = """
    x = rng.normal(size=(64, 3))
    truth = np.array([[1.0], [-2.0], [0.5]])
    data = vidya.tensor(x, device="{name}")
    target = vidya.tensor(x @ truth + 3.0, device="{name}")
    weight = vidya.zeros(3, 1, dtype=vidya.float64, device="{name}", requires_grad=True)
    bias = vidya.zeros(1, dtype=vidya.float64, device="{name}", requires_grad=True)
    for step in range(400):
        residual = data @ weight + bias - target
        loss = (residual * residual).mean()
        loss.backward()
        with vidya.no_grad():
            for p in (weight, bias):
                p -= 0.1 * p.grad
                p.grad = None
    np.testing.assert_allclose(weight.detach().numpy(), truth, atol=1e-9)
    np.testing.assert_allclose(bias.detach().numpy(), [3.0], atol=1e-9)
"""


def test_one_c_file_computes_and_trains(site):
    site.install_cdev("cdev")
    site.check((WORKS + TRAINS).format(name="cdev"))


def test_views_reach_it_contiguous_and_slices_are_written(site):
    site.install_cdev("cdev")
    site.check(
        """
        import numpy as np
        import vidya

        a = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
        x = vidya.tensor(a, device="cdev")
        views = [
            (x.permute(2, 0, 1), a.transpose(2, 0, 1)),
            (x[:, ::-1, 1:3], a[:, ::-1, 1:3]),
            (x[1], a[1]),
            (x[:, 1:2].expand(2, 5, 4), np.broadcast_to(a[:, 1:2], (2, 5, 4))),
            (x.reshape(6, 4), a.reshape(6, 4)),
        ]
        for got, want in views:
            np.testing.assert_array_equal(got.numpy(), want)
            np.testing.assert_array_equal((got + got).numpy(), want + want)
        np.testing.assert_allclose(
            (x.permute(0, 2, 1) @ x).numpy(), a.transpose(0, 2, 1) @ a, rtol=1e-6
        )
        x[:, 1] = 7.0
        x[0, :, ::2] = x[1, :, ::2]
        a[:, 1] = 7.0
        a[0, :, ::2] = a[1, :, ::2]
        np.testing.assert_array_equal(x.numpy(), a)
        np.testing.assert_array_equal(x.sum((0, 2)).numpy(), a.sum((0, 2)))
        assert (x - x).sum().item() == 0
        """
    )


def test_what_it_lacks_is_decomposed_or_refused_by_name(site):
    site.install_cdev("cdev")
    site.check(
        """
        import numpy as np
        import vidya

        x = vidya.tensor([-1.0, 2.0], device="cdev")
        np.testing.assert_array_equal(x.relu().numpy(), [0.0, 2.0])  # a composite of maximum
        try:
            x.sin()
        except vidya.errors.UnsupportedError as error:
            text = str(error)
        assert "sin" in text and "cdev:0" in text and "no kernel for sin here" in text, text
        try:
            vidya.tensor([1, 2], device="cdev") + vidya.tensor([3, 4], device="cdev")
        except vidya.errors.UnsupportedError as error:
            text = str(error)
        assert "add is for float32 and float64 here" in text and "int64[2]" in text, text
        """
    )


def test_memory_goes_back(site):
    site.install_cdev("cdev")
    site.check(
        """
        import vidya

        device = vidya.device("cdev")
        start = vidya.memory_stats(device)["live_bytes"]
        x = vidya.zeros(1000, device="cdev")
        assert vidya.memory_stats(device)["live_bytes"] >= start + 4000
        for _ in range(100):
            y = x + x
        del x, y
        assert vidya.memory_stats(device)["live_bytes"] == start
        vidya.empty_cache()
        assert vidya.memory_stats(device)["cached_bytes"] == 0
        """
    )


OLDER = """
    t->struct_size = offsetof(vd_backend, memory_stats);  /* ends after host_ptr */
    memset((char *)t + t->struct_size, 0x5a, sizeof *t - t->struct_size);  /* not to be read */
"""
NO_OPTIONAL = """
    t->struct_size = offsetof(vd_backend, kernel_free);
    memset((char *)t + t->struct_size, 0x5a, sizeof *t - t->struct_size);
"""
NEWER = """
    t->struct_size = sizeof table;
    t->abi_minor = 7;
    memset(table.later, 0x5a, sizeof table.later);
"""


@pytest.mark.parametrize("edit", [OLDER, NO_OPTIONAL, NEWER], ids=["older", "bare", "newer"])
def test_another_minor_of_the_abi_works(site, edit):
    site.install_cdev("minor", edit=edit)
    site.check((WORKS + TRAINS).format(name="minor"))


def test_a_capsule_is_as_good_as_a_path(site):
    library = site.install_cdev("cdev")
    capsule = f"""
        import ctypes
        from vidya import hookimpl

        library = ctypes.CDLL({str(library)!r})
        library.vidya_backend_v1.restype = ctypes.c_void_p
        capsule_new = ctypes.pythonapi.PyCapsule_New
        capsule_new.restype = ctypes.py_object
        capsule_new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        NAME = b"vidya.backend.v1"

        @hookimpl
        def vidya_backend():
            return capsule_new(library.vidya_backend_v1(), NAME, None)
    """
    groups = {"vidya.backends": {"capsuled": "capsuled"}}
    site.install("vidya-runtime-capsuled", groups, capsuled=capsule)
    site.check(WORKS.format(name="capsuled"))


def test_importing_vidya_loads_none_and_opening_one_loads_one(site):
    site.install_cdev("one")
    site.install_cdev("two")
    site.check(
        """
        import sys
        import vidya

        def loaded():
            with open("/proc/self/maps") as maps:
                libraries = {line.split("/")[-1].strip() for line in maps if ".so" in line}
            modules = {"plugin_one", "plugin_two"} & set(sys.modules)
            return modules, {"libone.so", "libtwo.so"} & libraries

        assert loaded() == (set(), set()), loaded()
        vidya.tensor([1.0], device="two")
        assert loaded() == ({"plugin_two"}, {"libtwo.so"}), loaded()
        """
    )
