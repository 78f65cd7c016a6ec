"""The transformer with a cache: the same logits as the whole sequence, eager and compiled."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya_models.transformer import Cache, TransformerConfig


@pytest.fixture
def tokens(device):
    return vidya.tensor(np.random.default_rng(0).integers(0, 50, (2, 12)), device=device)


@pytest.mark.parametrize("compiled", [False, True])
def test_decoding_gives_the_logits_of_the_whole_sequence(device, transformer, tokens, compiled):
    with vidya.no_grad():
        whole = transformer(tokens).numpy()  # [B, T, V]
        cache = Cache(transformer.config, 16, batch=2, device=device)
        start = transformer.next_logits(tokens[:, :5], cache).numpy()  # several at once

        def one(token):
            return transformer.next_logits(token, cache)

        step = vidya.compile(one) if compiled else one
        rows = [start] + [step(tokens[:, i : i + 1]).numpy() for i in range(5, 12)]
    np.testing.assert_allclose(np.stack(rows, 1), whole[:, 4:], rtol=1e-4, atol=1e-4)
    if compiled:
        assert len(step.entries) == 1  # one plan for every position


def test_a_cache_starts_over(device, transformer, tokens):
    cache = Cache(transformer.config, 16, batch=2, device=device)
    with vidya.no_grad():
        first = transformer.next_logits(tokens[:, :7], cache).numpy()
        cache.reset()
        again = transformer.next_logits(tokens[:, :7], cache).numpy()
    np.testing.assert_array_equal(again, first)


def test_greedy_decoding_in_one_loop(device, transformer):
    if not vidya.device(device).info["strided"]:
        pytest.skip("a device without strides has no loops")
    cache = Cache(transformer.config, 16, device=device)
    token = vidya.full((1, 1), 3, dtype=vidya.int64, device=device)

    @vidya.compile
    def step():
        with vidya.no_grad():
            token.copy_(transformer.next_logits(token, cache).argmax(-1, keepdim=True))
            return token * 1

    found = step.loop(10).reshape(-1).tolist()
    sequence = [3]
    with vidya.no_grad():
        for _ in range(10):  # the whole sequence again for each token
            logits = transformer(vidya.tensor([sequence], device=device))
            sequence.append(int(logits[0, -1].argmax().item()))
    assert found == sequence[1:]


def test_mistakes_are_named(transformer, device):
    with pytest.raises(ValueError, match="25 tokens are more than max_position_embeddings 24"):
        transformer(vidya.zeros(1, 25, dtype=vidya.int64, device=device))
    with pytest.raises(ValueError, match="num_attention_heads 4 is not a multiple"):
        TransformerConfig(num_attention_heads=4, num_key_value_heads=3)
    with pytest.raises(ValueError, match="head_dim must be even"):
        TransformerConfig(head_dim=7)
