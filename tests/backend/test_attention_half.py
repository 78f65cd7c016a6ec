"""Attention in 16-bit floats, forward and backward, against float64 on the same rounded inputs."""

import numpy as np
import pytest
import vidya
from vidya.nn import functional as F

# (B, H, H of keys, T, S, D, D of values): whole blocks, ragged ones, one query, few keys
SHAPES = [
    (2, 4, 2, 130, 130, 33, 17),
    (1, 2, 1, 97, 250, 64, 32),
    (1, 3, 3, 190, 127, 40, 50),
    (1, 2, 2, 1, 300, 16, 16),
    (1, 1, 1, 5, 7, 8, 8),
]


def _run(arrays, mask, device, dtype, **options):
    q, k, v, g = (vidya.tensor(a, device=device, dtype=dtype) for a in arrays)
    leaves = [t.requires_grad_() for t in (q, k, v)]
    mask = None if mask is None else vidya.tensor(mask, device=device, dtype=dtype)
    out = F.scaled_dot_product_attention(*leaves, attn_mask=mask, enable_gqa=True, **options)
    out.backward(g)
    return [
        t.detach().to("numpy").to(vidya.float64).numpy()
        for t in (out, *(leaf.grad for leaf in leaves))
    ]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["full", "causal", "mask"])
@pytest.mark.parametrize("dtype", [vidya.bfloat16, vidya.float16], ids=str)
def test_half_precision(device, shape, kind, dtype):
    B, H, K, T, S, D, E = shape
    rng = np.random.default_rng(T + S)
    sizes = [(B, H, T, D), (B, K, S, D), (B, K, S, E), (B, H, T, E), (T, S)]
    try:
        rounded = [
            vidya.tensor(rng.standard_normal(size, np.float32), device=device)
            .to(dtype)
            .float()
            .numpy()
            for size in sizes
        ]
    except vidya.errors.UnsupportedError as error:
        pytest.skip(f"{device}: {error}")
    *arrays, mask = rounded
    mask = mask if kind == "mask" else None
    causal = kind == "causal"
    want = _run(arrays, mask, "numpy", vidya.float64, is_causal=causal)
    got = _run(arrays, mask, device, dtype, is_causal=causal)
    for name, a, b in zip(("out", "dq", "dk", "dv"), got, want, strict=True):
        # a few roundings to 8 bits; where the truth is small, those of terms of about 1
        error = np.linalg.norm(a - b) / max(np.linalg.norm(b), np.sqrt(b.size))
        assert error < 0.02, f"{name}: {error:.4f} from float64"
