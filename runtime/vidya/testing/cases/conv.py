"""Convolution, its transpose, windows as columns, padding."""

from __future__ import annotations

import itertools

import numpy as np

from ..case import S, Wrong, case


def per_dim(value, n):
    return (value,) * n if isinstance(value, int) else tuple(value)


def padded(x, padding, value=0.0):
    lead = x.ndim - len(padding)
    return np.pad(x, [(0, 0)] * lead + [(p, p) for p in padding], constant_values=value)


def conv(n):
    """Cross-correlation written out: one kernel position at a time."""

    def oracle(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        if x.ndim == n + 1:
            return oracle(x[None], weight, bias, stride, padding, dilation, groups)[0]
        stride, dilation, kernel = per_dim(stride, n), per_dim(dilation, n), weight.shape[2:]
        if isinstance(padding, str):
            total = [
                d * (k - 1) if padding == "same" else 0
                for d, k in zip(dilation, kernel, strict=True)
            ]
            x = np.pad(x, [(0, 0), (0, 0), *((t // 2, t - t // 2) for t in total)])
        else:
            x = padded(x, per_dim(padding, n))
        sizes = [
            (s - d * (k - 1) - 1) // t + 1
            for s, k, t, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
        ]
        count, outputs = x.shape[0], weight.shape[0]
        grouped = x.reshape(count, groups, x.shape[1] // groups, *x.shape[2:])
        rows = weight.reshape(groups, outputs // groups, -1, *kernel)
        out = np.zeros((count, groups, outputs // groups, *sizes), x.dtype)
        for place in itertools.product(*map(range, kernel)):
            cut = tuple(
                slice(p * d, p * d + t * (m - 1) + 1, t)
                for p, d, t, m in zip(place, dilation, stride, sizes, strict=True)
            )
            seen = grouped[(slice(None),) * 3 + cut]
            out += np.einsum("goc,ngc...->ngo...", rows[(..., *place)], seen)
        out = out.reshape(count, outputs, *sizes)
        return out if bias is None else out + bias.reshape(-1, *(1,) * n)

    return oracle


def conv_transpose(n):
    """Every element of x spreads the kernel over the result."""

    def oracle(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
        stride, dilation, kernel = per_dim(stride, n), per_dim(dilation, n), weight.shape[2:]
        padding, extra = per_dim(padding, n), per_dim(output_padding, n)
        wide = [
            (s - 1) * t + d * (k - 1) + 1 + e
            for s, t, d, k, e in zip(x.shape[2:], stride, dilation, kernel, extra, strict=True)
        ]
        count, width = x.shape[0], weight.shape[1]
        grouped = x.reshape(count, groups, x.shape[1] // groups, *x.shape[2:])
        rows = weight.reshape(groups, -1, width, *kernel)
        out = np.zeros((count, groups, width, *wide), x.dtype)
        for place in itertools.product(*map(range, kernel)):
            cut = tuple(
                slice(p * d, p * d + t * (m - 1) + 1, t)
                for p, d, t, m in zip(place, dilation, stride, x.shape[2:], strict=True)
            )
            part = np.einsum("gco,ngc...->ngo...", rows[(..., *place)], grouped)
            out[(slice(None),) * 3 + cut] += part
        keep = tuple(slice(p, w - p) for p, w in zip(padding, wide, strict=True))
        out = out[(slice(None),) * 3 + keep].reshape(
            count, groups * width, *(k.stop - k.start for k in keep)
        )
        return out if bias is None else out + bias.reshape(-1, *(1,) * n)

    return oracle


_SIZES = {1: (6,), 2: (5, 4), 3: (3, 4, 3)}


def _conv(n):
    def samples(t):
        size, k = _SIZES[n], (2, 3, 2)[:n]
        yield S(t(2, 2, *size), t(3, 2, *k), t(3))
        yield S(t(1, 2, *size), t(2, 2, *k), None, stride=2, padding=1)
        yield S(t(1, 4, *size), t(2, 2, *k), t(2), groups=2)
        yield S(t(2, *size), t(3, 2, *(1,) * n))
        yield S(t(1, 2, *size), t(2, 2, *(2,) * n), dilation=2)
        yield S(t(1, 2, *size), t(2, 2, *(3,) * n), None, 1, "same")
        yield S(t(0, 2, *size), t(3, 2, *k)).forward_only()

    return samples


def _wrong_conv(n):
    def wrong(t):
        size = _SIZES[n]
        yield Wrong(S(t(1, 3, *size), t(2, 2, *(2,) * n)), ValueError, r"channels")
        yield Wrong(S(t(1, 2, *size), t(2, 2, *(9,) * n)), ValueError, r"does not fit")
        yield Wrong(S(t(1, 2, *size), t(2, 2, *(2,) * n), t(3)), ValueError, r"bias")

    return wrong


def _bench(n):
    return (lambda t: [S(t(8, 64, 56, 56), t(64, 64, 3, 3), None, padding=1)]) if n == 2 else None


for _n in (1, 2, 3):
    case(
        f"nn.functional.conv{_n}d",
        conv(_n),
        _conv(_n),
        types="fc",
        scale=8,
        wrong=_wrong_conv(_n),
        bench=_bench(_n),
    )


def _transposed(n):
    def samples(t):
        size, k = tuple(s - 1 for s in _SIZES[n]), (2, 3, 2)[:n]
        yield S(t(2, 3, *size), t(3, 2, *k), t(2))
        yield S(t(1, 2, *size), t(2, 2, *k), None, stride=2, padding=1, output_padding=1)
        yield S(t(1, 4, *size), t(4, 1, *k), t(2), groups=2)
        # room for windows that x does not have
        yield S(t(1, 2, *size), t(2, 1, *k), None, dilation=3, output_padding=2, stride=2)

    return samples


for _n in (1, 2, 3):
    case(
        f"nn.functional.conv_transpose{_n}d",
        conv_transpose(_n),
        _transposed(_n),
        types="fc",
        scale=8,
    )


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    kernel, dilation = per_dim(kernel_size, 2), per_dim(dilation, 2)
    stride, x = per_dim(stride, 2), padded(x, per_dim(padding, 2))
    counts = [
        (s - d * (k - 1) - 1) // t + 1
        for s, k, t, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    ]
    columns = [
        x[:, :, i * dilation[0] :: stride[0], j * dilation[1] :: stride[1]][
            :, :, : counts[0], : counts[1]
        ]
        for i in range(kernel[0])
        for j in range(kernel[1])
    ]
    return np.stack(columns, 2).reshape(x.shape[0], -1, counts[0] * counts[1])


def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """The adjoint of unfold, from its definition: where each element of the image came from."""
    shape = (1, 1, *per_dim(output_size, 2))
    size = int(np.prod(shape))
    where = unfold(np.arange(1.0, size + 1).reshape(shape), kernel_size, dilation, padding, stride)[
        0
    ]
    blocks = x.reshape(x.shape[0], -1, *where.shape)
    out = np.zeros((*blocks.shape[:2], size + 1), x.dtype)
    for i, j in np.ndindex(where.shape):
        out[:, :, int(where[i, j])] += blocks[:, :, i, j]
    return out[:, :, 1:].reshape(*blocks.shape[:2], *shape[2:])


case(
    "nn.functional.unfold",
    unfold,
    lambda t: [
        S(t(1, 2, 4, 5), 2),
        S(t(2, 1, 4, 4), (2, 3), padding=1, stride=2),
        S(t(1, 1, 5, 5), 2, dilation=2),
    ],
    types="fc",
)
case(
    "nn.functional.fold",
    fold,
    lambda t: [S(t(1, 8, 12), (4, 5), 2), S(t(1, 4, 9), (4, 4), 2, padding=1, stride=2)],
    scale=4,
    wrong=lambda t: [Wrong(S(t(1, 8, 11), (4, 5), 2), ValueError, r"12")],
    types="fc",
)


def pad(x, pad, mode="constant", value=None):
    widths = [(0, 0)] * (x.ndim - len(pad) // 2)
    widths += [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    cut = tuple(
        slice(max(-a, 0), s - max(-b, 0)) for (a, b), s in zip(widths, x.shape, strict=True)
    )
    widths = [(max(a, 0), max(b, 0)) for a, b in widths]
    if mode == "constant":
        return np.pad(x[cut], widths, constant_values=value or 0)
    return np.pad(
        x, widths, mode={"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    )


def _pad(t):
    yield S(t(2, 3), (1, 2))
    yield S(t(2, 3), (1, 2, 0, 1), value=1.5 if t.is_float else 1)
    yield S(t(4, 5), (-1, 1, 1, -2))
    yield S(t(0, 3), (1, 1))
    if t.is_float:
        yield S(t(1, 2, 4), (2, 3), "reflect")
        yield S(t(1, 2, 4), (2, 5), "replicate")
        yield S(t(1, 2, 4), (4, 1), "circular")
        yield S(t(1, 2, 4, 3), (1, 2, 3, 0), "reflect")


case(
    "nn.functional.pad",
    pad,
    _pad,
    types="fic",
    wrong=lambda t: [
        Wrong(S(t(1, 2, 3), (3, 1), "reflect"), ValueError, r"too much"),
        Wrong(S(t(2, 3), (1, 2, 3)), ValueError, r"pairs"),
    ],
)
