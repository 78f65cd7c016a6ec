"""The conformance suite on the devices that catch a runtime's mistakes."""

import pytest
from vidya.testing import fakes
from vidya.testing.conformance.test_forward import *  # noqa: F403
from vidya.testing.conformance.test_gradient import *  # noqa: F403

pytestmark = pytest.mark.devices(*fakes.NAMES)


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory):
    directory = fakes.install(tmp_path_factory.mktemp("fakes"))
    yield
    fakes.uninstall(directory)
