"""The short-time Fourier transform and its inverse, with PyTorch's arguments."""

from __future__ import annotations

from .. import dtypes
from ..calls.arguments import explain
from ..fft import fft, ifft, irfft, rfft
from ..ops.pad import pad, pad_constant
from ..ops.sliding import windows, windows_backward
from ..tensor import Tensor


def _frame(
    name: str, x: Tensor, n_fft: int, hop: int | None, win: int | None, window: Tensor | None
) -> tuple[int, int, Tensor]:
    """Hop, window length, and the window filled up to [n_fft] with zeros on both sides."""
    hop = n_fft // 4 if hop is None else hop
    win = n_fft if win is None else win
    if n_fft < 1 or hop < 1 or not 0 < win <= n_fft:
        raise ValueError(
            f"{name}: needs n_fft > 0, hop_length > 0 and 0 < win_length <= n_fft, got {n_fft}, "
            f"{hop} and {win}"
        )
    if window is not None and window.shape != (win,):
        raise ValueError(f"{name}: window {tuple(window.shape)} must be [win_length], [{win}]")
    if window is None:
        real = x.dtype.to_real()
        window = x.new_full((win,), 1, real)
    if win < n_fft:
        left = (n_fft - win) // 2
        window = pad_constant(window, (left, n_fft - win - left), 0)
    return hop, win, window


def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool = True,
) -> Tensor:
    """The spectrum of every window of a signal. input [L] or [B, L] -> [(B,) frequencies, frames].

    Frame t starts at t * hop_length (n_fft // 4 if not given); it is multiplied by `window`
    [win_length] in its middle. center: frame t is centred there instead, the signal padded by
    pad_mode. normalized: divided by sqrt(n_fft). onesided (True for real input): n_fft / 2 + 1
    frequencies. return_complex=False: [..., 2], real and imaginary parts.
    """
    if input.ndim not in (1, 2):
        raise ValueError(f"stft: takes [L] or [B, L], got {tuple(input.shape)}")
    if input.dtype.category < dtypes.FLOAT:
        raise TypeError(f"stft: takes floating or complex tensors, not {input.dtype.name}")
    x = input.unsqueeze(0) if input.ndim == 1 else input
    hop, _, window = _frame("stft", x, n_fft, hop_length, win_length, window)
    if center:
        half = n_fft // 2
        x = pad(x.unsqueeze(0), (half, half), pad_mode).squeeze(0)
    if x.shape[-1] < n_fft:
        raise ValueError(f"stft: n_fft {n_fft} exceeds the signal's length {x.shape[-1]}")
    is_complex = x.dtype.is_complex or window.dtype.is_complex
    onesided = not is_complex if onesided is None else onesided
    if onesided and is_complex:
        raise ValueError(
            "stft: a complex signal or window has no one-sided spectrum; onesided=False"
        )
    frames = windows(x, (n_fft,), (hop,), (1,)).mT * window  # [B, frames, n_fft]
    norm = "ortho" if normalized else "backward"
    out = (rfft if onesided else fft)(frames, norm=norm).mT
    out = out.squeeze(0) if input.ndim == 1 else out
    return out if return_complex else _as_real(out)


def _as_real(x: Tensor) -> Tensor:
    from ..ops.complex import view_as_real

    return view_as_real(x)


def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal whose stft is nearest to input [(B,) frequencies, frames], complex.

    Overlapping frames, windowed again, are added and divided by the sum of the squared windows.
    ValueError where that sum is 0. (Griffin and Lim, 1984)
    """
    if input.ndim not in (2, 3) or not input.dtype.is_complex:
        raise ValueError(
            f"istft: takes complex [F, T] or [B, F, T], got {input.dtype.name} {tuple(input.shape)}"
        )
    x = input.unsqueeze(0) if input.ndim == 2 else input
    hop, _, window = _frame("istft", x, n_fft, hop_length, win_length, window)
    rows = x.shape[1]
    if onesided is None:
        onesided = rows != n_fft
    if rows != (n_fft // 2 + 1 if onesided else n_fft):
        raise ValueError(f"istft: {rows} frequencies do not fit n_fft {n_fft}, onesided={onesided}")
    if return_complex and onesided:
        raise ValueError("istft: a one-sided spectrum gives a real signal; return_complex=False")
    norm = "ortho" if normalized else "backward"
    if return_complex:
        frames = ifft(x.mT, norm=norm)
    else:  # of a two-sided spectrum the second half repeats the first
        frames = irfft(x.narrow(1, 0, n_fft // 2 + 1).mT, n_fft, norm=norm)
    count = frames.shape[1]
    total = n_fft + hop * (count - 1)
    parts = (frames * window).mT  # [B, n_fft, frames]
    signal = windows_backward(parts, (total,), (n_fft,), (hop,), (1,))
    square = (window * window).reshape(1, n_fft, 1).expand(1, n_fft, count)
    weight = windows_backward(square, (total,), (n_fft,), (hop,), (1,))
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - (n_fft // 2 if center else 0)
    stop = min(end, total)
    signal, weight = signal[:, start:stop], weight[:, start:stop]
    if stop > start and not float(weight.abs().amin()) > 1e-11:
        raise ValueError("istft: the windows leave samples uncovered: use a smaller hop_length")
    out = signal / weight
    if end > stop:
        out = pad_constant(out, (0, end - stop), 0)
    return out.squeeze(0) if input.ndim == 2 else out


explain(globals(), ("stft", "istft"))
