"""Makes `pytest --pyargs vidya.testing --device NAME` know its options.

pytest imports this in every run of an environment that has vidya, so it is a package of its own
that imports nothing, and it stays out of the way of tests that are not vidya's.
"""


def pytest_load_initial_conftests(early_config, args):
    if any(arg == "vidya.testing" or arg.startswith("vidya.testing.") for arg in args):
        early_config.pluginmanager.import_plugin("vidya.testing.plugin")
