"""What plugins register; and a proof that every hook is documented and tested."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pytest
from vidya.backends import PluginWarning, hookspecs, registry
from vidya.errors import BackendError, ConfigError

HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("vidya_"))
TESTS = Path(__file__).parent


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_one_line_docstring(hook):
    doc = getattr(hookspecs, hook).__doc__
    assert doc and "\n" not in doc and doc.endswith(".") and len(doc) > 20


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_docs_section(hook):
    text = (TESTS.parents[1] / "docs" / "hooks.md").read_text()
    sections = dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", text, flags=re.MULTILINE))
    signature = f"{hook}{inspect.signature(getattr(hookspecs, hook))}"
    assert signature in sections, f"docs/hooks.md has no section '## {signature}'"
    assert "```python" in sections[signature] and len(sections[signature]) > 200


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_test(hook):
    tests = [
        function
        for path in TESTS.glob("test_*.py")
        for function in re.split(r"^(?=def )", path.read_text(), flags=re.MULTILINE)
        if function.startswith("def test_") and f"def {hook}(" in function
    ]
    assert tests, f"no test in tests/plugins has a plugin that implements {hook}"


def test_every_hook_is_a_hook():
    hooks = {n for n, f in vars(hookspecs).items() if hasattr(f, f"{hookspecs.PROJECT}_spec")}
    assert hooks == set(HOOKS)
    assert HOOKS == ["vidya_backend", "vidya_kernels", "vidya_models", "vidya_tolerances"]


def test_vidya_backend(site):
    site.install(
        "vidya-a",
        {"vidya.backends": {"dev": "a_plugin"}},
        a_plugin="""
            from vidya.backends import hookimpl
            @hookimpl
            def vidya_backend():
                return "libdev.so"
        """,
    )
    assert registry.load("dev") == "libdev.so"


def test_kernels_of_the_owner_and_of_others_are_in_order(site):
    code = """
        from vidya.backends import hookimpl
        @hookimpl
        def vidya_backend():
            return "libdev.so"
        @hookimpl
        def vidya_kernels(register):
            register("dev", "relu", kernel, when=lambda x: x > {least})
            register.library("dev", __file__)
        def kernel(x):
            return {result}
    """
    owner = {"vidya.backends": {"dev": "owner"}, "vidya.kernels": {"dev": "owner"}}
    site.install("vidya-owner", owner, owner=code.format(least=5, result="'owner'"))
    for other in ("a", "b"):
        site.install(
            f"vidya-{other}",
            {"vidya.kernels": {"dev": f"{other}_kernels", "other": f"{other}_kernels"}},
            **{f"{other}_kernels": code.format(least=0, result=repr(other))},
        )
    kernels = registry.kernels_for("dev")
    plugins = ["vidya-owner", "vidya-a", "vidya-b"]
    assert [kernel.distribution for kernel in kernels.python["relu"]] == plugins
    assert [Path(library.path).stem for library in kernels.libraries] == [
        "owner",
        "a_kernels",
        "b_kernels",
    ]
    assert kernels.find("relu", 9).fn(9) == "owner"
    assert kernels.find("relu", 3).fn(3) == "a"
    assert kernels.find("relu", -1) is None
    assert kernels.find("gelu", 9) is None
    assert registry.kernels_for("dev") is kernels
    assert registry.kernels_for("numpy").python == {}


BAD_KERNELS = {
    "raises": ("raise OSError('libk.so')", "OSError: libk.so"),
    "other device": ("register('numppy', 'relu', len)", "add 'numppy = ...' to [vidya.kernels]"),
    "not callable": ("register('numpy', 'relu', 3)", "the kernel for relu is not callable: 3"),
    "bad when": ("register('numpy', 'relu', len, when=3)", "the `when` for relu is not callable"),
    "no op": ("register('numpy', '', len)", "an op's name is a string, not ''"),
    "no library": ("register.library('numpy', 'lib_none.so')", "lib_none.so is not there"),
}


@pytest.mark.parametrize("line, cause", BAD_KERNELS.values(), ids=BAD_KERNELS)
def test_a_broken_kernel_plugin_is_left_out_whole_and_named(site, line, cause):
    code = """
        from vidya.backends import hookimpl
        @hookimpl
        def vidya_kernels(register):
            register("numpy", "relu", abs)
            {}
    """
    kernels = {"vidya.kernels": {"numpy": "bad"}}
    site.install("vidya-bad", kernels, bad=code.format(line))
    site.install("vidya-good", {"vidya.kernels": {"numpy": "good"}}, good=code.format(""))
    with pytest.warns(PluginWarning) as caught:
        found = registry.kernels_for("numpy")
    assert [kernel.distribution for kernel in found.python["relu"]] == ["vidya-good"]
    text = str(caught[0].message)
    assert len(caught) == 1 and "\n" not in text
    assert text.startswith("left out: entry point 'numpy = bad' in group vidya.kernels")
    assert "of vidya-bad 1.0 is broken: " in text and cause in text


def test_tolerances_of_kernel_plugins_replace_the_owners(site):
    code = """
        from vidya.backends import hookimpl
        @hookimpl
        def vidya_tolerances(register):
            register("dev", "exp", "float32", {rtol}, 0, "a table")
            register("dev", {op!r}, "bf16", 1e-2, 1e-3, "eight bits")
    """
    owner = {"vidya.backends": {"dev": "owner"}}
    site.install("vidya-owner", owner, owner=code.format(rtol=1e-3, op="log"))
    kernels = {"vidya.kernels": {"dev": "kernels"}}
    site.install("vidya-k", kernels, kernels=code.format(rtol=1e-5, op="tanh"))
    rows = registry.tolerances_for("dev")
    assert set(rows) == {("exp", "float32"), ("log", "bfloat16"), ("tanh", "bfloat16")}
    assert rows["exp", "float32"].rtol == 1e-5
    assert rows["log", "bfloat16"].reason == "eight bits"
    assert registry.tolerances_for("numpy") == {}


BAD_TOLERANCES = {
    "no reason": ("'exp', 'float32', 1e-3, 0, ' '", "the tolerance of exp in float32 gives no rea"),
    "negative": ("'exp', 'float32', -1, 0, 'x'", "rtol of exp in float32 is not a finite number"),
    "nan": ("'exp', 'float32', 0, float('nan'), 'x'", "atol of exp in float32 is not a finite"),
    "dtype": ("'exp', 'float31', 0, 0, 'x'", "unknown dtype 'float31'; the dtypes are bool,"),
    "twice": ("'sin', 'float32', 0, 0, 'x'", "two tolerances for sin in float32"),
}


@pytest.mark.parametrize("row, cause", BAD_TOLERANCES.values(), ids=BAD_TOLERANCES)
def test_a_bad_tolerance_of_an_owner_is_an_error(site, row, cause):
    code = f"""
        from vidya.backends import hookimpl
        @hookimpl
        def vidya_tolerances(register):
            register("dev", "sin", "float32", 1e-3, 0, "a table")
            register("dev", {row})
    """
    site.install("vidya-a", {"vidya.backends": {"dev": "a_plugin"}}, a_plugin=code)
    with pytest.raises(BackendError, match=r"entry point 'dev = a_plugin' .* of vidya-a") as caught:
        registry.tolerances_for("dev")
    assert cause in str(caught.value)


def test_models_are_imported_one_at_a_time(site):
    code = """
        from vidya.backends import hookimpl
        @hookimpl
        def vidya_models(register):
            register({name!r}, {name!r}.upper())
    """
    both = {"vidya.models": {"one": "m_one", "two": "m_two"}}
    site.install("m", both, m_one=code.format(name="one"), m_two=code.format(name="two"))
    assert {"one", "two"} <= set(registry.models())
    assert "m_one" not in sys.modules and "m_two" not in sys.modules
    assert registry.load_model("one") == "ONE"
    assert "m_two" not in sys.modules


BAD_MODELS = {
    "import": ("raise OSError('weights')", "OSError: weights"),
    "nothing": ("", "registers nothing, not 'mine'"),
    "other": ("register('yours', 1)", "registers yours, not 'mine'"),
    "twice": ("register('mine', 1); register('mine', 2)", "the model 'mine' twice: keep one"),
    "no name": ("register(7, 1)", "a model's name is a string, not 7"),
}


@pytest.mark.parametrize("line, cause", BAD_MODELS.values(), ids=BAD_MODELS)
def test_a_broken_model_plugin_is_named(site, line, cause):
    code = f"""
        from vidya.backends import hookimpl
        @hookimpl
        def vidya_models(register):
            {line or "pass"}
    """
    site.install("m", {"vidya.models": {"mine": "m_mine"}}, m_mine=code)
    with pytest.raises(BackendError, match=r"entry point 'mine = m_mine' .* of m 1.0 is broken"):
        registry.load_model("mine")
    with pytest.raises(BackendError) as caught:
        registry.load_model("mine")
    assert cause in str(caught.value)


def test_an_unknown_model_lists_the_known_ones(site):
    site.install("m", {"vidya.models": {"tinygpt": "m_tiny"}})
    with pytest.raises(ConfigError, match=r"unknown model 'tinygtp', did you mean 'tinygpt'\? Mod"):
        registry.load_model("tinygtp")


def test_two_claims_to_one_model_name_both(site):
    for name in ("a", "b"):
        site.install(name, {"vidya.models": {"mine": "m_mine"}})
    with pytest.raises(BackendError, match=r"model 'mine' is claimed by a 1.0 and b 1.0"):
        registry.load_model("mine")
