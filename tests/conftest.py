"""Every test with a `device` argument runs on every device that is present; see the plugin."""

pytest_plugins = ["vidya.testing.plugin"]
