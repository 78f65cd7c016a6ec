"""vidya: eager, compiled, and in loops without Python."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import vidya
from vidya.nn import functional as F
from vidya.optim import Adam, AdamW
from vidya_models.microgpt import MicroGPT, MicroGPTConfig
from vidya_models.transformer import Cache, Transformer, TransformerConfig

from . import shapes
from .shapes import Work
from .worker import Skip

DEVICE = "openblas"
DTYPES = {"fp32": vidya.float32, "bf16": vidya.bfloat16}
BITS = {"int8": 8, "int4": 4}  # of the weights; all else is bf16 then


def prepare(work: Work, precision: str, competitor: str) -> Callable[[], float]:
    if competitor == "vidya-loop" and work.kind not in ("tiny", "decode"):
        raise Skip("a loop without Python is measured for tiny and decode")
    maker = {"train": train, "tiny": tiny, "decode": decode, "prefill": prefill,
             "attention": attention, "results": results}[work.kind]  # fmt: skip
    return maker(work, precision, competitor)


def model_of(work: Work, dtype: vidya.dtypes.dtype) -> Transformer:
    names = [field.name for field in dataclasses.fields(TransformerConfig)]
    settings = {name: getattr(work, name) for name in names if hasattr(work, name)}
    config = TransformerConfig(max_position_embeddings=work.T, **settings)
    with vidya.nn.init.no_init():
        model = Transformer(config, device=DEVICE, dtype=dtype)
    found = dict(model.named_parameters())
    with vidya.no_grad():
        for name, array in shapes.weights(work):
            found.pop(name).copy_(vidya.tensor(array, device=DEVICE, dtype=dtype))
    assert not found, f"no weights for {sorted(found)}"
    vidya.empty_cache()  # what loading used is no part of the work
    return model


def inference_model(work: Work, precision: str) -> Transformer:
    if precision not in BITS:
        return model_of(work, DTYPES[precision])
    model = model_of(work, vidya.bfloat16)
    model.untie()
    model = vidya.quantize(model, BITS[precision])
    vidya.empty_cache()
    return model


def train(work: Work, precision: str, competitor: str) -> Callable[[], float]:
    model = model_of(work, vidya.float32)
    optimizer = AdamW(model.parameters(), lr=1e-3)
    x, y = (vidya.tensor(t, device=DEVICE) for t in shapes.tokens(work))

    def step(x, y):
        optimizer.zero_grad()
        with vidya.autocast(vidya.bfloat16, enabled=precision == "bf16"):
            loss = model.loss(x, y)
        loss.backward()
        optimizer.step()
        return loss

    run = vidya.compile(step) if competitor == "vidya-compile" else step
    return lambda: run(x, y).item()


def tiny(work: Work, precision: str, competitor: str) -> Callable[[], float]:
    steps = int(work.units)
    model = MicroGPT(MicroGPTConfig(), shapes.LETTERS, device=DEVICE)
    given = shapes.tiny_weights()
    with vidya.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(vidya.tensor(given[name.split(".")[-2]], device=DEVICE))
    optimizer = Adam(model.parameters(), lr=shapes.LR, betas=shapes.BETAS, eps=shapes.EPS)
    xs, ys = (vidya.tensor(t, device=DEVICE) for t in shapes.names(steps))

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y, ignore_index=shapes.IGNORED)
        loss.backward()
        optimizer.step()
        return loss

    run = step if competitor == "vidya" else vidya.compile(step)
    if competitor == "vidya-loop":
        return lambda: run.loop(steps, xs, ys, stacked=(0, 1))[shapes.CHECKED].item()

    def thousand():
        losses = [run(xs[i], ys[i]) for i in range(steps)]
        return losses[shapes.CHECKED].item()

    return thousand


def decode(work: Work, precision: str, competitor: str) -> Callable[[], float]:
    model = inference_model(work, precision)
    dtype = DTYPES.get(precision, vidya.bfloat16)
    cache = Cache(model.config, work.T, work.B, device=DEVICE, dtype=dtype)
    prompt = vidya.tensor(shapes.tokens(work)[0], device=DEVICE)[:, : work.context]
    start = prompt[:, -1:]
    token = start.clone()
    with vidya.no_grad():
        for at in range(0, work.context, shapes.CHUNK):
            model.hidden(prompt[:, at : at + shapes.CHUNK], cache)

    def step():
        with vidya.no_grad():
            logits = model.next_logits(token, cache)  # [B, V]
            token.copy_(logits.argmax(-1, keepdim=True))
            return logits.amax()

    run = step if competitor == "vidya" else vidya.compile(step)

    def sixteen():
        cache.length.fill_(work.context)
        token.copy_(start)
        if competitor == "vidya-loop":
            return run.loop(shapes.DECODED)[0].item()
        tops = [run() for _ in range(shapes.DECODED)]
        return vidya.stack(tops)[0].item()

    return sixteen


def prefill(work: Work, precision: str, competitor: str) -> Callable[[], float]:
    model = inference_model(work, precision)
    x = vidya.tensor(shapes.tokens(work)[0], device=DEVICE)

    def step(x):
        with vidya.no_grad():
            return model.logits(model.hidden(x)[:, -1]).amax()

    run = step if competitor == "vidya" else vidya.compile(step)
    return lambda: run(x).item()


def attention(work: Work, precision: str, competitor: str) -> Callable[[], float]:
    arrays = shapes.attention_inputs(work)
    q, k, v, g = (vidya.tensor(a, device=DEVICE, dtype=DTYPES[precision]) for a in arrays)

    def step(q, k, v, g):
        leaves = [t.detach().requires_grad_() for t in (q, k, v)]
        out = F.scaled_dot_product_attention(*leaves, is_causal=True)
        out.backward(g)
        return leaves[0].grad, leaves[1].grad, leaves[2].grad

    run = vidya.compile(step) if competitor == "vidya-compile" else step
    return lambda: run(q, k, v, g)[0][0, 0, -1, 0].item()


def results(work: Work, precision: str, competitor: str) -> Callable[[], float]:
    a, b = (vidya.full(work.T, value, device=DEVICE) for value in (1.0, 2.0))
    run = vidya.compile(vidya.add) if competitor == "vidya-compile" else vidya.add
    return lambda: run(a, b)[-1].item()
