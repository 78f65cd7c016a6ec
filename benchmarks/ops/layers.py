"""Rows of what networks are made of: along rows, over windows, products, attention."""

from __future__ import annotations

from .row import image, matrix, normal, row, weighted, with_index

# ---- rows ----
for _name in ("softmax", "log_softmax"):
    for _where, _dim in (("last", -1), ("first", 0)):
        row(f"{_name} {_where}", f"F.{_name}(a, {_dim})", normal(1))
    row(f"{_name} last, back", f"F.{_name}(a, -1)", normal(1), backward=("a",))
_norm = weighted(matrix, lambda n: (1024,), lambda n: (1024,))
row("layer_norm", "F.layer_norm(a, (1024,), b, c)", _norm)
row("layer_norm, back", "F.layer_norm(a, (1024,), b, c)", _norm, backward=("a", "b", "c"))
row("rms_norm", "F.rms_norm(a, (1024,), b)", _norm)
row("rms_norm, back", "F.rms_norm(a, (1024,), b)", _norm, backward=("a", "b"))
_group = weighted(image, lambda n: (64,), lambda n: (64,))
row("group_norm", "F.group_norm(a, 8, b, c)", _group)
row("group_norm, back", "F.group_norm(a, 8, b, c)", _group, backward=("a", "b", "c"))
row("batch_norm", "F.batch_norm(a, None, None, b, c, training=True)", _group)
row(
    "batch_norm, back",
    "F.batch_norm(a, None, None, b, c, training=True)",
    _group,
    backward=("a", "b", "c"),
)
_classes = with_index(matrix, lambda n: 1024, lambda n: (n // 1024,))
row("cross_entropy", "F.cross_entropy(a, i)", _classes)
row("cross_entropy, back", "F.cross_entropy(a, i)", _classes, backward=("a",))
row("mse_loss, back", "F.mse_loss(a, b)", normal(2), backward=("a",))

# ---- windows ----
_conv = weighted(image, lambda n: (64, 64, 3, 3), lambda n: (64,))
row("conv2d", "F.conv2d(a, b, c, padding=1)", _conv)
row("conv2d, back", "F.conv2d(a, b, c, padding=1)", _conv, backward=("a", "b", "c"))
row("conv2d 1x1", "F.conv2d(a, b)", weighted(image, lambda n: (64, 64, 1, 1)))
row("conv2d stride 2", "F.conv2d(a, b, stride=2, padding=1)", _conv)
row(
    "conv2d depthwise",
    "F.conv2d(a, b, padding=1, groups=64)",
    weighted(image, lambda n: (64, 1, 3, 3)),
)
_conv1 = weighted(lambda n: (n // 65536 * 2, 64, 512), lambda n: (64, 64, 3), lambda n: (64,))
row("conv1d", "F.conv1d(a, b, c, padding=1)", _conv1)
row("conv1d, back", "F.conv1d(a, b, c, padding=1)", _conv1, backward=("a", "b", "c"))
row(
    "conv_transpose2d",
    "F.conv_transpose2d(a, b, stride=2)",
    weighted(image, lambda n: (64, 32, 2, 2)),
)
row("avg_pool2d", "F.avg_pool2d(a, 2)", normal(1, image))
row("avg_pool2d 3x3", "F.avg_pool2d(a, 3, 1, 1)", normal(1, image))
row("avg_pool2d, back", "F.avg_pool2d(a, 2)", normal(1, image), backward=("a",))
row("max_pool2d", "F.max_pool2d(a, 2)", normal(1, image))
row("max_pool2d 3x3", "F.max_pool2d(a, 3, 2, 1)", normal(1, image))
row("max_pool2d, back", "F.max_pool2d(a, 2)", normal(1, image), backward=("a",))
row(
    "interpolate",
    "F.interpolate(a, scale_factor=2, mode='nearest')",
    normal(1, lambda n: (*image(n)[:2], 16, 16)),
)
row(
    "interpolate bilinear",
    "F.interpolate(a, scale_factor=2, mode='bilinear')",
    normal(1, lambda n: (*image(n)[:2], 16, 16)),
)
row("adaptive_avg_pool2d 7", "F.adaptive_avg_pool2d(a, 7)", normal(1, image))


# ---- products ----
def blocks(n: int) -> tuple[int, int, int]:
    return n // 4096, 64, 64


_linear = weighted(matrix, lambda n: (1024, 1024), lambda n: (1024,))
row("linear", "F.linear(a, b, c)", _linear)
row("linear, back", "F.linear(a, b, c)", _linear, backward=("a", "b", "c"))
row("linear bf16", "F.linear(a, b, c)", _linear, dtype="bfloat16")
row("bmm", "L.bmm(a, b)", normal(2, blocks))
row("einsum", "L.einsum('bij,bkj->bik', a, b)", normal(2, blocks))
row("cdist", "L.cdist(a, b)", normal(2, blocks))
row(
    "linear and cross_entropy, back",
    "F.cross_entropy(F.linear(a, b), i)",
    lambda r, n: {
        **weighted(lambda n: (n // 512, 512), lambda n: (2048, 512))(r, n),
        "i": r.integers(0, 2048, n // 512),
    },
    backward=("a", "b"),
)


# ---- attention and its neighbours ----
def heads(n: int) -> tuple[int, ...]:
    return (1, 8, 128, 64) if n <= 1 << 16 else (8, 8, 1024, 64)


_attention = "F.scaled_dot_product_attention(a, b, c, is_causal=True)"
row("attention", _attention, normal(3, heads))
row("attention, back", _attention, normal(3, heads), backward=("a", "b", "c"))
row("rope", "a * b + L.cat([-a[..., 512:], a[..., :512]], -1) * c", normal(3))
row("swiglu", "F.silu(a) * b", normal(2))
row("swiglu, back", "F.silu(a) * b", normal(2), backward=("a", "b"))
row(
    "lstm",
    "m(a)[0]",
    normal(1, lambda n: (n // 2048, 32, 64)),
    setup="L.nn.LSTM(64, 64, batch_first=True)",
    random=True,
)
row(
    "lstm, back",
    "m(a)[0]",
    normal(1, lambda n: (n // 2048, 32, 64)),
    setup="L.nn.LSTM(64, 64, batch_first=True)",
    backward=("a",),
    random=True,
)
