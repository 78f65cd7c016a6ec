"""jax: whole train steps under jit, and microgpt's thousand steps under lax.scan."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from . import shapes
from .shapes import Work
from .worker import Skip


def prepare(work: Work, precision: str, competitor: str) -> Callable[[], float]:
    if competitor == "jax-scan" and work.kind != "tiny":
        raise Skip("lax.scan is measured for tiny")
    makers = {"train": train, "tiny": tiny, "results": results}
    if work.kind not in makers or (precision == "bf16" and work.kind != "train"):
        raise Skip(f"{work.kind} in {precision} is not written for jax")
    return makers[work.kind](work, precision, competitor)


def norm(x, weight=1.0, eps=1e-5):
    wide = x.astype(jnp.float32)
    return wide * jax.lax.rsqrt(jnp.mean(wide * wide, -1, keepdims=True) + eps) * weight


def cross_entropy(logits, y):
    """Mean over the targets that count."""
    logp = jax.nn.log_softmax(logits.astype(jnp.float32))
    counts = y != shapes.IGNORED
    picked = jnp.take_along_axis(logp, jnp.where(counts, y, 0)[..., None], -1)[..., 0]
    return -jnp.sum(picked * counts) / jnp.sum(counts)


def attend(q, k, v):
    """[B, T, H, D], [B, T, K, D] twice -> [B, T, H, D], causal"""
    return jax.nn.dot_product_attention(q, k, v, is_causal=True)


def adam(p, g, m, v, t, lr, betas, eps, decay=0.0):
    b1, b2 = betas
    m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, m, g)
    v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, v, g)

    def new(p, m, v):
        return p * (1 - lr * decay) - lr * (m / (1 - b1**t)) / (jnp.sqrt(v / (1 - b2**t)) + eps)

    return jax.tree.map(new, p, m, v), m, v


def trained(forward, p, **settings):
    """step(state, x, y) -> (state, loss), jitted, with the state's memory used again."""

    @partial(jax.jit, donate_argnums=0)
    def step(state, x, y):
        p, m, v, t = state
        loss, g = jax.value_and_grad(forward)(p, x, y)
        p, m, v = adam(p, g, m, v, t, **settings)
        return (p, m, v, t + 1), loss

    zeros = jax.tree.map(jnp.zeros_like, p)
    return step, (p, zeros, jax.tree.map(jnp.copy, zeros), jnp.float32(1))


def train(work: Work, precision: str, competitor: str) -> Callable[[], float]:
    p = {name: jnp.array(w) for name, w in shapes.weights(work)}
    x, y = (jnp.array(t, jnp.int32) for t in shapes.tokens(work))
    D = work.head_dim
    speed = work.rope_theta ** (-jnp.arange(0, D, 2) / D)
    angle = (jnp.arange(work.T)[:, None] * speed)[:, None, :]  # [T, 1, D/2]
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    small = jnp.bfloat16 if precision == "bf16" else jnp.float32

    def linear(x, w):
        return x.astype(small) @ w.T.astype(small)

    def turned(x):
        a, b = x[..., : D // 2], x[..., D // 2 :]
        return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], -1).astype(x.dtype)

    def forward(p, x, y):
        B, T = x.shape
        h = p["embed_tokens.weight"][x]
        for i in range(work.num_hidden_layers):
            w, attn = f"layers.{i}.", f"layers.{i}.self_attn."
            n = norm(h, p[w + "input_layernorm.weight"], work.rms_norm_eps)
            q, k, v = (linear(n, p[f"{attn}{c}_proj.weight"]).reshape(B, T, -1, D) for c in "qkv")
            a = attend(turned(q), turned(k), v)
            h = h + linear(a.reshape(B, T, -1), p[attn + "o_proj.weight"])
            n = norm(h, p[w + "post_attention_layernorm.weight"], work.rms_norm_eps)
            gate, up = (linear(n, p[f"{w}mlp.{c}_proj.weight"]) for c in ("gate", "up"))
            h = h + linear(jax.nn.silu(gate) * up, p[w + "mlp.down_proj.weight"])
        h = norm(h, p["norm.weight"], work.rms_norm_eps)
        return cross_entropy(linear(h, p["embed_tokens.weight"]), y)

    step, state = trained(forward, p, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.01)

    def call():
        nonlocal state
        state, loss = step(state, x, y)
        return float(loss)

    return call


def tiny(work: Work, precision: str, competitor: str) -> Callable[[], float]:
    def forward(p, x, y):
        h = norm(p["wte"][x] + p["wpe"])
        n = norm(h)
        q, k, v = ((n @ p["w" + c].T).reshape(1, shapes.BLOCK, shapes.HEADS, -1) for c in "qkv")
        h = h + attend(q, k, v).reshape(shapes.BLOCK, -1) @ p["wo"].T
        h = h + jax.nn.relu(norm(h) @ p["fc1"].T) @ p["fc2"].T
        return cross_entropy(h @ p["lm_head"].T, y)

    p = {name: jnp.array(w) for name, w in shapes.tiny_weights().items()}
    step, state = trained(forward, p, lr=shapes.LR, betas=shapes.BETAS, eps=shapes.EPS)
    xs, ys = (t.astype("int32") for t in shapes.names(int(work.units)))
    whole = jax.jit(lambda state, xs, ys: jax.lax.scan(lambda s, xy: step(s, *xy), state, (xs, ys)))

    def call():
        nonlocal state
        if competitor == "jax-scan":
            state, losses = whole(state, xs, ys)
            return float(jax.block_until_ready(losses)[shapes.CHECKED])
        losses = []
        for x, y in zip(xs, ys, strict=True):
            state, loss = step(state, x, y)
            losses.append(loss)
        jax.block_until_ready(state)
        return float(losses[shapes.CHECKED])

    return call


def results(work: Work, precision: str, competitor: str) -> Callable[[], float]:
    a, b = jnp.full(work.T, 1.0), jnp.full(work.T, 2.0)
    add = jax.jit(jnp.add)
    return lambda: float(add(a, b)[-1])
