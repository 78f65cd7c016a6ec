"""What is written out by hand becomes the kernel that it is, where the device prefers that one."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya.compile.pipeline import PASSES
from vidya.compile.rules import RULES
from vidya.errors import UnsupportedError
from vidya.nn import functional as F

OFF = [name for name in PASSES if name not in ("patterns", "simplify")]


def data(device, *shape, seed=0, dtype=vidya.float32):
    values = np.random.default_rng(seed).normal(size=shape)
    return vidya.tensor(values, device=device, dtype=dtype)


def ops(function, *args, passes=None):
    """(names of the kernels, the results as arrays)"""
    compiled = vidya.compile(function, passes=passes)
    results = compiled(*args)
    (entry,) = compiled.entries.values()
    results = results if isinstance(results, tuple) else (results,)
    return [node.op for node in entry.capture.nodes], [t.numpy() for t in results]


def rms(x, w):
    return x * vidya.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * w


def rms_by_root(x, w):
    return w * (x / ((x * x).mean(-1, keepdim=True) + 1e-5).sqrt())


def rms_by_power(x, w):
    return x * (x.pow(2).mean(-1, keepdim=True) + 1e-5) ** -0.5 * w


def layer(x, w):
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred**2).mean(-1, keepdim=True)
    return centred / (variance + 1e-5).sqrt() * w + w


def soft(x, w):
    e = (x - x.amax(-1, keepdim=True)).exp()
    return e / e.sum(-1, keepdim=True)


def soft_columns(x, w):
    e = (x - x.amax(0, keepdim=True)).exp()
    return e / e.sum(0, keepdim=True)


def product(x, w):
    return x @ x[:5].mT + w[:5]


def plain_linear(x, w):
    return F.linear(x, x[:5]) + w[:5]


BY_HAND = {
    "rms_norm": [rms, rms_by_root, rms_by_power],
    "layer_norm": [layer],
    "softmax": [soft, soft_columns],
    "linear": [product, plain_linear],
}


def residual(x, w):
    return x + w @ w.mT


def residual_of_rows(x, w):
    return (w.reshape(4, 10, 40) @ w.mT).reshape(40, 40) + x


def widened(x, w):
    return (w.to(vidya.bfloat16) @ w.mT.to(vidya.bfloat16)).float() + x


def widened_linear(x, w):
    return F.linear(w.to(vidya.bfloat16), w.to(vidya.bfloat16)).float()


PRODUCTS = [residual, residual_of_rows, widened, widened_linear]
CASES = [(op, f) for op, functions in BY_HAND.items() for f in functions]
WHOLE = {
    "rms_norm": lambda x, w: F.rms_norm(x, (7,), w),
    "layer_norm": lambda x, w: F.layer_norm(x, (7,), w, w),
    "softmax": lambda x, w: F.softmax(x, -1),
    "linear": lambda x, w: F.linear(x, x[:5], w[:5]),
}


def test_every_rule_has_a_case():
    assert {rule.op for rule in RULES} == {*BY_HAND, "matmul_accumulate", "matmul_sum"}


@pytest.mark.parametrize("function", PRODUCTS, ids=lambda f: f.__name__)
def test_a_product_and_what_is_added_to_it(device, function):
    x, w = data(device, 40, 40), data(device, 40, 40, seed=1)
    try:
        made, got = ops(function, x, w)
    except UnsupportedError as error:
        pytest.skip(str(error))
    _, wanted = ops(function, x, w, passes=OFF)
    half = "widen" in function.__name__  # plain, the product is rounded before it is added
    np.testing.assert_allclose(got[0], wanted[0], rtol=1e-2 if half else 1e-5, atol=0.05 * half)
    added = [op for op in made if op not in ("cast", "copy", "reshape", "permute")]
    if "matmul_accumulate" in made:
        assert added == ["matmul_accumulate"]
    else:  # a device that does not prefer it is left as it was
        assert "matmul" in made or "linear" in made


def two(x, w):
    return x @ w + w @ x


def what_comes_between(x, w):
    """An operand of the last product is made after the first product."""
    first = w @ x
    return x @ (x * 2 + w).square() + first


def two_in_16_bits(x, w):
    a, b = x.to(vidya.bfloat16), w.to(vidya.bfloat16)
    return (a @ b).float() + (b @ a).float()


def three_of_linears(x, w):
    def back(g, k):
        return F.linear(g, (w[:k] + 0).mT)

    return back(x[:, :32], 32) + back(w[:, 8:40], 32) + x @ w


@pytest.mark.parametrize(
    "function", [two, what_comes_between, two_in_16_bits, three_of_linears],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_sums_of_products(device, function):
    x, w = data(device, 64, 64), data(device, 64, 64, seed=1)
    try:
        made, got = ops(function, x, w)
    except UnsupportedError as error:
        pytest.skip(str(error))
    _, wanted = ops(function, x, w, passes=OFF)
    half = "16" in function.__name__
    np.testing.assert_allclose(
        got[0], wanted[0], rtol=1e-2 if half else 1e-4, atol=0.1 if half else 1e-3
    )
    accumulated, _ = ops(residual, x, w)
    # where the device joins a product with what is added to it
    if "matmul_accumulate" in accumulated and function is not three_of_linears:
        assert "matmul_sum" in made


def test_a_sum_whose_operand_is_written_meanwhile_stays(device):
    """The first product reads what is not there any more when the last one runs."""

    def f(x, w):
        kept = x * 1
        first = kept @ w
        kept.mul_(2)
        return first + w @ kept, kept + 0

    x, w = data(device, 64, 64), data(device, 64, 64, seed=1)
    _, got = ops(f, x, w)
    _, wanted = ops(f, x, w, passes=OFF)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


def test_a_product_that_is_used_elsewhere_stays(device):
    x, w = data(device, 40, 40), data(device, 40, 40, seed=1)

    def f(x, w):
        p = w @ w.mT
        return x + p, p

    made, got = ops(f, x, w)
    assert "matmul" in made and "matmul_accumulate" not in made
    for a, b in zip(got, f(x, w), strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("op, function", CASES, ids=[f.__name__ for _, f in CASES])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_one_kernel(device, op, function, dtype):
    kind = getattr(vidya, dtype)
    try:
        x, w = data(device, 6, 7, dtype=kind), data(device, 7, seed=1, dtype=kind)
    except UnsupportedError as error:
        pytest.skip(str(error))
    made, got = ops(function, x, w)
    plain, wanted = ops(function, x, w, passes=OFF)
    np.testing.assert_allclose(got[0], wanted[0], rtol=3e-5, atol=1e-6)
    assert len(made) <= len(plain)
    if op in ops(WHOLE[op], x, w, passes=())[0]:
        assert made == [op]
    else:  # a device without that kernel is left as it was
        assert op not in made


def test_what_is_used_elsewhere_is_not_hidden_in_a_kernel(device):
    x, w = data(device, 6, 7), data(device, 7, seed=1)

    def f(x, w):
        e = (x - x.amax(-1, keepdim=True)).exp()
        return e / e.sum(-1, keepdim=True), e

    made, got = ops(f, x, w)
    assert "softmax" not in made
    for a, b in zip(got, f(x, w), strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, w: x * vidya.rsqrt(x.square().mean(0, keepdim=True) + 1e-5),  # the wrong dim
        lambda x, w: x * vidya.rsqrt(x.square().sum(-1, keepdim=True) * 0.3 + 1e-5),  # no mean
        lambda x, w: x * (x.square().mean(-1, keepdim=True) + 1e-5) ** -0.4,  # no root
        lambda x, w: w * vidya.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5),  # another tensor
        lambda x, w: F.rms_norm(x, (7,)) * x,  # no row
        lambda x, w: (x - x.amin(-1, keepdim=True)).exp() / x.exp().sum(-1, keepdim=True),
        lambda x, w: F.linear(x, x[:5]) + x[:, :1],  # a column is no bias
    ],
)
def test_what_only_looks_like_it_stays(device, f):
    x, w = data(device, 6, 7), data(device, 7, seed=1)
    made, got = ops(f, x, w)
    np.testing.assert_allclose(got[0], f(x, w).numpy(), rtol=3e-5, atol=1e-6)
    plain, _ = ops(f, x, w, passes=OFF)
    assert made.count("rms_norm") == plain.count("rms_norm") and "softmax" not in made
    assert "linear" in made or "linear" not in plain


def test_a_write_in_between_keeps_things_apart(device):
    def f(x, w):
        scale = vidya.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5)
        x.add_(1)
        return x * scale

    x, w = data(device, 6, 7), data(device, 7, seed=1)
    expected = f(x.clone(), w).numpy()
    made, got = ops(f, x, w)
    np.testing.assert_allclose(got[0], expected, rtol=3e-5)
    assert "rms_norm" not in made


def test_powers_are_products(device):
    x = data(device, 6, 7)
    made, got = ops(lambda x, n: (x**2, x**-1, x**n), x, 2, passes=["simplify"])
    has = [name in ops(getattr(vidya, name), x, passes=())[0] for name in ("square", "reciprocal")]
    numbers = "fill" not in made  # some devices take numbers as tensors only, which say no value
    assert made.count("pow") == 3 - sum(has) * numbers  # n may be another at the next call
    for a, n in zip(got, (2, -1, 2), strict=True):
        np.testing.assert_allclose(a, x.numpy() ** n, rtol=1e-5)


def test_powers_of_integers_keep_their_own_rules(device):
    made, got = ops(lambda i: i**2, vidya.arange(5, device=device), passes=["simplify"])
    assert "pow" in made
    np.testing.assert_array_equal(got[0], [0, 1, 4, 9, 16])
