"""Finding devices: lazily, one at a time, and none harmed by another."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from vidya.backends import PluginWarning, registry
from vidya.errors import BackendError, DeviceError

GOOD = """
    from vidya.backends import hookimpl

    @hookimpl
    def vidya_backend():
        return __name__ + ".so"
"""


def backend(name, module):
    return {"vidya.backends": {name: module}}


def test_names_import_no_plugin(site):
    site.install("vidya-a", backend("adev", "a_plugin"), a_plugin=GOOD)
    assert "adev" in registry.names()
    assert registry.names() == sorted(registry.names())
    assert {"numpy", "openblas", "webgpu", "metal", "ttnn"} <= set(registry.names())
    assert "a_plugin" not in sys.modules


def test_opening_one_device_imports_exactly_its_plugin(site):
    site.install("vidya-a", backend("adev", "a_plugin"), a_plugin=GOOD)
    site.install("vidya-b", backend("bdev", "b_plugin"), b_plugin=GOOD)
    site.install(
        "vidya-k", {"vidya.kernels": {"bdev": "k_plugin"}}, k_plugin="raise RuntimeError('k')"
    )
    assert registry.load("adev") == "a_plugin.so"
    assert "a_plugin" in sys.modules
    assert "b_plugin" not in sys.modules and "k_plugin" not in sys.modules


def test_importing_vidya_imports_no_plugin(site):
    site.install("vidya-a", backend("adev", "a_plugin"), a_plugin="raise SystemExit(7)")
    site.install("vidya-m", {"vidya.models": {"m": "m_plugin"}}, m_plugin="raise SystemExit(8)")
    site.check("import vidya, sys; assert not {'a_plugin', 'm_plugin'} & set(sys.modules)")


def test_the_hook_is_called_once(site):
    site.install(
        "vidya-a",
        backend("adev", "a_plugin"),
        a_plugin="""
            from vidya.backends import hookimpl
            calls = []
            @hookimpl
            def vidya_backend():
                calls.append(1)
                return object()
        """,
    )
    assert registry.load("adev") is registry.load("adev")
    assert sys.modules["a_plugin"].calls == [1]


def test_a_plugin_may_be_an_object(site):
    site.install(
        "vidya-a",
        backend("adev", "a_plugin:plugin"),
        a_plugin="""
            from pathlib import Path
            from vidya.backends import hookimpl
            class Plugin:
                @hookimpl
                def vidya_backend(self):
                    return Path("a") / "b.so"
            plugin = Plugin()
        """,
    )
    assert registry.load("adev") == str(Path("a") / "b.so")


def test_numpy_is_built_in():
    source = registry.load("numpy")
    assert (source.name, source.count()) == ("numpy", 1)
    assert registry.origin("numpy").distribution == "vidya-runtime"


def test_nobody_else_can_claim_numpy(site):
    site.install("vidya-a", backend("numpy", "a_plugin"), a_plugin=GOOD)
    assert registry.load("numpy").name == "numpy"
    assert "a_plugin" not in sys.modules


@pytest.mark.parametrize("name", ["ttnn", "metal", "webgpu", "openblas"])
def test_a_device_of_ours_that_is_not_installed(name, monkeypatch):
    monkeypatch.setattr(registry, "find", lambda group: [])
    with pytest.raises(BackendError) as caught:
        registry.load(name)
    assert f"device {name!r} is not installed: " in str(caught.value)
    published = name == "openblas"
    assert ("pip install vidya-runtime[openblas]" in str(caught.value)) == published
    assert ("not published yet" in str(caught.value)) != published


def test_pip_lines_name_extras_that_exist():
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    extras = tomllib.loads(pyproject.read_text())["project"]["optional-dependencies"]
    lines = {name: line for name, line in registry.FIRST_PARTY.items() if line}
    assert lines == {
        name: f"pip install vidya-runtime[{name}]" for name in extras if name != "numpy"
    }


def test_an_unknown_device_lists_the_known_ones(site):
    site.install("vidya-a", backend("adev", "a_plugin"), a_plugin=GOOD)
    with pytest.raises(DeviceError) as caught:
        registry.load("nunpy")
    assert str(caught.value).startswith(
        "unknown device 'nunpy', did you mean 'numpy'? Devices: adev, metal (not installed), numpy"
    )
    with pytest.raises(DeviceError, match=r"unknown device 'quux'\. Devices: adev"):
        registry.load("quux")
    assert "a_plugin" not in sys.modules


BROKEN = {
    "raises": ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
    "chained": (
        """
        try:
            raise OSError("libchip.so.3: cannot open\\nshared object file")
        except OSError as error:
            raise ImportError("chip is unusable") from error
        """,
        "OSError: libchip.so.3: cannot open shared object file",
    ),
    "imports": ("import no_such_module_anywhere", "No module named 'no_such_module_anywhere'"),
    "syntax": ("def", "SyntaxError: "),
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "empty": ("", "it has no vidya_backend() hook; define it there and mark it with"),
    "unmarked": ("def vidya_backend(): return 'x.so'", "it has no vidya_backend() hook"),
    "misspelt": (GOOD.replace("vidya_backend", "vidya_backends"), "unknown hook 'vidya_backends'"),
    "argument": (GOOD.replace("backend()", "backend(what)"), "{'what'}"),
    "hook raises": (GOOD.replace("return", "raise OSError('bus') #"), "OSError: bus"),
    "returns None": (GOOD.replace("return", "None #"), "vidya_backend() returned None; it must"),
}


@pytest.mark.parametrize("code, cause", BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_named_and_harms_no_other(site, code, cause):
    site.install("vidya-bad", backend("bad", "bad_plugin"), version="2.7", bad_plugin=code)
    site.install("vidya-good", backend("good", "good_plugin"), good_plugin=GOOD)
    with pytest.raises(BackendError) as caught:
        registry.load("bad")
    text = str(caught.value)
    entry = "entry point 'bad = bad_plugin' in group vidya.backends of vidya-bad 2.7 is broken: "
    assert text.startswith(entry)
    assert cause in text
    assert "\n" not in text
    assert registry.load("good") == "good_plugin.so"


def test_an_entry_point_that_names_nothing(site):
    site.install("vidya-bad", {"vidya.backends": {"bad": "not a module!", "worse": "sys:nothing"}})
    for name in ("bad", "worse"):
        with pytest.raises(BackendError, match=f"entry point '{name} = .*' .* of vidya-bad 1.0"):
            registry.load(name)


def test_unreadable_metadata_is_reported_and_harms_no_other(site):
    info = site.install("vidya-bad", backend("bad", "bad_plugin"))
    (info / "entry_points.txt").write_text("[vidya.backends]\nno equals sign\n")
    site.install("vidya-good", backend("good", "good_plugin"), good_plugin=GOOD)
    with pytest.warns(PluginWarning, match=r"entry_points.txt of vidya-bad cannot be read"):
        assert registry.load("good") == "good_plugin.so"


def test_a_repaired_plugin_loads_without_a_restart(site):
    site.install("vidya-bad", backend("bad", "bad_plugin"), bad_plugin="raise OSError")
    with pytest.raises(BackendError, match="OSError"):
        registry.load("bad")
    (site.path / "bad_plugin.py").write_text(
        "from good_plugin import *\n# longer, so no stale .pyc"
    )
    site.install("vidya-good", backend("good", "good_plugin"), good_plugin=GOOD)
    assert registry.load("bad") == "good_plugin.so"


def test_two_claims_to_one_device_name_both(site):
    site.install("vidya-a", backend("dev", "a_plugin"), a_plugin=GOOD)
    site.install("vidya-b", backend("dev", "b_plugin"), b_plugin=GOOD)
    with pytest.raises(BackendError, match=r"claimed by vidya-a 1.0 and vidya-b 1.0: uninstall"):
        registry.load("dev")
    state = next(s for s in registry.states(lambda name: 1) if s.name == "dev")
    assert state.status == registry.BROKEN and "claimed by" in state.reason


def test_a_distribution_hides_its_older_copy_further_down_the_path(site, tmp_path, monkeypatch):
    site.install("vidya-a", backend("dev", "a_plugin"), a_plugin=GOOD)
    older = type(site)(tmp_path / "older")
    older.install("Vidya_A", backend("dev", "old_plugin"), version="0.1", old_plugin=GOOD)
    monkeypatch.syspath_prepend(older.path)
    monkeypatch.syspath_prepend(site.path)
    assert registry.origin("dev").version == "1.0"


def test_states_tell_the_four_cases_apart(site):
    site.install("vidya-a", backend("fine", "a_plugin"), a_plugin=GOOD)
    site.install("vidya-b", backend("bad", "b_plugin"), b_plugin="raise OSError('libb.so')")
    site.install("vidya-c", backend("bare", "c_plugin"), c_plugin=GOOD)
    site.install("vidya-d", backend("dead", "d_plugin"), d_plugin=GOOD)

    def count(name):
        if name == "dead":
            raise DeviceError("the driver does not answer")
        return {"fine": 2, "numpy": 1}.get(name, 0)

    states = {state.name: state for state in registry.states(count)}
    assert (states["fine"].status, states["fine"].count) == (registry.READY, 2)
    assert states["numpy"].status == registry.READY
    assert states["bare"].status == registry.NO_HARDWARE
    assert (states["bad"].status, states["bad"].reason) == (registry.BROKEN, "OSError: libb.so")
    assert states["bad"].plugin.distribution == "vidya-b"
    assert states["dead"].status == registry.BROKEN
    assert states["dead"].reason == "the driver does not answer"
    assert states["ttnn"].status == registry.NOT_INSTALLED
    assert states["ttnn"].reason == "it is not published yet"
