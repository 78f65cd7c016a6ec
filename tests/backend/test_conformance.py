"""The conformance suite that plugin authors run, on the devices of this run."""

from vidya.testing.conformance.test_forward import *  # noqa: F403
from vidya.testing.conformance.test_gradient import *  # noqa: F403
