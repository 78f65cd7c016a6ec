"""microgpt: the smallest GPT that invents names.

One transformer layer of width 16 learns, letter by letter, from a list of first names; 4192
parameters and a thousand steps are enough.  It follows Andrej Karpathy's microgpt number for
number: Python's `random` shuffles the names, draws the first weights and picks the letters of the
samples, in that order, so a seed fixes everything.

Symbols in the shapes: T tokens, C channels (n_embd), H heads, D = C / H, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import vidya
from vidya import Tensor, nn
from vidya.data import Characters, read_lines
from vidya.errors import ConfigError
from vidya.nn import functional as F
from vidya.optim import Adam, Optimizer, schedules
from vidya.train import Batch, Recipe

from .data import names_path

IGNORED = -100  # a target that is none


@dataclass(frozen=True)
class MicroGPTConfig:
    n_layer: int = 1
    n_embd: int = 16
    n_head: int = 4
    block_size: int = 16  # the longest sequence
    init_std: float = 0.08
    steps: int = 1000
    lr: float = 0.01
    beta1: float = 0.85
    beta2: float = 0.99
    eps: float = 1e-8
    pad: bool = False  # all names as long as the block, so that one compiled plan serves them

    def __post_init__(self) -> None:
        for name in ("n_layer", "n_embd", "n_head", "block_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        if self.n_embd % self.n_head:
            raise ValueError(f"n_embd {self.n_embd} is not a multiple of n_head {self.n_head}")
        if self.init_std < 0:
            raise ValueError(f"init_std must be 0 or more, not {self.init_std}")


def norm(x: Tensor) -> Tensor:
    """Scale the C channels of each token to a mean square of 1; no gain is learned."""
    return F.rms_norm(x, (x.shape[-1],), eps=1e-5)


class Attention(nn.Module):
    """Each token gathers from the tokens before it, and itself, what it asks for."""

    def __init__(self, config: MicroGPTConfig, **place: Any) -> None:
        super().__init__()
        C = config.n_embd
        self.n_head = config.n_head
        self.wq = nn.Linear(C, C, bias=False, **place)
        self.wk = nn.Linear(C, C, bias=False, **place)
        self.wv = nn.Linear(C, C, bias=False, **place)
        self.wo = nn.Linear(C, C, bias=False, **place)

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        T, C = x.shape
        q = self.heads(self.wq(x))  # [H, T, D]
        k = self.heads(self.wk(x))
        v = self.heads(self.wv(x))
        if cache is not None:
            k, v = cache.append(self, k, v)  # [H, S, D]: all tokens so far
        S, D = k.shape[1:]
        scores = q @ k.transpose(1, 2) / D**0.5  # [H, T, S]
        if T > 1:  # query t is token S - T + t and may look at no later one
            place = vidya.arange(S, device=x.device)
            future = place > place[S - T :, None]  # [T, S]
            scores = scores.masked_fill(future, float("-inf"))
        weights = F.softmax(scores, dim=-1)
        mixed = (weights @ v).transpose(0, 1).reshape(T, C)
        return self.wo(mixed)

    def heads(self, x: Tensor) -> Tensor:
        """[T, C] -> [H, T, D]"""
        T, C = x.shape
        return x.reshape(T, self.n_head, C // self.n_head).transpose(0, 1)


class MLP(nn.Module):
    """Each token thinks for itself, in four times the width."""

    def __init__(self, config: MicroGPTConfig, **place: Any) -> None:
        super().__init__()
        C = config.n_embd
        self.fc1 = nn.Linear(C, 4 * C, bias=False, **place)
        self.fc2 = nn.Linear(4 * C, C, bias=False, **place)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.relu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, config: MicroGPTConfig, **place: Any) -> None:
        super().__init__()
        self.attn = Attention(config, **place)
        self.mlp = MLP(config, **place)

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        x = x + self.attn(norm(x), cache)
        return x + self.mlp(norm(x))


class MicroGPT(nn.Module):
    """tokens [T] -> logits [T, V]: for each token, how likely each next one is."""

    def __init__(
        self, config: MicroGPTConfig, vocab_size: int, device: Any = None, dtype: Any = None
    ):
        super().__init__()
        place = {"device": device, "dtype": dtype}
        self.config = config
        # The first weights are drawn in the order in which the parameters are set here.
        self.wte = nn.Embedding(vocab_size, config.n_embd, **place)  # what a token is
        self.wpe = nn.Embedding(config.block_size, config.n_embd, **place)  # where it stands
        self.lm_head = nn.Linear(config.n_embd, vocab_size, bias=False, **place)
        self.layers = nn.ModuleList([Block(config, **place) for _ in range(config.n_layer)])

    def forward(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        start = 0 if cache is None else cache.length
        positions = vidya.arange(start, start + tokens.shape[0], device=tokens.device)
        x = norm(self.wte(tokens) + self.wpe(positions))  # [T, C]
        for layer in self.layers:
            x = layer(x, cache)
        return self.lm_head(x)


class Cache:
    """Keys and values of the tokens that a model has seen, so that the next needs only its own."""

    def __init__(self) -> None:
        self.entries: dict[Attention, tuple[Tensor, Tensor]] = {}

    @property
    def length(self) -> int:
        return next((k.shape[1] for k, _ in self.entries.values()), 0)

    def append(self, layer: Attention, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add the k and v [H, T, D] of new tokens; all of them so far, [H, S, D]."""
        if layer in self.entries:
            old_k, old_v = self.entries[layer]
            k, v = vidya.cat([old_k, k], dim=1), vidya.cat([old_v, v], dim=1)
        self.entries[layer] = k, v
        return k, v


class Names(NamedTuple):
    """The training data: documents, and the letters they are written in."""

    names: list[str]
    letters: Characters


class PaddedBatch(NamedTuple):
    inputs: Tensor  # [block_size]
    targets: Tensor
    tokens: int  # those that count


class MicroGPTRecipe(Recipe):
    name = "microgpt"
    summary = "a one-layer GPT that invents names (4192 parameters)"
    Config = MicroGPTConfig

    def read(self, config: MicroGPTConfig, path: Path | None, rng: Random) -> Names:
        names = read_lines(path or names_path())
        rng.shuffle(names)
        return Names(names, Characters.of(names))

    def vocabulary(self, data: Names) -> str:
        return data.letters.characters

    def build(
        self,
        config: MicroGPTConfig,
        vocabulary: str,
        rng: Random,
        device: Any = None,
        dtype: Any = None,
    ) -> MicroGPT:
        model = MicroGPT(config, len(Characters(vocabulary)), device, dtype)
        with vidya.no_grad():
            for weight in model.parameters():
                draws = [rng.gauss(0, config.init_std) for _ in range(weight.numel())]
                values = vidya.tensor(draws, device=device, dtype=weight.dtype)
                weight.copy_(values.reshape(weight.shape))
        return model

    def optimizer(self, config: MicroGPTConfig, model: nn.Module) -> Optimizer:
        betas = config.beta1, config.beta2
        return Adam(model.parameters(), lr=config.lr, betas=betas, eps=config.eps)

    def lr_factor(self, config: MicroGPTConfig, step: int) -> float:
        return schedules.linear(step, config.steps)

    def batch(
        self, config: MicroGPTConfig, data: Names, step: int, rng: Random, device: Any
    ) -> Batch | PaddedBatch:
        names, letters = data
        name = names[step % len(names)]
        ids = [letters.bos, *letters.encode(name), letters.bos][: config.block_size + 1]
        if not config.pad:
            tokens = vidya.tensor(ids, device=device)
            return Batch(inputs=tokens[:-1], targets=tokens[1:])
        # No token sees those behind it, and no loss counts there.
        rest = config.block_size + 1 - len(ids)
        inputs = vidya.tensor(ids[:-1] + [letters.bos] * rest, device=device)
        targets = vidya.tensor(ids[1:] + [IGNORED] * rest, device=device)
        return PaddedBatch(inputs, targets, len(ids) - 1)

    def loss(self, model: nn.Module, batch: Batch | PaddedBatch) -> Tensor:
        return F.cross_entropy(model(batch.inputs), batch.targets, ignore_index=IGNORED)

    def sample(
        self, model: nn.Module, vocabulary: str, rng: Random, temperature: float, prompt: str = ""
    ) -> str:
        letters = Characters(vocabulary)
        device = next(model.parameters()).device
        tokens = [letters.bos, *letters.encode(prompt)]
        if len(tokens) > model.config.block_size:
            most = model.config.block_size - 1
            raise ConfigError(
                f"the prompt has {len(prompt)} letters; this model takes up to {most}"
            )
        new, cache = tokens, Cache()
        while len(tokens) <= model.config.block_size:
            logits = model(vidya.tensor(new, device=device), cache)[-1]  # [V]
            chances = F.softmax(logits / temperature, dim=-1).tolist()
            new = rng.choices(range(len(letters)), weights=chances)
            if new == [letters.bos]:
                break
            tokens = tokens + new
        return letters.decode(tokens)


@vidya.hookimpl
def vidya_models(register) -> None:
    register("microgpt", MicroGPTRecipe())
