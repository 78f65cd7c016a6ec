"""The default dtype may change at any time: remembered plans must not outlive it."""

import vidya


def test_numbers_take_the_default_dtype_of_the_moment(float64_device):
    x = vidya.tensor([1, 2], device=float64_device)
    double = vidya.compile(lambda t: t * 0.5)
    assert (x * 0.5).dtype is vidya.float32 and double(x).dtype is vidya.float32
    vidya.set_default_dtype(vidya.float64)
    try:
        assert (x * 0.5).dtype is vidya.float64 and double(x).dtype is vidya.float64
    finally:
        vidya.set_default_dtype(vidya.float32)
    assert (x * 0.5).dtype is vidya.float32
