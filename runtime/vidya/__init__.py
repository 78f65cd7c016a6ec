"""vidya: a tensor runtime that trains and runs transformers on whichever backend is installed."""

from __future__ import annotations

import importlib
from math import e, inf, nan, pi
from typing import Any

from . import _core, dtypes, errors

_core.register_dtypes(dtypes.ALL)
_core.register_errors(errors)

from . import ops as _ops  # noqa: E402
from .backends import hookimpl, hookspec  # noqa: E402
from .calls.arguments import explain as _explain  # noqa: E402
from .calls.arguments import explained as _explained  # noqa: E402
from .engine import autocast as _autocast  # noqa: E402
from .engine import autograd as _engine_autograd  # noqa: E402
from .engine import debug as _debug  # noqa: E402
from .engine import dispatch as _dispatch  # noqa: E402
from .engine.autocast import (  # noqa: E402
    autocast,
    get_autocast_dtype,
    is_autocast_enabled,
)
from .engine.device import (  # noqa: E402
    default_device as get_default_device,
)
from .engine.device import (  # noqa: E402
    device,
    set_default_device,
    synchronize,
)
from .engine.fallback import (  # noqa: E402
    FallbackWarning,
    fallback_counts,
    fallback_policy,
    get_fallback,
    set_fallback,
)
from .engine.memory import (  # noqa: E402
    empty_cache,
    memory_stats,
    reset_peak_memory_stats,
    scope,
    set_cache_limit,
)
from .functions.both_ways import connect as _connect  # noqa: E402
from .tensor import Tensor  # noqa: E402
from .tensor import rewrite as _rewrite  # noqa: E402

from .functions.construct import (  # noqa: E402, isort: skip
    as_tensor,
    empty,
    empty_like,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from .calls.destination import write_out as _write_out  # noqa: E402
from .compile import Compiled, RecompileWarning, compile  # noqa: E402
from .dtypes import (  # noqa: E402
    bfloat16,
    cdouble,
    cfloat,
    complex64,
    complex128,
    double,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    long,
    promote_types,
    set_default_dtype,
    short,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .dtypes import bool_ as bool  # noqa: E402
from .dtypes import float32 as float  # noqa: E402
from .dtypes import int32 as int  # noqa: E402
from .engine.grad_modes import (  # noqa: E402
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .ops.activation import relu, sigmoid, silu  # noqa: E402
from .ops.arrange import *  # noqa: E402, F403
from .ops.bessel import i0  # noqa: E402
from .ops.bits import *  # noqa: E402, F403
from .ops.cdist import cdist  # noqa: E402
from .ops.compare import *  # noqa: E402, F403
from .ops.complex import *  # noqa: E402, F403
from .ops.create import arange, eye, linspace, logspace  # noqa: E402
from .ops.diagonal import *  # noqa: E402, F403
from .ops.einsum import *  # noqa: E402, F403
from .ops.elementwise import *  # noqa: E402, F403
from .ops.gamma import *  # noqa: E402, F403
from .ops.gradients import *  # noqa: E402, F403
from .ops.index import *  # noqa: E402, F403
from .ops.inquiry import *  # noqa: E402, F403
from .ops.integers import *  # noqa: E402, F403
from .ops.layout import *  # noqa: E402, F403
from .ops.linalg import matmul  # noqa: E402
from .ops.magnitude import dist, norm  # noqa: E402
from .ops.masked import *  # noqa: E402, F403
from .ops.nextafter import nextafter  # noqa: E402
from .ops.pairs import *  # noqa: E402, F403
from .ops.parts import *  # noqa: E402, F403
from .ops.pointwise import *  # noqa: E402, F403
from .ops.products import *  # noqa: E402, F403
from .ops.rank import *  # noqa: E402, F403
from .ops.rectifiers import celu, hardshrink, prelu, selu, threshold  # noqa: E402
from .ops.recurrent import *  # noqa: E402, F403
from .ops.reduce import all_ as all  # noqa: E402
from .ops.reduce import amax, amin, argmax, argmin, logsumexp, mean, prod, sum  # noqa: E402
from .ops.reduce import any_ as any  # noqa: E402
from .ops.scan import *  # noqa: E402, F403
from .ops.scatter import *  # noqa: E402, F403
from .ops.sets import *  # noqa: E402, F403
from .ops.shape import *  # noqa: E402, F403
from .ops.softmax import *  # noqa: E402, F403
from .ops.sort import *  # noqa: E402, F403
from .ops.special import erfinv, logaddexp, logaddexp2, logit, sinc, xlogy  # noqa: E402
from .ops.statistics import *  # noqa: E402, F403
from .ops.strided import *  # noqa: E402, F403
from .ops.unary import *  # noqa: E402, F403
from .ops.windows import *  # noqa: E402, F403
from .random import (  # noqa: E402
    Generator,
    default_generator,
    get_rng_state,
    manual_seed,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    set_rng_state,
)

from .functions.distributions import bernoulli, multinomial, normal, poisson, randint_like  # noqa: E402, isort: skip

from .functional import (  # noqa: E402, isort: skip
    adaptive_avg_pool1d,
    adaptive_max_pool1d,
    alpha_dropout,
    avg_pool1d,
    batch_norm,
    binary_cross_entropy_with_logits,
    celu_,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    cosine_embedding_loss,
    cosine_similarity,
    ctc_loss,
    dropout,
    embedding_bag,
    feature_alpha_dropout,
    group_norm,
    hinge_embedding_loss,
    instance_norm,
    kl_div,
    layer_norm,
    margin_ranking_loss,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    pairwise_distance,
    pixel_shuffle,
    pixel_unshuffle,
    poisson_nll_loss,
    rms_norm,
    rrelu,
    rrelu_,
    selu_,
    threshold_,
    triplet_margin_loss,
)
from .tensor.printing import set_printoptions  # noqa: E402, isort: skip
from .functions.matrices import (  # noqa: E402, isort: skip
    cholesky,
    cholesky_inverse,
    cholesky_solve,
    det,
    inverse,
    logdet,
    lu_solve,
    lu_unpack,
    matrix_power,
    pinverse,
    qr,
    slogdet,
    svd,
    triangular_solve,
)
from .functions.spectrum import istft, stft  # noqa: E402, isort: skip

newaxis = None
grad = _explained(_engine_autograd.grad)

_FAMILIES = ("vidya.ops.", "vidya.functions.", "vidya.engine.from_host")
_explain(
    globals(),
    [
        name
        for name, value in globals().items()
        if getattr(value, "__module__", "").startswith((*_FAMILIES, "vidya.random"))
        and not hasattr(value, "__wrapped__")
    ],
    out=True,
)

_connect(globals(), Tensor)
_autocast.declare()
_core.set_callbacks(
    _dispatch.resolve,
    _dispatch.trace_call,
    _dispatch.decompose,
    _dispatch.convert,
    _ops.elementwise.cast,
    _write_out,
    _rewrite.overwrite,
    _rewrite.wrote,
    _rewrite.refresh,
)
_debug.start()

_LAZY = {
    "array_api",
    "fft",
    "linalg",
    "utils",
    "nn",
    "optim",
    "io",
    "special",
    "data",
    "train",
    "generate",
    "autograd",
    "testing",
    "cli",
}


def __getattr__(name: str) -> Any:
    """The bigger parts are imported when first used."""
    if name in _LAZY:
        return importlib.import_module(f"{__name__}.{name}")
    if name == "quantize":
        from .nn.quantized import quantize

        return quantize
    if name == "__version__":
        from importlib.metadata import version

        return version("vidya-runtime")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
