"""The ops, a family per file.  Importing this package registers all of them."""

from __future__ import annotations

from . import (  # noqa: F401
    activation,
    attention,
    classify,
    compare,
    create,
    distance,
    elementwise,
    gated,
    index,
    layout,
    linalg,
    loss,
    norm,
    optim,
    random,
    reduce,
    rope,
    scan,
    softmax,
    sort,
)
