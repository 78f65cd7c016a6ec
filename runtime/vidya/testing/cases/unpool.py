"""What undoes max pooling."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case


def unpool(n):
    def oracle(x, at, kernel, stride=None, padding=0, output_size=None):
        stride = kernel if stride is None else stride
        sizes = tuple((s - 1) * stride - 2 * padding + kernel for s in x.shape[-n:])
        sizes = sizes if output_size is None else tuple(output_size)[-n:]
        out = np.zeros((*x.shape[:-n], *sizes), x.dtype)
        for place in np.ndindex(*x.shape):
            out[(*place[:-n], *np.unravel_index(at[place], sizes))] = x[place]
        return out

    return oracle


def _places(n, step):
    """Where pooling by `step` could have found a maximum: each window's last element."""
    last = [np.arange(s) * step + step - 1 for s in (3, 2, 2)[:n]]
    sizes = tuple(len(at) * step for at in last)
    return np.ravel_multi_index(np.meshgrid(*last, indexing="ij"), sizes), sizes


def _samples(n):
    def samples(t):
        at, sizes = _places(n, 2)
        for lead in ((2, 3), (1,), (0, 2)):
            yield S(t(*lead, *at.shape), np.broadcast_to(at, (*lead, *at.shape)).copy(), 2)
        wider = (*sizes[:-1], sizes[-1] + 1)
        places = np.ravel_multi_index(np.unravel_index(at, sizes), wider)[None, None]
        yield S(t(1, 1, *at.shape), places, 2, 2, 0, wider)
        yield S(t(1, 1, *at.shape), places, 2, output_size=(1, 1, *wider))

    return samples


def _wrong(n):
    def wrong(t):
        at = _places(n, 2)[0][None]
        name = f"max_unpool{n}d: "
        yield Wrong(S(t(2, *at.shape[1:]), at, 2), ValueError, name + ".*that shape")
        yield Wrong(S(t(*at.shape), at, 2, output_size=(9,) * n), ValueError, name + "output_size")
        yield Wrong(S(t(*at.shape), at, 2, output_size=(4,) * 9), ValueError, name + "output_size")

    return wrong


for _n in (1, 2, 3):
    case(f"nn.functional.max_unpool{_n}d", unpool(_n), _samples(_n), wrong=_wrong(_n))
