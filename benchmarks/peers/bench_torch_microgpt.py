"""Training microgpt step by step, beside the same model written with PyTorch."""

from __future__ import annotations

import itertools
import timeit

import machine
import pytest
import vidya
from vidya.train import Run
from vidya_models.microgpt import MicroGPTRecipe

from peers import compare

torch = pytest.importorskip("torch", reason="PyTorch is not installed, so there is no peer")
torch.set_num_threads(machine.threads())


class TorchMicroGPT:
    """The model of vidya_models.microgpt and its optimizer, with a copy of its weights."""

    def __init__(self, model, config):
        self.config = config
        self.p = {
            name: torch.tensor(p.detach().numpy(), requires_grad=True)
            for name, p in model.named_parameters()
        }
        betas = config.beta1, config.beta2
        self.optimizer = torch.optim.Adam(self.p.values(), config.lr, betas, eps=config.eps)

    def step(self, tokens, lr):
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        tokens = torch.tensor(tokens)
        loss = torch.nn.functional.cross_entropy(self.forward(tokens[:-1]), tokens[1:])
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def forward(self, tokens):
        F, p, T = torch.nn.functional, self.p, len(tokens)
        heads = self.config.n_head

        def norm(x):
            return F.rms_norm(x, x.shape[-1:], eps=1e-5)

        x = norm(p["wte.weight"][tokens] + p["wpe.weight"][:T])
        for i in range(self.config.n_layer):
            w = {k.split(".")[-2]: v for k, v in p.items() if k.startswith(f"layers.{i}.")}
            y = norm(x)
            q, k, v = (
                (y @ w[n].T).reshape(T, heads, -1).transpose(0, 1) for n in ("wq", "wk", "wv")
            )
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + y.transpose(0, 1).reshape(T, -1) @ w["wo"].T
            x = x + (norm(x) @ w["fc1"].T).relu() @ w["fc2"].T
        return x @ p["lm_head.weight"].T


def bench_microgpt(device, ratios):
    recipe = MicroGPTRecipe()
    config = recipe.Config(steps=1_000_000)
    run = Run.start(recipe, config, device=device, dtype=vidya.float32, seed=42)
    peer = TorchMicroGPT(run.model, config)
    names, letters = run.data
    rows = [[letters.bos, *letters.encode(name), letters.bos] for name in names]
    documents = itertools.cycle(row[: config.block_size + 1] for row in rows)
    records = iter(run)

    for _ in range(100):  # the same losses, and every length of name has come by
        ours, theirs = next(records), peer.step(next(documents), config.lr)
        assert ours.loss == pytest.approx(theirs, rel=2e-3)
    ratio = compare.interleaved(
        f"{device} microgpt, one step",
        timeit.Timer(lambda: next(records)),
        timeit.Timer(lambda: peer.step(next(documents), config.lr)),
        after=lambda: vidya.synchronize(device),
        round_seconds=0.1,
    )
    ratios.append(ratio)
    assert ratio.value <= compare.NOISE, f"slower than torch: {ratio}"
