"""Kernels that a plugin adds to a device of somebody else, and their place in the order."""

from __future__ import annotations

SCRIPT = """
    import os
    import warnings
    os.environ["VIDYA_FALLBACK"] = "error"
    import numpy as np
    import vidya

    warnings.simplefilter("error")
    rng = np.random.default_rng(0)
"""


def test_vidya_kernels_stand_between_native_kernels_and_decompositions(site):
    site.install_cdev("cdev")
    site.install(
        "vidya-extra",
        {"vidya.kernels": {"cdev": "extra"}},
        extra="""
            import vidya

            calls = []

            @vidya.hookimpl
            def vidya_kernels(register):
                register("cdev", "square", square, when=lambda x: x.dtype == vidya.float64)
                register("cdev", "sigmoid", lambda x: x * 0.25 + 0.5)
                register("cdev", "add", never)

            def square(x):
                calls.append(tuple(x.shape))
                return x * x + 1000.0

            def never(x, y):
                raise AssertionError("cdev has a native kernel for add")
        """,
    )
    site.check(
        SCRIPT
        + """
    a = rng.normal(size=(3, 4))
    x = vidya.tensor(a, dtype=vidya.float64, device="cdev")
    import extra
    for n in (1, 2, 3):
        np.testing.assert_allclose(x.square().numpy(), a * a + 1000)
        assert extra.calls == [(3, 4)] * n, extra.calls  # the kernel runs at every call
    single = vidya.tensor(a, dtype=vidya.float32, device="cdev")
    np.testing.assert_allclose(single.square().numpy(), a * a, rtol=1e-6)  # `when` said no
    vidya.tensor(a, device="numpy").square()  # another device
    assert (x + x).shape == (3, 4) and len(extra.calls) == 3

    x.requires_grad_()
    y = x.sigmoid()
    y.sum().backward()  # by the op's pullback, y (1 - y), from what the kernel made
    z = a * 0.25 + 0.5
    np.testing.assert_allclose(y.detach().numpy(), z)
    np.testing.assert_allclose(x.grad.numpy(), z * (1 - z))
    """
    )


def test_a_python_kernel_that_is_wrong_is_an_error_that_names_it(site):
    site.install_cdev("cdev")
    site.install(
        "vidya-extra",
        {"vidya.kernels": {"cdev": "extra"}},
        extra="""
            import vidya

            @vidya.hookimpl
            def vidya_kernels(register):
                register("cdev", "relu", lambda x: x.sum())
                register("cdev", "sigmoid", broken)

            def broken(x):
                raise ZeroDivisionError("a bug in the kernel")
        """,
    )
    site.check(
        SCRIPT
        + """
    x = vidya.ones(2, 3, device="cdev")
    try:
        x.relu()
    except TypeError as error:
        text = str(error)
    assert "the Python kernel for relu must return a contiguous f32[2,3] on cdev:0" in text, text
    try:
        x.sigmoid()
    except ZeroDivisionError as error:
        text = str(error)
    assert text == "a bug in the kernel"
    assert (x + x).sum().item() == 12
    """
    )


PACK = """
#include <string.h>
#include <stdio.h>
#include "vidya/backend.h"
/* relu, plus 1000 so that it shows */
static vd_status find(void *device, const vd_call *call, vd_kernel *kernel, vd_err *err) {
  (void)device;
  if (strcmp(call->op, "relu") != 0 || call->inputs[0].dtype.bits != 32) {
    snprintf(err->text, sizeof err->text, "only relu in float32");
    return VD_UNSUPPORTED;
  }
  kernel->caps = VD_CAP_PREFERRED;
  kernel->kernel = (void *)"relu";
  return VD_OK;
}
static vd_status run(void *device, void *kernel, const vd_call *call, vd_err *err) {
  (void)device, (void)kernel;
  const float *x = (float *)((char *)call->inputs[0].buffer + call->inputs[0].offset);
  float *y = (float *)((char *)call->outputs[0].buffer + call->outputs[0].offset);
  int64_t n = 1;
  for (int d = 0; d < call->outputs[0].ndim; ++d) n *= call->outputs[0].shape[d];
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] > 0 ? x[i] + 1000 : 0;
  if (n == 7) {
    strcpy(err->text, "seven is too many");
    return VD_INTERNAL;
  }
  return VD_OK;
}
VD_EXPORT const vd_backend *vidya_backend_v1(void) {
  static const vd_backend table = {.struct_size = SIZE, .abi_major = MAJOR,
                                   .name = "pack", .version = "3", .find = find, .run = run};
  return &table;
}
"""

PLUGIN = """
    import vidya

    @vidya.hookimpl
    def vidya_kernels(register):
        register.library({device!r}, {library!r})
"""


def install_pack(site, name, device, major=1, size="sizeof(vd_backend)"):
    source = site.path / f"{name}.c"
    source.write_text(f"#define MAJOR {major}\n#define SIZE {size}\n" + PACK)
    library = site.compile_c(source)
    plugin = PLUGIN.format(device=device, library=str(library))
    site.install(f"vidya-{name}", {"vidya.kernels": {device: name}}, **{name: plugin})


def test_a_native_kernel_pack_for_a_device_of_somebody_else(site):
    site.install_cdev("cdev")
    install_pack(site, "pack", "cdev")
    install_pack(site, "numpypack", "numpy")  # numpy's buffers are host memory, too
    site.check(
        SCRIPT
        + """
    for device in ("cdev", "numpy"):
        x = vidya.tensor(np.array([[-1.0, 2.0], [3.0, -4.0]], np.float32), device=device)
        np.testing.assert_array_equal(x.relu().numpy(), [[0, 1002], [1003, 0]])
        wide = x.to(dtype=vidya.float64).relu()  # the pack has no float64: decomposed
        np.testing.assert_array_equal(wide.numpy(), [[0, 2], [3, 0]])
        assert (x + x).sum().item() == 0
        pack = "pack" if device == "cdev" else "numpypack"
        want = f"{device}:0 (vidya-{pack} 3, abi 1.0) relu(f32[7]): seven is too many"
        for relu in (lambda x: x.relu(), vidya.compile(lambda x: x.relu())):
            try:
                relu(vidya.ones(7, device=device))
            except vidya.errors.BackendError as error:
                text = str(error)
            assert text.startswith(want), text
    """
    )


def test_a_broken_kernel_pack_is_left_out_with_a_warning(site):
    site.install_cdev("cdev")
    install_pack(site, "oldpack", "cdev", major=3)
    install_pack(site, "smallpack", "cdev", size="24")
    install_pack(site, "pack", "cdev")
    site.check(
        SCRIPT
        + """
    from vidya.backends import PluginWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        x = vidya.tensor(np.array([-1.0, 2.0], np.float32), device="cdev")
    texts = [str(w.message) for w in caught if w.category is PluginWarning]
    assert len(texts) == 2, texts
    assert "vidya-oldpack" in texts[0] and "ABI 3.0" in texts[0], texts
    assert "vidya-smallpack" in texts[1] and "needs `find` and `run`" in texts[1], texts
    np.testing.assert_array_equal(x.relu().numpy(), [0, 1002])
    """
    )


def test_a_python_kernel_for_a_primitive_that_the_device_lacks(site):
    site.install_cdev("cdev")
    site.install(
        "vidya-extra",
        {"vidya.kernels": {"cdev": "extra"}},
        extra="""
            import vidya

            @vidya.hookimpl
            def vidya_kernels(register):
                register("cdev", "exp", exp)

            def exp(x):  # (1 + x / 2^20)^(2^20), with what the device has
                y = x / 1048576.0 + 1.0
                for _ in range(20):
                    y = y * y
                return y
        """,
    )
    site.check(
        SCRIPT
        + """
    a = rng.normal(size=(3, 4))
    x = vidya.tensor(a, dtype=vidya.float64, device="cdev", requires_grad=True)
    y = x.exp()
    np.testing.assert_allclose(y.detach().numpy(), np.exp(a), rtol=1e-4)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(a), rtol=1e-4)
    """
    )
