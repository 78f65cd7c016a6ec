"""Every test with a `device` argument runs on every device that is present; see the plugin."""

import pytest
import vidya
from hypothesis import HealthCheck, settings

pytest_plugins = ["vidya.testing.plugin"]

# how long an example takes says how busy the machine is
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture
def float64_device(device: str) -> str:
    """A device that computes in float64."""
    try:
        (vidya.ones(2, 2, dtype=vidya.float64, device=device) @ vidya.ones(2, 2).to(device)).sum()
    except vidya.errors.UnsupportedError as error:
        pytest.skip(f"{device} has no float64: {error}")
    return device
