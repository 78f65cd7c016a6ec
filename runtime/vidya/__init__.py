"""vidya: a tensor runtime that trains and runs transformers on whichever backend is installed."""

from __future__ import annotations

import importlib
from typing import Any

from . import _core, dtypes, errors

_core.register_dtypes(dtypes.ALL)
_core.register_errors(errors)

from .backends import hookimpl, hookspec  # noqa: E402
from .engine import autograd as _engine_autograd  # noqa: E402
from .engine import dispatch as _dispatch  # noqa: E402
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
from .tensor import Tensor  # noqa: E402

from .construct import (  # noqa: E402, isort: skip
    as_tensor,
    chunk,
    empty,
    empty_like,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    ones,
    ones_like,
    split,
    stack,
    tensor,
    tril,
    triu,
    unbind,
    zeros,
    zeros_like,
)
from .dtypes import (  # noqa: E402
    bfloat16,
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
    uint8,
    uint16,
    uint32,
    uint64,
)
from .dtypes import bool_ as bool  # noqa: E402
from .engine.autograd import (  # noqa: E402
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .compile import Compiled, compile  # noqa: E402
from .ops.activation import relu, sigmoid, silu  # noqa: E402
from .ops.compare import (  # noqa: E402
    eq,
    ge,
    gt,
    isfinite,
    isinf,
    le,
    logical_and,
    logical_or,
    logical_xor,
    lt,
    ne,
)
from .ops.create import arange, eye, linspace  # noqa: E402
from .ops.elementwise import (  # noqa: E402
    abs,
    acos,
    acosh,
    add,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    ceil,
    clamp,
    clone,
    cos,
    cosh,
    div,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    floor,
    floor_divide,
    fmod,
    isnan,
    log,
    log1p,
    log2,
    log10,
    logical_not,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    reciprocal,
    remainder,
    round,
    rsqrt,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    sub,
    tan,
    tanh,
    trunc,
    where,
)
from .ops.index import gather, index_add, index_select, masked_fill, scatter, scatter_add  # noqa: E402
from .ops.layout import (  # noqa: E402
    cat,
    conj,
    permute,
    reshape,
    transpose,
    view_as_complex,
    view_as_real,
)
from .ops.linalg import matmul  # noqa: E402
from .ops.reduce import all_ as all  # noqa: E402
from .ops.reduce import amax, amin, argmax, argmin, logsumexp, mean, prod, std, sum, var  # noqa: E402
from .ops.reduce import any_ as any  # noqa: E402
from .ops.scan import cummax, cummin, cumprod, cumsum  # noqa: E402
from .ops.softmax import log_softmax, softmax  # noqa: E402
from .ops.sort import argsort, sort, topk  # noqa: E402
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

grad = _engine_autograd.grad

_core.set_callbacks(
    _dispatch.resolve, _dispatch.trace_call, _dispatch.decompose, _dispatch.convert
)

_LAZY = {"nn", "optim", "io", "data", "train", "generate", "autograd", "testing", "cli"}


def __getattr__(name: str) -> Any:
    """The bigger parts are imported when first used."""
    if name in _LAZY:
        return importlib.import_module(f"{__name__}.{name}")
    if name == "__version__":
        from importlib.metadata import version

        return version("vidya-runtime")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
