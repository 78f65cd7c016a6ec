"""Sequences continued by a plan that holds the model, the draw and the cache."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya_models.decoding import Decoder
from vidya_models.transformer import Transformer, TransformerConfig


def prompt(device, batch, length, seed=0):
    tokens = np.random.default_rng(seed).integers(0, 50, (batch, length))
    return vidya.tensor(tokens, device=device)


def likeliest(model, tokens, count):
    """The whole sequence again for every token."""
    tokens = tokens.numpy()
    for _ in range(count):
        with vidya.no_grad():
            logits = model(vidya.tensor(tokens, device=model.embed_tokens.weight.device))
        tokens = np.concatenate([tokens, logits.numpy()[:, -1].argmax(-1)[:, None]], 1)
    return tokens[:, -count:]


@pytest.mark.parametrize("batch, pack", [(1, False), (3, True)])
def test_the_likeliest_tokens(device, transformer, batch, pack):
    decoder = Decoder(transformer, batch=batch, temperature=0, pack_weights=pack)
    for length, count in [(5, 9), (1, 1), (3, 2), (5, 19)]:  # each from an empty cache
        start = prompt(device, batch, length, seed=length)
        got = decoder(start, count)
        assert got.shape == (batch, count) and got.dtype is vidya.int64
        np.testing.assert_array_equal(got.numpy(), likeliest(transformer, start, count))
    assert len(decoder._step.entries) == 1  # one plan for all of them


def test_draws_follow_the_seed(device, transformer):
    decoder, start = Decoder(transformer, temperature=1.5, top_k=20), prompt(device, 1, 4)
    drawn = []
    for seed in (1, 1, 2):
        vidya.manual_seed(seed)
        drawn.append(decoder(start, 15).tolist())
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0][0])) > 2
    only = Decoder(transformer, temperature=1.5, top_k=1)
    np.testing.assert_array_equal(only(start, 8).numpy(), likeliest(transformer, start, 8))


def test_integer_weights(device):
    model = vidya.quantize(Transformer(
        TransformerConfig(vocab_size=50, hidden_size=64, num_hidden_layers=1, head_dim=32,
                          num_attention_heads=2, num_key_value_heads=1, intermediate_size=64),
        device=device,
    ), 4)  # fmt: skip
    decoder, start = Decoder(model, size=20, temperature=0), prompt(device, 1, 6)
    np.testing.assert_array_equal(decoder(start, 12).numpy(), likeliest(model, start, 12))


def test_token_by_token(device, transformer):
    decoder, start = Decoder(transformer, size=12, temperature=1.2), prompt(device, 1, 5)
    vidya.manual_seed(3)
    whole = decoder(start, 7)
    vidya.manual_seed(3)
    tokens = list(decoder.stream(start))  # until the cache is full
    np.testing.assert_array_equal(vidya.cat(tokens, 1).numpy(), whole.numpy())
    first, second = decoder.stream(start), decoder.stream(prompt(device, 1, 3))
    next(first), next(second)
    with pytest.raises(RuntimeError, match="another prompt has taken the cache"):
        next(first)
    assert next(second).shape == (1, 1)


def test_what_does_not_fit(device, transformer):
    decoder = Decoder(transformer, size=10)
    with pytest.raises(ValueError, match="6 tokens and 5 more do not fit a cache of 10"):
        decoder(prompt(device, 1, 6), 5)
    with pytest.raises(ValueError, match="10 tokens and 1 more do not fit a cache of 10"):
        decoder.stream(prompt(device, 1, 10))
    with pytest.raises(ValueError, match=r"needs a prompt \[1, T\]"):
        decoder(prompt(device, 2, 6), 2)
    with pytest.raises(ValueError, match=r"needs a prompt \[1, T\].*got \(6,\)"):
        decoder(prompt(device, 1, 6)[0], 2)
    with pytest.raises(ValueError, match="a count of 1 or more, got 0"):
        decoder(prompt(device, 1, 6), 0)
