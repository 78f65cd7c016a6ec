"""Continuing sequences: prompt in, tokens out, with one call for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import vidya
from vidya import Tensor
from vidya.functions.next_token import sample

from .transformer import Cache, Transformer


class Decoder:
    """Draws the tokens that follow a prompt.

    One plan holds a whole step: the model, the draw, and writing the token to where the next step
    reads it. `vidya.compile(...).loop` runs it as often as tokens are wanted, without Python.

    size: places of the cache (default: the model's max_position_embeddings) for prompt and tokens.
    settings: temperature, top_k, top_p, min_p of `vidya.next_token.sample`; with temperature 0 the
    likeliest token is taken.
    pack_weights: as of `vidya.compile`; worth it for a batch of 2 and more.
    """

    def __init__(
        self, model: Transformer, size: int | None = None, batch: int = 1, *,
        pack_weights: bool = False, **settings: Any,
    ) -> None:  # fmt: skip
        table = model.embed_tokens.weight
        place = {"device": table.device, "dtype": table.dtype}
        longest = model.config.max_position_embeddings
        self.model, self.settings = model, settings
        self.cache = Cache(model.config, longest if size is None else size, batch, **place)
        self.token = vidya.zeros(batch, 1, dtype=vidya.int64, device=table.device)
        self._prompts = 0  # how many there were
        self._step = vidya.compile(self._draw, pack_weights=pack_weights)

    def parameters(self) -> Any:
        return self.model.parameters()

    def __call__(self, prompt: Tensor, count: int) -> Tensor:
        """prompt: int64 [B, T], T at least 1 -> int64 [B, count]. ValueError: no room for them."""
        self._check(prompt, count)
        first = self._first(prompt)
        if count == 1:
            return first
        with vidya.no_grad():
            if not vidya.device(prompt.device).info["strided"]:  # it has no loops
                return vidya.cat([first, *(self._step() for _ in range(count - 1))], 1)
            rest = self._step.loop(count - 1)  # [count - 1, B, 1]
            return vidya.cat([first, rest.squeeze(-1).t()], 1)

    def stream(self, prompt: Tensor) -> Iterator[Tensor]:
        """The same tokens one by one, [B, 1] each, until the cache is full or nobody asks for more.

        A decoder has one cache: a new prompt ends the streams of those before it. ValueError: as
        for a call, and RuntimeError for a stream that has ended so.
        """
        self._check(prompt, 1)
        return self._stream(prompt)

    def _stream(self, prompt: Tensor) -> Iterator[Tensor]:
        first = self._first(prompt)
        mine = self._prompts
        yield first
        for _ in range(self.cache.size - prompt.shape[1] - 1):
            if mine != self._prompts:
                raise RuntimeError("Decoder.stream: another prompt has taken the cache since")
            with vidya.no_grad():
                token = self._step()
            yield token

    def _check(self, prompt: Tensor, count: int) -> None:
        if prompt.ndim != 2 or prompt.shape[0] != self.token.shape[0] or not prompt.shape[1]:
            raise ValueError(
                f"Decoder: needs a prompt [{self.token.shape[0]}, T] with a token in it, "
                f"got {tuple(prompt.shape)}"
            )
        if count < 1:
            raise ValueError(f"Decoder: needs a count of 1 or more, got {count}")
        length = prompt.shape[1]
        if length + count > self.cache.size:
            raise ValueError(
                f"Decoder: {length} tokens and {count} more do not fit a cache of "
                f"{self.cache.size}: make it larger with size="
            )

    def _first(self, prompt: Tensor) -> Tensor:
        """The token after the prompt, [B, 1], with an empty cache before it."""
        self._prompts += 1
        self.cache.reset()
        with vidya.no_grad():
            return self._write(self.model.next_logits(prompt, self.cache))

    def _draw(self) -> Tensor:
        return self._write(self.model.next_logits(self.token, self.cache))

    def _write(self, logits: Tensor) -> Tensor:
        self.token.copy_(sample(logits, **self.settings).unsqueeze(-1))
        return self.token.clone()
