"""Fourier transforms."""

from __future__ import annotations

import importlib

import numpy as np

from ..case import S, Wrong, case

_OPTIONS = {"skip_dtypes": ("bfloat16", "float16"), "scale": 16}


def complex_of(kind):
    return kind if kind.is_complex else kind.to_complex()


def real_of(kind):
    return kind.to_real()


def same_library(tensor):
    """The library that a tensor is of: these rows also run on others."""
    return importlib.import_module(type(tensor).__module__.split(".")[0])


def _sizes(t):
    yield S(t(5))
    yield S(t(2, 8), norm="ortho")
    yield S(t(3, 6), 4, 0, "forward")
    yield S(t(3, 4), 7)


def _spectra(t):
    yield S(t(5))
    yield S(t(2, 5), 8, norm="ortho")
    yield S(t(3, 4), 5, 0, "forward")
    yield S(t(2, 70)).forward_only()  # longer than one matrix product


for _name in ("fft", "ifft"):
    case(
        f"fft.{_name}",
        getattr(np.fft, _name),
        lambda t: [*_sizes(t), S(t(67)).forward_only(), S(t(2, 72)).forward_only()],
        types="fc",
        out=complex_of,
        wrong=lambda t: [
            Wrong(S(t(3, 4), 0), ValueError, "positive"),
            Wrong(S(t(3), None, 2), IndexError, "dim"),
            Wrong(S(t(3), None, -1, "half"), ValueError, "norm"),
        ],
        bench=lambda t: [S(t(64, 4096))],
        **_OPTIONS,
    )
for _name in ("rfft", "ihfft"):
    case(f"fft.{_name}", getattr(np.fft, _name), _sizes, out=complex_of, **_OPTIONS)
for _name in ("irfft", "hfft"):
    case(
        f"fft.{_name}",
        getattr(np.fft, _name),
        _spectra,
        types="c",
        out=real_of,
        **_OPTIONS,
    )


def _axes(function, size):
    """PyTorch's s and dim, which are NumPy's s and axes; and what either leaves open."""

    def oracle(x, s=None, dim=size, norm=None):
        if s is not None and dim is None:
            dim = tuple(range(x.ndim - len(s), x.ndim))
        return function(x, s, dim, norm)

    return oracle


_TWO = (-2, -1)
for _name in ("fftn", "ifftn", "rfftn"):
    case(
        f"fft.{_name}",
        _axes(getattr(np.fft, _name), None),
        lambda t: [S(t(2, 3, 4)), S(t(2, 3, 4), (4, 2)), S(t(2, 3, 4), None, (0, 2), "ortho")],
        types="f" if _name == "rfftn" else "fc",
        out=complex_of,
        **_OPTIONS,
    )
for _name in ("fft2", "ifft2", "rfft2"):
    case(
        f"fft.{_name}",
        _axes(getattr(np.fft, _name), _TWO),
        lambda t: [S(t(2, 3, 4)), S(t(3, 4), (4, 6)), S(t(2, 3, 4), None, (0, 1), "forward")],
        types="f" if _name == "rfft2" else "fc",
        out=complex_of,
        **_OPTIONS,
    )
case(
    "fft.irfftn",
    _axes(np.fft.irfftn, None),
    lambda t: [S(t(2, 3, 4)), S(t(2, 3, 3), (3, 4)), S(t(2, 3, 4), None, (2, 0), "ortho")],
    types="c",
    out=real_of,
    **_OPTIONS,
)
case(
    "fft.irfft2",
    _axes(np.fft.irfft2, _TWO),
    lambda t: [S(t(2, 3, 4)), S(t(3, 4), (4, 6))],
    types="c",
    out=real_of,
    **_OPTIONS,
)


def _shift(name):
    return lambda x, dim=None: getattr(np.fft, name)(x, dim)


for _name in ("fftshift", "ifftshift"):
    case(
        f"fft.{_name}",
        _shift(_name),
        lambda t: [S(t(5)), S(t(3, 4)), S(t(3, 4), 1), S(t(2, 3, 4), (0, 2))],
        types="fc",
        skip_dtypes=("bfloat16", "float16"),
    )


def stft(x, n_fft, hop=None, window=None, center=True):
    hop = hop or n_fft // 4
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n_fft // 2, n_fft // 2)], mode="reflect")
    count = (x.shape[-1] - n_fft) // hop + 1
    frames = np.stack([x[..., i * hop : i * hop + n_fft] for i in range(count)], -1)
    return np.fft.rfft(frames * (np.ones(n_fft) if window is None else window)[:, None], axis=-2)


def _stft_called(x, n_fft, hop, window, center=True):
    library = same_library(x)
    y = library.stft(x, n_fft, hop, n_fft, window, center=center, return_complex=True)
    return library.view_as_real(y.resolve_conj() if hasattr(y, "resolve_conj") else y)


def _stft_oracle(x, n_fft, hop, window, center=True):
    y = stft(x, n_fft, hop, window, center)
    return np.stack([y.real, y.imag], -1)


def _istft_called(x, n_fft, hop, window):
    library = same_library(x)
    return library.istft(library.view_as_complex(x), n_fft, hop, n_fft, window)


def _istft_oracle(x, n_fft, hop, window):
    frames = np.fft.irfft(x[..., 0] + 1j * x[..., 1], n_fft, axis=-2)
    count = frames.shape[-1]
    out = np.zeros((*frames.shape[:-2], n_fft + hop * (count - 1)))
    weight = np.zeros(out.shape[-1])
    for i in range(count):
        out[..., i * hop : i * hop + n_fft] += frames[..., i] * window
        weight[i * hop : i * hop + n_fft] += window**2
    cut = slice(n_fft // 2, out.shape[-1] - n_fft // 2)
    return out[..., cut] / weight[cut]


case(
    "stft",
    _stft_oracle,
    lambda t: [
        S(t(2, 12), 6, 2, t.positive(6)),
        S(t(16), 8, 3, t.positive(8), False),
    ],
    fn=_stft_called,
    complex_inside=True,
    **_OPTIONS,
)


def _stft_of_complex(x, n_fft, hop, window):
    return same_library(x).stft(
        x, n_fft, hop, n_fft, window, center=False, onesided=False, return_complex=True
    )


def _stft_of_complex_oracle(x, n_fft, hop, window):
    count = (x.shape[-1] - n_fft) // hop + 1
    frames = np.stack([x[..., i * hop : i * hop + n_fft] for i in range(count)], -1)
    return np.fft.fft(frames * window[:, None], axis=-2)


case(
    "stft_complex",
    _stft_of_complex_oracle,
    lambda t: [S(t(2, 12), 6, 2, t(6))],
    fn=_stft_of_complex,
    types="c",
    scale=16,
)
case(
    "istft",
    _istft_oracle,
    lambda t: [S(t(2, 4, 5, 2), 6, 2, t.positive(6)), S(t(5, 4, 2), 8, 3, t.positive(8))],
    fn=_istft_called,
    complex_inside=True,
    **_OPTIONS,
)
