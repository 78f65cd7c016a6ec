"""Losses: every reduction, weights, smoothing, targets of both kinds, nothing, all ignored."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compare import check
from .draw import Call, Draw, Pair

_F = "nn.functional."


def reduction(draw: Draw) -> dict[str, Any]:
    return {"reduction": draw.one("mean", "sum", "none")} if draw.maybe(0.9) else {}


def kind(draw: Draw) -> str:
    return draw.one("float64", "float64", "float32")


def classes(draw: Draw) -> Call:
    """cross_entropy and nll_loss; [C], [N, C] and [N, C, *S]."""
    name, of, c = draw.one("cross_entropy", "nll_loss"), kind(draw), draw.rng.randint(1, 5)
    batch = draw.one((), (3,), (1,), (0,), (2, 4), (2, 3, 2), (2, 0))
    shape = (*batch[:1], c, *batch[1:])
    x = draw.pair(of, shape, False)
    keywords = reduction(draw)
    if draw.maybe(0.4):
        weight = draw.of(draw.numpy.uniform(0, 2, c).astype(of))
        keywords["weight"] = weight.as_fixed()  # PyTorch refuses its gradient
    if name == "cross_entropy":
        if draw.maybe(0.4):
            keywords["label_smoothing"] = draw.one(0.1, 0.7, 1.0)
        if draw.maybe(0.3):
            soft = draw.numpy.dirichlet(np.ones(c), batch)
            target = draw.of(np.moveaxis(soft, -1, len(batch[:1])).astype(of))
            return Call(_F + name, [x, target.as_fixed()], keywords, True, 5)
    at = draw.numpy.integers(0, c, batch)
    ignored = draw.one(None, -100, -1, 0, c - 1)
    if ignored is not None:
        keywords["ignore_index"] = ignored
        chance = draw.one(0.3, 0.3, 1.0)  # now and then nothing counts
        at = np.where(draw.numpy.random(batch) < chance, ignored, at)
    return Call(_F + name, [x, draw.of(at)], keywords, True, 5)


_PLAIN = (
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "soft_margin_loss",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "poisson_nll_loss",
    "gaussian_nll_loss", "hinge_embedding_loss",
)  # fmt: skip


def plain(draw: Draw) -> Call:
    name = draw.one(*_PLAIN)
    of, shape = kind(draw), draw.shape(3)
    keywords = reduction(draw)
    x = draw.pair(of, shape, False)
    other: Any = draw.pair(of, shape, False)
    unit = draw.of(draw.numpy.uniform(0.05, 0.95, shape).astype(of))
    rest: list[Any] = []
    if name == "smooth_l1_loss":
        keywords.update(draw.one({}, {"beta": 0.5}, {"beta": 0.0}))
    if name == "huber_loss":
        keywords.update(draw.one({}, {"delta": 2.0}))
    if name in ("mse_loss", "l1_loss", "huber_loss") and draw.maybe(0.3):
        keywords["weight"] = draw.of(draw.numpy.uniform(0, 2, shape).astype(of))
    if name == "kl_div":
        other = unit
        keywords.update(draw.one({}, {"log_target": True}))
        keywords["reduction"] = draw.one("mean", "sum", "none", "batchmean")
    if name.startswith("binary"):
        other = unit
        if name == "binary_cross_entropy":
            x = draw.of(draw.numpy.uniform(0.05, 0.95, shape).astype(of))
        if draw.maybe(0.4):
            weight = draw.numpy.uniform(0, 2, draw.broadcasting(shape)).astype(of)
            keywords["weight"] = draw.of(weight).as_fixed()
        if name.endswith("logits") and draw.maybe(0.4):
            weight = draw.numpy.uniform(0.5, 2, shape[-1:]).astype(of)
            keywords["pos_weight"] = draw.of(weight).as_fixed()
    if name == "poisson_nll_loss":
        other = draw.of(draw.numpy.poisson(2.0, shape).astype(of)).as_fixed()
        keywords.update(log_input=draw.maybe(), full=draw.maybe())
        x = unit
    if name == "gaussian_nll_loss":
        rest = [draw.of(draw.numpy.uniform(0.2, 2, shape).astype(of))]
        keywords.update(full=draw.maybe())
    if name in ("soft_margin_loss", "hinge_embedding_loss"):
        other = draw.of(draw.numpy.choice([-1.0, 1.0], shape).astype(of)).as_fixed()
    return Call(_F + name, [x, other, *rest], keywords, True, 5)


def pairs(draw: Draw) -> Call:
    name = draw.one("margin_ranking_loss", "cosine_embedding_loss", "triplet_margin_loss",
                    "cosine_similarity", "pairwise_distance", "ctc_loss")  # fmt: skip
    of, keywords = kind(draw), reduction(draw)
    shape = (draw.one(1, 3), draw.rng.randint(1, 4))
    a, b, c = (draw.pair(of, shape, False) for _ in range(3))
    signs = draw.of(draw.numpy.choice([-1.0, 1.0], shape[:1]).astype(of)).as_fixed()
    if name == "margin_ranking_loss":
        a, b = (draw.pair(of, shape[:1], False) for _ in range(2))
        return Call(_F + name, [a, b, signs], {**keywords, "margin": 0.5}, True, 5)
    if name == "cosine_embedding_loss":
        return Call(_F + name, [a, b, signs], {**keywords, "margin": draw.one(0.0, 0.3)}, True, 5)
    if name == "triplet_margin_loss":
        keywords.update(margin=draw.one(1.0, 3.0), p=draw.one(2.0, 1.0, 3.0), swap=draw.maybe())
        return Call(_F + name, [a, b, c], keywords, True, 5)
    if name == "cosine_similarity":
        shape = draw.shape(3, least=1)
        x, y = draw.pair(of, shape, False), draw.pair(of, draw.broadcasting(shape), False)
        return Call(_F + name, [x, y], {"dim": draw.dim(shape)}, True, 50)
    if name == "pairwise_distance":
        return Call(
            _F + name, [a, b], {"p": draw.one(2.0, 1.0, 3.0), "keepdim": draw.maybe()}, True, 5
        )
    steps, batch, letters = draw.rng.randint(1, 8), draw.rng.randint(1, 3), draw.rng.randint(2, 4)
    lengths = [draw.rng.randint(0, 3) for _ in range(batch)]
    log = draw.pair(of, (steps, batch, letters), False)
    target = draw.of(draw.numpy.integers(1, letters, (batch, 3)))
    if draw.maybe(0.4):
        target = draw.of(draw.numpy.integers(1, letters, (sum(lengths),)))
        target = Pair(target.theirs.contiguous(), target.ours)  # PyTorch reads others wrongly
    keywords["zero_infinity"] = draw.maybe(0.7)
    seen = [draw.rng.randint(1, steps) for _ in range(batch)]

    def ctc(lib: Any, x: Any, *rest: Any, **kw: Any) -> Any:
        return lib.nn.functional.ctc_loss(x.log_softmax(-1), *rest, **kw)

    return Call(ctc, [log, target, seen, lengths], keywords, keywords["zero_infinity"], 20)


def test_classes(draw):
    check(draw, classes)


def test_element_by_element(draw):
    check(draw, plain)


def test_pairs_and_sequences(draw):
    check(draw, pairs)
