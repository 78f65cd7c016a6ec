"""pyproject.toml, constraints.txt and the plugins agree with each other."""

from __future__ import annotations

import tomllib
from importlib.metadata import entry_points

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))


def pins() -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            found.setdefault(canonicalize_name(pin.name), []).append(pin)
    return found


def requirements() -> list[str]:
    listed = PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"]
    for group in PROJECT["dependency-groups"].values():
        listed += [entry for entry in group if isinstance(entry, str)]
    return listed


@pytest.mark.parametrize("text", requirements())
def test_constraints_pin_every_dependency_within_its_range(text):
    wanted = Requirement(text)
    pinned = pins().get(canonicalize_name(wanted.name))
    assert pinned, f"constraints.txt lacks {wanted.name}"
    for pin in pinned:
        (exact,) = pin.specifier
        assert exact.operator == "==" and wanted.specifier.contains(exact.version)


def test_every_plugin_is_an_extra_a_member_and_a_source_and_nothing_else_is():
    names = {plugin.name for plugin in PLUGINS}
    assert set(PROJECT["project"]["optional-dependencies"]) == names
    uv = PROJECT["tool"]["uv"]
    assert set(uv["workspace"]["members"]) == {f"plugins/{name}" for name in names}
    distributions = {f"vidya-runtime-{name}" for name in names}
    assert set(uv["sources"]) == distributions | {"vidya-runtime"}


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_a_plugin_builds_with_the_installed_header_and_shares_the_version(plugin):
    metadata = tomllib.loads((plugin / "pyproject.toml").read_text())
    required = {Requirement(text).name for text in metadata["build-system"]["requires"]}
    assert "vidya-runtime" in required
    assert metadata["project"]["name"] == f"vidya-runtime-{plugin.name}"
    assert metadata["project"]["version"] == PROJECT["project"]["version"]
    assert plugin.name in metadata["project"]["entry-points"]["vidya.backends"]


def test_the_cmake_root_needs_no_working_runtime():
    (point,) = entry_points(group="cmake.root", name="Vidya")
    assert point.value == "vidya_cmake"
