"""names_bag: names from a bag of letters, the smallest model worth training.

What comes next is guessed from the K letters before it, each looked up in a table, added up (so
their order is lost: a bag) and compared with every letter of a second table:

    E: [V, D], W: [V, D]      context [B, K] -> E[context] [B, K, D] -> sum h [B, D] -> h W^T [B, V]

Two tables and plain gradient descent; everything else in deep learning refines this.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import vidya
from vidya import Tensor, nn
from vidya.data import Characters, read_lines
from vidya.nn import functional as F
from vidya.optim import SGD, Optimizer
from vidya.train import Batch, Recipe

from .data import names_path

LONGEST = 16  # letters of a sample


@dataclass(frozen=True)
class NamesBagConfig:
    names: int = 80  # how many names to learn from
    context: int = 3  # K: how many letters the bag holds
    dim: int = 16  # D: numbers per letter
    batch: int = 32  # B: examples per step
    init_std: float = 0.01  # near zero: at first every letter is as likely as any other
    steps: int = 4200
    lr: float = 0.3

    def __post_init__(self) -> None:
        for name in ("names", "context", "dim", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")


class NamesBag(nn.Module):
    """context [B, K] -> logits [B, V]"""

    def __init__(
        self, config: NamesBagConfig, vocab_size: int, device: Any = None, dtype: Any = None
    ):
        super().__init__()
        place = {"device": device, "dtype": dtype}
        self.context = config.context
        self.letters = nn.Embedding(vocab_size, config.dim, **place)  # E
        self.head = nn.Linear(config.dim, vocab_size, bias=False, **place)  # W

    def forward(self, context: Tensor) -> Tensor:
        bag = self.letters(context).sum(dim=1)  # [B, K, D] -> [B, D]
        return self.head(bag)


class Examples(NamedTuple):
    """The training data: each letter of each name, with the K letters before it."""

    letters: Characters
    contexts: list[list[int]]
    nexts: list[int]


class NamesBagRecipe(Recipe):
    name = "names_bag"
    summary = "a bag of letters that invents names, trained by plain SGD in a second"
    Config = NamesBagConfig

    def read(self, config: NamesBagConfig, path: Path | None, rng: Random) -> Examples:
        names = read_lines(path or names_path())
        letters = Characters.of(names)
        if path is None:  # the list that ships is sorted: take names from all of the alphabet
            names = names[:: max(1, len(names) // config.names)]
        contexts, nexts = [], []
        for name in names[: config.names]:
            tokens = [letters.bos] * config.context + letters.encode(name) + [letters.bos]
            for end in range(config.context, len(tokens)):
                contexts.append(tokens[end - config.context : end])
                nexts.append(tokens[end])
        return Examples(letters, contexts, nexts)

    def vocabulary(self, data: Examples) -> str:
        return data.letters.characters

    def build(
        self,
        config: NamesBagConfig,
        vocabulary: str,
        rng: Random,
        device: Any = None,
        dtype: Any = None,
    ) -> NamesBag:
        model = NamesBag(config, len(Characters(vocabulary)), device, dtype)
        for weight in model.parameters():
            nn.init.normal_(weight, std=config.init_std)
        return model

    def optimizer(self, config: NamesBagConfig, model: nn.Module) -> Optimizer:
        return SGD(model.parameters(), lr=config.lr)

    def batch(
        self, config: NamesBagConfig, data: Examples, step: int, rng: Random, device: Any
    ) -> Batch:
        picks = rng.choices(range(len(data.nexts)), k=config.batch)
        return Batch(
            inputs=vidya.tensor([data.contexts[i] for i in picks], device=device),
            targets=vidya.tensor([data.nexts[i] for i in picks], device=device),
        )

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return F.cross_entropy(model(batch.inputs), batch.targets)

    def evaluate(
        self, config: NamesBagConfig, model: nn.Module, data: Examples
    ) -> dict[str, float]:
        device = next(model.parameters()).device
        contexts = vidya.tensor(data.contexts, device=device)
        nexts = vidya.tensor(data.nexts, device=device)
        return {"full loss": F.cross_entropy(model(contexts), nexts).item()}

    def sample(
        self, model: nn.Module, vocabulary: str, rng: Random, temperature: float, prompt: str = ""
    ) -> str:
        letters = Characters(vocabulary)
        device = next(model.parameters()).device
        tokens = [letters.bos] * model.context + letters.encode(prompt)
        while len(tokens) < model.context + LONGEST:
            context = vidya.tensor([tokens[-model.context :]], device=device)  # [1, K]
            chances = F.softmax(model(context)[0] / temperature, dim=-1).tolist()
            [token] = rng.choices(range(len(letters)), weights=chances)
            if token == letters.bos:
                break
            tokens.append(token)
        return letters.decode(tokens)


@vidya.hookimpl
def vidya_models(register) -> None:
    register("names_bag", NamesBagRecipe())
