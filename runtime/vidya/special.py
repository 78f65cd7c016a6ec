"""vidya.special: special functions under the names of torch.special."""

from __future__ import annotations

from .calls.arguments import explain
from .ops.bessel import i0, i0e, i1, i1e
from .ops.gamma import digamma, lgamma, polygamma
from .ops.inquiry import mvlgamma
from .ops.normal import erfcx, log_ndtr, ndtr, ndtri
from .ops.reduce import logsumexp
from .ops.softmax import log_softmax, softmax
from .ops.special import (
    entr,
    erfinv,
    expit,
    logit,
    sinc,
    xlog1py,
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
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammaln", "i0",
    "i0e", "i1", "i1e", "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln",
    "ndtr", "ndtri", "polygamma", "psi", "sinc", "softmax", "xlog1py", "xlogy",
]  # fmt: skip

explain(globals(), __all__, out=True)
