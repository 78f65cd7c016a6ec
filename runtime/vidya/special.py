"""vidya.special: special functions under the names of torch.special."""

from __future__ import annotations

from .arguments import explain
from .ops.bessel import i0, i1
from .ops.gamma import digamma, lgamma, polygamma
from .ops.inquiry import mvlgamma
from .ops.reduce import logsumexp
from .ops.softmax import log_softmax, softmax
from .ops.special import (
    entr,
    erfinv,
    expit,
    logit,
    ndtr,
    sinc,
    xlogy,
)
from .ops.unary import (
    erf,
    erfc,
    exp2,
    expm1,
    log1p,
)

gammaln, psi, multigammaln = lgamma, digamma, mvlgamma

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfinv", "exp2", "expit", "expm1", "gammaln", "i0", "i1",
    "log1p", "log_softmax", "logit", "logsumexp", "multigammaln", "ndtr", "polygamma", "psi",
    "sinc", "softmax", "xlogy",
]  # fmt: skip

explain(globals(), __all__, out=True)
