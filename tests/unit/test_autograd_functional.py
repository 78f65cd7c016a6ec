"""Jacobians, Hessians and their products, against matrices known by formula."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya.autograd import functional as af
from vidya.errors import AutogradError

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 3))
X, Y, V = rng.normal(size=(3, 3))


def tensor(x):
    return vidya.tensor(x, dtype=vidya.float64)


def close(got, want):
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-12, atol=1e-12)


def linear(x):
    return tensor(A) @ x


def cubes(x):
    return (x**3).sum()


def test_the_jacobian_of_a_matrix_is_the_matrix():
    close(af.jacobian(linear, tensor(X)), A)


def test_several_inputs_and_results():
    def func(x, y):
        return x * y, (x * x).sum(), y.exp().outer(x)

    one, two, three = af.jacobian(func, (tensor(X), tensor(Y)))
    close(one[0], np.diag(Y))
    close(one[1], np.diag(X))
    close(two[0], 2 * X)
    close(two[1], np.zeros(3))
    close(three[0], np.einsum("i,jk->ijk", np.exp(Y), np.eye(3)))
    close(three[1], np.einsum("il,j,i->ijl", np.eye(3), X, np.exp(Y)))


def test_hessians():
    close(af.hessian(cubes, tensor(X)), np.diag(6 * X))
    (xx, xy), (yx, yy) = af.hessian(lambda x, y: (x * x * y).sum(), (tensor(X), tensor(Y)))
    close(xx, np.diag(2 * Y))
    close(xy, np.diag(2 * X))
    close(yx, np.diag(2 * X))
    close(yy, np.zeros((3, 3)))


def test_products_with_vectors():
    value, found = af.vjp(linear, tensor(X), tensor(V))
    close(value, A @ X)
    close(found, V @ A)
    value, found = af.jvp(linear, tensor(X), tensor(V))
    close(value, A @ X)
    close(found, A @ V)
    _, found = af.jvp(lambda x, y: x * x * y, (tensor(X), tensor(Y)), (tensor(V), tensor(X)))
    close(found, 2 * X * Y * V + X * X * X)
    for product in (af.vhp, af.hvp):
        value, found = product(cubes, tensor(X), tensor(V))
        close(value, (X**3).sum())
        close(found, 6 * X * V)
    close(af.vjp(cubes, tensor(X))[1], 3 * X * X)


def test_results_are_detached_unless_a_graph_is_asked_for():
    x = tensor(X).requires_grad_()
    assert not af.jacobian(linear, x).requires_grad
    found = af.jacobian(lambda x: x**3, x, create_graph=True)
    (again,) = vidya.autograd.grad(found.sum(), [x])
    close(again, 6 * X)
    _, along = af.jvp(lambda x: x**3, x, tensor(V), create_graph=True)
    (again,) = vidya.autograd.grad(along.sum(), [x])
    close(again, 6 * X * V)
    assert x.grad is None
    plain = tensor(X)
    af.hessian(cubes, plain, create_graph=True)
    assert not plain.requires_grad


def test_strict():
    close(af.jacobian(lambda x: tensor(V) * 1, tensor(X)), np.zeros((3, 3)))
    for func in (lambda x: tensor(V) * 1, lambda x: x.detach()):
        with pytest.raises(AutogradError, match=r"jacobian: strict"):
            af.jacobian(func, tensor(X), strict=True)


def test_it_works_where_nothing_is_recorded():
    with vidya.no_grad():
        close(af.jacobian(linear, tensor(X)), A)
        close(af.hessian(cubes, tensor(X)), np.diag(6 * X))


def test_wrong_calls():
    with pytest.raises(TypeError, match=r"jacobian: inputs"):
        af.jacobian(linear, 3.0)
    with pytest.raises(TypeError, match=r"vjp: func must give"):
        af.vjp(lambda x: 1, tensor(X), tensor(V))
    with pytest.raises(ValueError, match=r"hessian: func must give one number"):
        af.hessian(linear, tensor(X))
    with pytest.raises(ValueError, match=r"vjp: v .* must have the shapes"):
        af.vjp(linear, tensor(X), tensor(V[:2]))
    with pytest.raises(ValueError, match=r"jvp: v may be left out"):
        af.jvp(linear, tensor(X))
    with pytest.raises(ValueError, match=r"strategy"):
        af.jacobian(linear, tensor(X), strategy="sideways")
