"""PyTorch, eager and compiled: the same model in its own words."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
import torch.nn.functional as F

from . import shapes
from .shapes import Work
from .worker import Skip

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
torch.set_num_threads(len(os.sched_getaffinity(0)))


def prepare(work: Work, precision: str, competitor: str) -> Callable[[], float]:
    if precision not in DTYPES:
        raise Skip(f"no {precision} here")
    maker = {"train": train, "tiny": tiny, "decode": decode, "prefill": prefill,
             "attention": attention, "results": results}[work.kind]  # fmt: skip
    return maker(work, precision, torch.compile if competitor == "torch-compile" else lambda f: f)


def tables(work: Work) -> tuple[torch.Tensor, torch.Tensor]:
    speed = work.rope_theta ** (-torch.arange(0, work.head_dim, 2) / work.head_dim)
    angle = torch.arange(work.T)[:, None] * speed
    return angle.cos(), angle.sin()


def turned(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


def hidden(work: Work, p, x, cos, sin, cache=None, at=None, seen=None):
    """[B, T] -> [B, T, C]"""
    B, T = x.shape
    D, eps = work.head_dim, work.rms_norm_eps

    def norm(x, name):
        return F.rms_norm(x, x.shape[-1:], p[name + ".weight"], eps)

    h = F.embedding(x, p["embed_tokens.weight"])
    for i in range(work.num_hidden_layers):
        w, attn = f"layers.{i}.", f"layers.{i}.self_attn."
        n = norm(h, w + "input_layernorm")
        q, k, v = (F.linear(n, p[f"{attn}{c}_proj.weight"]).view(B, T, -1, D) for c in "qkv")
        if work.qk_norm:
            q, k = norm(q, attn + "q_norm"), norm(k, attn + "k_norm")
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        q, k = turned(q, cos, sin), turned(k, cos, sin)
        if cache is not None:
            k, v = cache[0][i].index_copy_(2, at, k), cache[1][i].index_copy_(2, at, v)
        a = F.scaled_dot_product_attention(
            q, k, v, attn_mask=seen, is_causal=seen is None, enable_gqa=True
        )
        h = h + F.linear(a.transpose(1, 2).reshape(B, T, -1), p[attn + "o_proj.weight"])
        n = norm(h, w + "post_attention_layernorm")
        gate, up = (F.linear(n, p[f"{w}mlp.{c}_proj.weight"]) for c in ("gate", "up"))
        h = h + F.linear(F.silu(gate) * up, p[w + "mlp.down_proj.weight"])
    return norm(h, "norm")


def train(work: Work, precision: str, compiled) -> Callable[[], float]:
    p = {name: torch.tensor(w, requires_grad=True) for name, w in shapes.weights(work)}
    x, y = (torch.tensor(t) for t in shapes.tokens(work))
    cos, sin = tables(work)
    optimizer = torch.optim.AdamW(list(p.values()), lr=1e-3, fused=True)

    @compiled
    def forward(x, y):
        logits = F.linear(hidden(work, p, x, cos, sin), p["embed_tokens.weight"])
        return F.cross_entropy(logits.view(-1, work.vocab_size), y.view(-1))

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = forward(x, y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def tiny(work: Work, precision: str, compiled) -> Callable[[], float]:
    p = {k: torch.tensor(w, requires_grad=True) for k, w in shapes.tiny_weights().items()}
    optimizer = torch.optim.Adam(
        list(p.values()), shapes.LR, betas=shapes.BETAS, eps=shapes.EPS, fused=True
    )
    xs, ys = (torch.tensor(t) for t in shapes.names(int(work.units)))

    def norm(x):
        return F.rms_norm(x, x.shape[-1:], eps=1e-5)

    @compiled
    def forward(x, y):
        h = norm(F.embedding(x, p["wte"]) + p["wpe"])
        n = norm(h)
        q, k, v = (
            F.linear(n, p["w" + c]).view(len(x), shapes.HEADS, -1).transpose(0, 1) for c in "qkv"
        )
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = h + F.linear(a.transpose(0, 1).reshape(len(x), -1), p["wo"])
        h = h + F.linear(F.linear(norm(h), p["fc1"]).relu(), p["fc2"])
        return F.cross_entropy(F.linear(h, p["lm_head"]), y, ignore_index=shapes.IGNORED)

    def thousand():
        losses = []
        for x, y in zip(xs, ys, strict=True):
            optimizer.zero_grad()
            loss = forward(x, y)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return losses[shapes.CHECKED].item()

    return thousand


def decode(work: Work, precision: str, compiled) -> Callable[[], float]:
    p = {name: torch.tensor(w, dtype=DTYPES[precision]) for name, w in shapes.weights(work)}
    cos, sin = tables(work)
    places = torch.arange(work.T)
    shape = (work.B, work.num_key_value_heads, work.T, work.head_dim)
    cache = [
        [torch.zeros(shape, dtype=DTYPES[precision]) for _ in range(work.num_hidden_layers)]
        for _ in "kv"
    ]

    def after(tokens, at):
        return hidden(work, p, tokens, cos[at], sin[at], cache, at, places <= at[:, None])

    @compiled
    def step(token, at):
        logits = F.linear(after(token, at)[:, -1], p["embed_tokens.weight"])
        return logits.argmax(-1, keepdim=True), logits.amax()

    prompt = torch.tensor(shapes.tokens(work)[0])[:, : work.context]
    start = prompt[:, -1:]
    with torch.no_grad():
        for at in range(0, work.context, shapes.CHUNK):
            some = prompt[:, at : at + shapes.CHUNK]
            after(some, places[at : at + some.shape[1]])

    @torch.no_grad()
    def sixteen():
        token, tops = start, []
        for i in range(shapes.DECODED):
            at = work.context + i
            token, top = step(token, places[at : at + 1])
            tops.append(top)
        return tops[0].item()

    return sixteen


def prefill(work: Work, precision: str, compiled) -> Callable[[], float]:
    p = {name: torch.tensor(w, dtype=DTYPES[precision]) for name, w in shapes.weights(work)}
    x = torch.tensor(shapes.tokens(work)[0])
    cos, sin = tables(work)

    @compiled
    def step(x):
        last = hidden(work, p, x, cos, sin)[:, -1]
        return F.linear(last, p["embed_tokens.weight"]).amax()

    return lambda: torch.no_grad()(step)(x).item()


def attention(work: Work, precision: str, compiled) -> Callable[[], float]:
    arrays = shapes.attention_inputs(work)
    q, k, v, g = (torch.tensor(a, dtype=DTYPES[precision]) for a in arrays)
    forward = compiled(F.scaled_dot_product_attention)

    def step():
        leaves = [t.detach().requires_grad_() for t in (q, k, v)]
        forward(*leaves, is_causal=True).backward(g)
        return leaves[0].grad[0, 0, -1, 0].item()

    return step


def results(work: Work, precision: str, compiled) -> Callable[[], float]:
    a, b = torch.full((work.T,), 1.0), torch.full((work.T,), 2.0)
    add = compiled(torch.add)
    return lambda: add(a, b)[-1].item()
