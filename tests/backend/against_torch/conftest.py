"""One Draw per seed, test and device."""

import pytest
import vidya


@pytest.fixture(params=range(4), ids=lambda seed: f"seed{seed}")
def draw(request, device):
    if device not in ("numpy", "openblas"):
        pytest.skip("only devices that have strides and every dtype")
    vidya.device(device)
    from .draw import Draw

    return Draw(f"{request.node.originalname} {request.param}", device)
