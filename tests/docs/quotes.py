"""Code in the docs that is quoted from the tree, so that it cannot go stale.

A code block whose line before is `<!-- from FILE -->` or `<!-- from FILE: REGION -->` holds FILE,
or the part of it between the lines `docs: REGION` and `docs: end`, or, where FILE has no such
marks, the paragraph that starts with REGION. `python tests/docs/quotes.py` brings the docs up to
date; test_docs.py fails where that would change anything.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(
    r"^<!-- from (?P<file>[^:>\n]+?)(?:: (?P<region>[^\n]+?))? -->\n"
    r"```\w+\n(?P<code>.*?)^```$",
    flags=re.MULTILINE | re.DOTALL,
)


def quote(file: str, region: str | None) -> str:
    text = (ROOT / file).read_text()
    if region is None:
        return text
    marked = re.search(
        rf"^[^\n]*docs: {re.escape(region)}\b[^\n]*\n(.*?)^[^\n]*docs: end", text, re.M | re.S
    )
    if marked:
        return marked[1]
    paragraph = re.search(rf"^{re.escape(region)}.*?(?=\n\n|\Z)", text, re.M | re.S)
    if not paragraph:
        raise LookupError(f"{file} has neither a region nor a paragraph {region!r}")
    return paragraph[0].rstrip("\n") + "\n"


def updated(page: str) -> str:
    """The page with every quoted block as the tree has it."""

    def fill(match: re.Match) -> str:
        code = quote(match["file"], match["region"])
        head = match[0][: match.start("code") - match.start()]
        return f"{head}{code}```"

    return _BLOCK.sub(fill, page)


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(updated(path.read_text()))
