"""What a compiled function tells of itself: text, a page, a graph."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest
import vidya


@pytest.fixture
def compiled(device):
    weight = vidya.rand(8, 8, device=device)

    @vidya.compile
    def chain(x):
        y = (x @ weight).relu() * 2 + 1
        return (y.softmax(-1) @ weight).exp(), y

    chain(vidya.rand(16, 8, device=device))
    return chain


class Tags(HTMLParser):
    """The tree of a page, as far as it is one."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_no_network(compiled, tmp_path):
    text = compiled.explain(html=tmp_path / "plan.html")
    page = (tmp_path / "plan.html").read_text()
    assert page == compiled.html() and "matmul" in page and "kernels" in text
    tags = Tags(page)
    assert not tags.open
    assert not re.search(r"(src=|https?://|@import|url\()", page)
    (entry,) = compiled.entries.values()
    rows = [a["id"] for tag, a in tags.seen if tag == "tr" and "id" in a]
    assert rows == [f"p0n{i}" for i in range(len(entry.capture.nodes))]
    links = {a["href"][1:] for tag, a in tags.seen if tag == "a"}
    assert links and links <= set(rows)


def test_the_picture_of_the_memory_shows_blocks_that_do_not_overlap(device, compiled):
    if not vidya.device(device).info["strided"]:
        pytest.skip("a device without strides has no arena")
    tags = Tags(compiled.html())
    blocks = [
        [float(a[k]) for k in ("x", "y", "width", "height")] for t, a in tags.seen if t == "rect"
    ]
    assert blocks
    for i, (x, y, w, h) in enumerate(blocks):
        assert x >= -0.2 and x + w <= 1100.2 and y >= -0.2 and y + h <= 420.2
        for x2, y2, w2, h2 in blocks[:i]:
            assert (
                x + w <= x2 + 0.2 or x2 + w2 <= x + 0.2 or y + h <= y2 + 0.2 or y2 + h2 <= y + 0.2
            )


def test_times_are_told_once_they_are_known(device, compiled):
    if not vidya.device(device).info["strided"]:
        pytest.skip("a plan of this device has no times")
    assert " us " not in compiled.explain() and "ms in kernels" not in compiled.html()
    compiled.profile(vidya.rand(16, 8, device=device))
    assert compiled.explain().count(" us ") >= 3
    assert "ms in kernels" in compiled.html() and " us" in compiled.dot()


def test_the_graph_names_every_node_and_what_became_one(device, compiled):
    dot = compiled.dot()
    assert dot.count("{") == dot.count("}") == 1
    declared = set(re.findall(r"^  (\w+) \[", dot, re.M)) - {"node"}
    edges = re.findall(r"^  (\w+) -> (\w+)", dot, re.M)
    assert {end for edge in edges for end in edge} <= declared
    (entry,) = compiled.entries.values()
    assert sum(name.startswith("n") for name in declared) == len(entry.capture.nodes)
    assert {f"out{i}" for i in range(2)} <= {b for _, b in edges}
    if entry.saved["fuse"]:
        assert re.search(r'label="ewise\\n[a-z ]*mul', dot) and "<- " in compiled.explain()


def test_names_are_escaped(device):
    f = vidya.compile(lambda x: x + 1)
    f.__name__ = 'a<b>"c'
    x = vidya.zeros(2, device=device)
    np.testing.assert_array_equal(f(x).numpy(), [1, 1])
    assert "<b>" not in f.html() and not Tags(f.html()).open
    assert 'digraph "a<b>\\"c 0"' in f.dot()
