"""The docs tell the truth: quotes are live, Python runs, links resolve, commands exist."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import vidya
from vidya.backends import hookspecs
from vidya.schema import COMPOSITE, PRIMITIVE, REGISTRY

from .quotes import PAGES, ROOT, updated

PYTHON = re.compile(r"(^<!--[^\n]*-->\n)?^```python\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```sh\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
TICKED = re.compile(r"`([a-z_0-9]+)`")

C_DEVICE = ROOT / "examples" / "try_c_device.py"
VIDYA = Path(sys.executable).with_name("vidya")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_quotes_are_what_the_tree_has(page):
    text = page.read_text()
    assert updated(text) == text, "stale: run `python tests/docs/quotes.py`"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_python_runs(page, tmp_path):
    """All blocks of a page run as one program, in order; those quoted from files do not."""
    blocks = [code for mark, code in PYTHON.findall(page.read_text()) if not mark]
    program = "\n".join(["import vidya", *blocks])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{program}\n{done.stdout}\n{done.stderr}"


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_resolve(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{named(page)} links to {target}, which is not there"
        assert not anchor or anchor in anchors(file), f"{target}: no such section"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_paths_that_are_named_exist(page):
    roots = "runtime|models|plugins|tests|benchmarks|examples|docs|cmake"
    for path in re.findall(rf"`((?:{roots})/[\w./-]*)`", page.read_text()):
        assert (ROOT / path).exists(), f"{named(page)} names {path}, which is not there"


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in SHELL.findall(page.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                if command := re.search(r"(?<![-\w])vidya ([a-z]+[^#&|]*)", line):
                    found.append((named(page), command[1].strip()))
    return found


@pytest.mark.parametrize("page, command", commands())
def test_commands_have_these_options(page, command):
    name, *words = command.split()
    done = subprocess.run([VIDYA, name, "--help"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for option in (word.split("=")[0] for word in words if word.startswith("--")):
        assert re.search(rf"{option}\b", done.stdout), f"vidya {name} has no {option}"


@pytest.mark.parametrize("name", ["train", "generate"])
def test_every_option_is_documented(name):
    said = subprocess.run([VIDYA, name, "--help"], capture_output=True, text=True, timeout=300)
    options = set(re.findall(r"^\W*(--[a-z-]+)", said.stdout, flags=re.MULTILINE)) - {"--help"}
    text = (ROOT / "docs" / "cli.md").read_text()
    section = text.split(f"## vidya {name}\n")[1].split("\n## ")[0]
    assert options and options - set(re.findall(r"--[a-z-]+", section)) == set()


def test_every_environment_variable_is_documented_and_read():
    files = [
        path
        for folder in ("runtime", "plugins/openblas/src", "plugins/openblas/vidya_openblas")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".cpp", ".cc")
    ]
    read = {name for path in files for name in re.findall(r'"(VIDYA_[A-Z_]+)"', path.read_text())}
    text = (ROOT / "docs" / "cli.md").read_text().split("## Environment")[1]
    assert read == set(re.findall(r"`(VIDYA_[A-Z_]+)`", text))


def test_the_readme_has_one_line_to_run_and_one_to_test():
    lines = (ROOT / "README.md").read_text().splitlines()
    runs = [line for line in lines if line.startswith("pip install uv && uv run ")]
    assert ["vidya train microgpt" in line for line in runs] == [True, False]
    assert runs[1].endswith("pytest"), "what .ci/run executes"


@pytest.mark.parametrize("hook", sorted(n for n in vars(hookspecs) if n.startswith("vidya_")))
def test_every_hook_is_documented(hook):
    signature = f"{hook}{inspect.signature(getattr(hookspecs, hook))}"
    assert f"## {signature}\n" in (ROOT / "docs" / "hooks.md").read_text()


def contracts() -> tuple[set[str], set[str]]:
    """The ops of docs/kernels.md: primitives, and composites worth a kernel."""
    text = (ROOT / "docs" / "kernels.md").read_text()
    before, after = text.split("## Composites")
    tables = []
    for part in (before.split("## Primitives")[1], after):
        cells = re.findall(r"^\| (`.*?) \|", part, flags=re.MULTILINE)
        tables.append({name for cell in cells for name in TICKED.findall(cell)})
    return tables[0], tables[1]


# Ops that reach a backend under another kernel's name.
KERNEL_OF = {"empty": "fill", "full": "fill"}
# Views where the device is strided; kernels only where it is not.
MOVEMENT = {"reshape", "permute", "expand", "slice", "slice_write", "real_view", "complex_view"}


def test_every_primitive_has_a_contract_and_every_contract_an_op():
    ops = {name for name, op in REGISTRY.items() if op.kind == PRIMITIVE}
    primitives = {KERNEL_OF.get(name, name) for name in ops}
    assert primitives - MOVEMENT == contracts()[0] - MOVEMENT
    assert contracts()[0] >= MOVEMENT


def test_the_command_lists_the_same_primitives():
    done = subprocess.run(
        [VIDYA, "ops", "--primitives"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    listed = set(re.findall(r"[a-z_0-9]+", done.stdout))
    assert contracts()[0] - MOVEMENT <= {KERNEL_OF.get(name, name) for name in listed}


def test_every_composite_with_a_contract_is_an_op():
    composites = {name for name, op in REGISTRY.items() if op.kind == COMPOSITE}
    compilers = {
        "adamw_steps",
        "ewise",
        "ewise_sums",
        "linears",
        "matmul_sum",
        "quantized_linears",
    }  # it alone makes these
    assert contracts()[1] - compilers <= composites


def test_errors_that_the_docs_name_exist():
    for page in PAGES:
        for name in re.findall(r"`(?:vidya\.errors\.)?([A-Z]\w+Error)`", page.read_text()):
            assert hasattr(vidya.errors, name) or name in dir(__builtins__), f"{page}: {name}"


# try_c_device.py needs its plugin installed: tests/packaging/test_stranger.py runs it.
@pytest.mark.parametrize("script", sorted(set(ROOT.glob("examples/*.py")) - {C_DEVICE}), ids=named)
def test_examples_run_as_they_stand(script, tmp_path):
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    first, *_, last = (float(line.split()[-1]) for line in done.stdout.splitlines())
    assert last < first / 100


def test_the_table_of_ops_is_up_to_date():
    from vidya.backends import registry

    if not registry.is_installed("openblas"):
        pytest.skip("openblas is not installed, and the table has a column of it")
    from vidya.cli.ops import markdown

    page = markdown(["numpy", "openblas"])
    assert "not tried" not in page
    assert (ROOT / "docs" / "ops.md").read_text() == page, "vidya ops --markdown > docs/ops.md"
