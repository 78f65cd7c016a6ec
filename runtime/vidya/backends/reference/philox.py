"""Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011)."""

from __future__ import annotations

import numpy as np

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox4x32(counter: np.ndarray, key: tuple[int, int], rounds: int = 10) -> np.ndarray:
    """Four random words per counter.  counter: [N, 4] uint32; key: two words -> [N, 4] uint32."""
    c0, c1, c2, c3 = (counter[:, i].astype(np.uint64) for i in range(4))
    k0, k1 = key
    for _ in range(rounds):
        p0, p1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2  # 32 x 32 -> 64 bits: never overflows
        c0, c1, c2, c3 = (
            (p1 >> _HALF) ^ c1 ^ np.uint64(k0),
            p1 & _LOW,
            (p0 >> _HALF) ^ c3 ^ np.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


def random_words(key: int, offset: int, count: int) -> np.ndarray:
    """Words 0 .. count-1 of the stream: word i is word i % 4 of counter (offset + i // 4, 0)."""
    blocks = np.arange((count + 3) // 4, dtype=np.uint64)
    low = blocks + np.uint64(offset & 0xFFFFFFFFFFFFFFFF)  # wraps at 2**64
    zero = np.zeros_like(low)
    counter = np.stack([low & _LOW, low >> _HALF, zero, zero], axis=1).astype(np.uint32)
    return philox4x32(counter, (key & 0xFFFFFFFF, (key >> 32) & 0xFFFFFFFF)).ravel()[:count]
