"""vidya.special: special functions under the names of torch.special."""

from __future__ import annotations

from .arguments import explain
from .ops.inquiry import mvlgamma
from .ops.reduce import logsumexp
from .ops.softmax import log_softmax, softmax
from .ops.special import (
    digamma,
    entr,
    erfinv,
    expit,
    i0,
    i1,
    lgamma,
    logit,
    ndtr,
    polygamma,
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
