"""A backend that compiles whole plans gets them; what it refuses runs kernel by kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

CODE = f'#include "{Path(__file__).parent.as_posix()}/cplan.c"'
EDIT = """
  t->run = cplan_alone;
  t->plan_compile = cplan_compile;
  t->plan_run = cplan_run;
  t->plan_free = cplan_free;
"""
SCRIPT = """
    import numpy as np
    import vidya
    from vidya import _core

    def taken(f):
        (entry,) = f.entries.values()
        return isinstance(entry.plan, _core.BackendPlan)

    rng = np.random.default_rng(0)
    def data(*shape):
        return vidya.tensor(rng.normal(size=shape).astype("f4"), device="planner")
"""


@pytest.fixture(scope="module")
def planner(shared_site):
    shared_site.install_cdev("planner", edit=EDIT, code=CODE)
    return lambda script: shared_site.check(SCRIPT + script)


def test_a_whole_function_is_one_call_of_the_backend(planner):
    planner(
        """
    @vidya.compile
    def f(x, y, scale):
        z = (x @ y.mT) * scale + x.sum(1, keepdim=True)
        return z.mT, {"total": (z * 0.5).sum(), "part": z[1:, :2] * z[1:, :2]}

    for k in range(3):
        x, y = data(3, 4), data(5, 4)
        a, b = x.numpy(), y.numpy()
        got, more = f(x, y, float(k))
        z = a @ b.T * np.float32(k) + a.sum(1, keepdims=True)
        np.testing.assert_allclose(got.numpy(), z.T, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(more["total"].item(), z.sum() / 2, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(more["part"].numpy(), z[1:, :2] ** 2, rtol=1e-4, atol=1e-5)
    assert taken(f) and "of the backend's own" in f.explain()
    try:
        x * 2
    except vidya.errors.DeviceError as error:
        text = str(error)
    assert "mul was called outside of a plan" in text
    """
    )


def test_training_writes_parameters_and_gradients(planner):
    planner(
        """
    from vidya import nn
    weight = nn.Parameter(data(4, 2))
    start = weight.detach().numpy().copy()

    @vidya.compile
    def step(x, lr):
        weight.grad = None
        y = x @ weight
        (y * y).sum().backward()
        with vidya.no_grad():
            weight.sub_(weight.grad * lr)
        return y

    expected = start.astype("f8")
    for lr in (0.1, 0.01):
        x = data(3, 4)
        a = x.numpy().astype("f8")
        slope = 2 * a.T @ (a @ expected)
        version = weight._version
        y = step(x, lr)
        assert weight._version > version
        np.testing.assert_allclose(y.numpy(), a @ expected, rtol=1e-4, atol=1e-5)
        expected = expected - lr * slope
        np.testing.assert_allclose(weight.grad.numpy(), slope, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-4, atol=1e-4)
    assert taken(step)
    """
    )


def test_what_the_backend_refuses_runs_kernel_by_kernel(planner):
    planner(
        """
    f = vidya.compile(lambda x: x / (x + x))  # its plans know no division
    np.testing.assert_allclose(f(data(3)).numpy(), [0.5] * 3)
    assert not taken(f)

    cache = vidya.zeros(4, device="planner")

    @vidya.compile
    def part(x):  # writes a part, which a graph of whole values cannot say
        cache[1:3] = x
        return cache + x.sum()

    np.testing.assert_allclose(part(vidya.ones(2, device="planner")).numpy(), [2, 3, 3, 2])
    assert not taken(part)
    """
    )


def test_plans_go_and_their_memory_with_them(planner):
    planner(
        """
    import gc
    x = data(64, 64)
    f = vidya.compile(lambda x: (x @ x) * 2.0)
    f(x)
    live = vidya.memory_stats("planner")["live_bytes"]
    for _ in range(20):
        f(x)
    assert vidya.memory_stats("planner")["live_bytes"] == live and taken(f)
    for _ in range(3):
        g = vidya.compile(lambda x: (x @ x) * 3.0)
        g(x)
    del g
    gc.collect()
    """
    )


def test_errors_of_a_run_are_the_devices(shared_site):
    code = (
        CODE
        + """
static vd_status bad_plan(void *device, void *p, const vd_tensor *in, vd_tensor *out, vd_err *err) {
  (void)device, (void)p, (void)in, (void)out;
  return fail(err, VD_DEVICE, "the queue is stuck");
}
"""
    )
    shared_site.install_cdev("stuck", edit=EDIT + "t->plan_run = bad_plan;", code=code)
    shared_site.check(
        """
        import vidya

        f = vidya.compile(lambda x: x * 2)
        try:
            f(vidya.ones(3, device="stuck"))
        except vidya.errors.DeviceError as error:
            text = str(error)
        where = "stuck:0 (vidya-runtime-stuck 1.2, abi 1.0) plan_run of 2 nodes"
        assert text.startswith(where), text
        assert text.endswith("the queue is stuck"), text
        """
    )
