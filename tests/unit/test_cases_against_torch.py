"""The case tables on trial: PyTorch must pass every row, but for the differences listed here."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from vidya.testing import checks, compare
from vidya.testing.cases import CASES
from vidya.testing.tolerances import _BASE, _GRADIENT, EXACT

torch = pytest.importorskip("torch")

DIFFERENCES = {
    "sign": "sign(NaN) is NaN here and in NumPy, 0 in PyTorch",
    "linear_cross_entropy_sequences": "PyTorch takes rows only",
    "einsum_bool": "PyTorch counts, or has no product of bools",
    "getitem_reversed": "PyTorch's slices have no negative steps",
}
# In this dtype only.
IN_DTYPE = {
    ("polygamma", "float64"): "PyTorch's trigamma has nine digits",
    ("nn.functional.avg_pool3d", "bfloat16"): "not on PyTorch's CPU",
    ("nn.functional.avg_pool3d", "float16"): "not on PyTorch's CPU",
    ("nn.functional.local_response_norm", "bfloat16"): "not on PyTorch's CPU",
    ("nn.functional.local_response_norm", "float16"): "not on PyTorch's CPU",
    ("nn.functional.multi_margin_loss", "bfloat16"): "not on PyTorch's CPU",
    ("nn.functional.multi_margin_loss", "float16"): "not on PyTorch's CPU",
    ("special.log_ndtr", "bfloat16"): "not on PyTorch's CPU",
    ("special.log_ndtr", "float16"): "not on PyTorch's CPU",
    ("nn.functional.multilabel_margin_loss", "bfloat16"): "not on PyTorch's CPU",
    ("nn.functional.multilabel_margin_loss", "float16"): "not on PyTorch's CPU",
    ("special.erfcx", "bfloat16"): "not on PyTorch's CPU",
    ("special.erfcx", "float16"): "not on PyTorch's CPU",
    ("special.ndtri", "bfloat16"): "not on PyTorch's CPU",
    ("special.ndtri", "float16"): "not on PyTorch's CPU",
}
NO_GRADIENT_THERE = {
    "linear_cross_entropy",  # the class weights have none
    "vander",  # its backward overwrites what it needs
    "as_strided_scatter",  # 2.13 gives the elements that were overwritten the gradient of the rest
}
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
HALF_BUILT = {"uint16", "uint32", "uint64"}  # PyTorch has the dtypes, but few ops for them


def place(array):
    if array.dtype == BFLOAT16:
        return torch.tensor(array.astype(np.float32)).bfloat16()
    return torch.tensor(array)


def to_numpy(value):
    if not isinstance(value, torch.Tensor):
        return np.asarray(value)
    value = value.detach().resolve_conj()
    return (
        value.float().numpy().astype(BFLOAT16)
        if value.dtype == torch.bfloat16
        else value.numpy(force=True)
    )


@pytest.fixture(autouse=True)
def torch_tensors(monkeypatch):
    for module in (checks, compare):
        monkeypatch.setattr(module, "to_numpy", to_numpy)


def ours(case):
    """Ops that PyTorch does not have are called by our own paths."""
    return isinstance(case.fn, str) and case.fn.startswith(("ops.", "functional."))


@pytest.mark.parametrize(
    "name", [name for name in CASES if name not in DIFFERENCES and not ours(CASES[name])]
)
def test_pytorch_passes_the_row(name):
    case = CASES[name]
    fn = case.function("torch")
    for kind in case.dtypes():
        if kind.name in HALF_BUILT or (name, kind.name) in IN_DTYPE:
            continue
        for sample in checks.samples_of(case, kind):
            checks.check_forward(case, fn, sample, kind, place, lambda k: _BASE.get(k.name, EXACT))
            if case.grad and sample.grad and kind.name in _GRADIENT:
                gradient_agrees(case, fn, sample, kind)


def gradient_agrees(case, fn, sample, kind):
    if case.name in NO_GRADIENT_THERE:
        return
    try:
        checks.check_gradient(
            case, fn, sample, place, lambda a: place(a).requires_grad_(), _GRADIENT[kind.name]
        )
    except RuntimeError as error:
        if not kind.is_complex or "does not support automatic differentiation" not in str(error):
            raise


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_is_one(name):
    case = CASES[name]
    with pytest.raises((AssertionError, ValueError, RuntimeError)):
        for sample in checks.samples_of(case, case.dtypes()[0]):
            checks.check_forward(
                case,
                case.function("torch"),
                sample,
                case.dtypes()[0],
                place,
                lambda k: _BASE.get(k.name, EXACT),
            )
