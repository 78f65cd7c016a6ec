"""Every test with a `device` argument runs on every device that is present; see the plugin."""

import pytest
import vidya

pytest_plugins = ["vidya.testing.plugin"]


@pytest.fixture
def float64_device(device: str) -> str:
    """A device that computes in float64."""
    try:
        (vidya.ones(2, 2, dtype=vidya.float64, device=device) @ vidya.ones(2, 2).to(device)).sum()
    except vidya.errors.UnsupportedError as error:
        pytest.skip(f"{device} has no float64: {error}")
    return device
