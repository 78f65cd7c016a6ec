"""microgpt from the inside, and the mistakes that an earlier port of it made."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
import vidya
from vidya.errors import ConfigError, DataError
from vidya.train import apply_settings
from vidya_models.microgpt import Cache, MicroGPTRecipe
from vidya_models.microgpt import MicroGPTConfig as Config

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def recipe():
    return MicroGPTRecipe()


@pytest.fixture
def model(recipe, device):
    config = Config(n_layer=2, init_std=0.3)
    return recipe.build(config, LETTERS, Random(1), device=device, dtype=vidya.float32)


def test_it_has_4192_parameters_in_the_order_of_the_draws(recipe, device):
    model = recipe.build(Config(), LETTERS, Random(42), device=device)
    assert sum(param.numel() for param in model.parameters()) == 4192
    shapes = {name: tuple(param.shape) for name, param in model.named_parameters()}
    assert list(shapes.items()) == [
        ("wte.weight", (27, 16)),
        ("wpe.weight", (16, 16)),
        ("lm_head.weight", (27, 16)),
        ("layers.0.attn.wq.weight", (16, 16)),
        ("layers.0.attn.wk.weight", (16, 16)),
        ("layers.0.attn.wv.weight", (16, 16)),
        ("layers.0.attn.wo.weight", (16, 16)),
        ("layers.0.mlp.fc1.weight", (64, 16)),
        ("layers.0.mlp.fc2.weight", (16, 64)),
    ]
    rng = Random(42)
    drawn = np.array([rng.gauss(0, 0.08) for _ in range(27 * 16)]).reshape(27, 16)
    assert model.wte.weight.detach().numpy() == pytest.approx(drawn, rel=1e-6)


def test_the_cache_gives_what_the_whole_sequence_gives(model, device):
    tokens = [26, 3, 14, 0, 7, 7, 21, 9, 2, 26, 11, 5, 1, 0, 25, 4]
    with vidya.no_grad():
        whole = model(vidya.tensor(tokens, device=device)).numpy()
        cache = Cache()
        for i, token in enumerate(tokens):
            assert cache.length == i
            [logits] = model(vidya.tensor([token], device=device), cache).numpy()
            assert logits == pytest.approx(whole[i], rel=1e-5, abs=1e-4)
        cache = Cache()
        for part in (tokens[:5], tokens[5:6], tokens[6:]):  # several at once, after some
            last = model(vidya.tensor(part, device=device), cache).numpy()[-1]
        assert last == pytest.approx(whole[-1], rel=1e-5, abs=1e-4)


def test_no_token_sees_a_later_one(model, device):
    with vidya.no_grad():
        a = model(vidya.tensor([26, 1, 2, 3], device=device)).numpy()
        b = model(vidya.tensor([26, 1, 2, 9], device=device)).numpy()
    assert a[:3] == pytest.approx(b[:3], abs=1e-6)
    assert not np.allclose(a[3], b[3])


def test_attention_normalises_its_input_and_uses_the_projected_queries(model, device):
    attn = model.layers[0].attn
    seen = {}
    for name in ("wq", "wk", "wv"):
        layer = getattr(attn, name)
        layer.register_forward_hook(
            lambda _, args, out, name=name: seen.update({name: (args[0], out)})
        )
    tokens = vidya.tensor([26, 4, 8, 15], device=device)
    with vidya.no_grad():
        model(tokens)
        q_in, q = (t.numpy() for t in seen["wq"])
        k, v = seen["wk"][1].numpy(), seen["wv"][1].numpy()
        assert np.sqrt((q_in**2).mean(-1)) == pytest.approx(np.ones(4), abs=1e-3)
        found = attn(vidya.tensor(q_in, device=device)).numpy()

    T, H, D = 4, 4, 4
    heads = []
    for h in range(H):
        part = slice(h * D, (h + 1) * D)
        scores = q[:, part] @ k[:, part].T / math.sqrt(D)
        scores[np.triu_indices(T, 1)] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        heads.append(weights / weights.sum(-1, keepdims=True) @ v[:, part])
    wanted = np.concatenate(heads, -1) @ attn.wo.weight.detach().numpy().T
    assert found == pytest.approx(wanted, abs=1e-5)


def test_every_parameter_gets_a_gradient(recipe, model, device):
    batch = recipe.batch(Config(), recipe.read(Config(), None, Random(0)), 0, Random(0), device)
    recipe.loss(model, batch).backward()
    for name, param in model.named_parameters():
        assert param.grad is not None and bool((param.grad != 0).any()), name


def test_a_long_name_is_cut_to_the_block(recipe, device, tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("abcdefghijklmnopqrstuvwxyz\n")
    data = recipe.read(Config(), path, Random(0))
    batch = recipe.batch(Config(), data, 0, Random(0), device)
    assert batch.inputs.tolist() == [26, *range(15)]
    assert batch.targets.tolist() == list(range(16))
    assert batch.tokens == 16


def test_samples_start_with_the_prompt_and_end_at_the_block(recipe, model):
    rng = Random(0)
    for _ in range(5):
        text = recipe.sample(model.eval(), LETTERS, rng, 1.0, "ka")
        assert text.startswith("ka") and len(text) <= 16
    with pytest.raises(ConfigError, match="16 letters; this model takes up to 15"):
        recipe.sample(model, LETTERS, rng, 1.0, "a" * 16)
    with pytest.raises(DataError, match="'ä' is not in the vocabulary"):
        recipe.sample(model, LETTERS, rng, 1.0, "ä")


def test_settings_are_checked():
    assert apply_settings(Config(), ["n_embd=32", "lr = 0.5"]) == Config(n_embd=32, lr=0.5)
    with pytest.raises(ConfigError, match="n_embd 15 is not a multiple of n_head 4"):
        apply_settings(Config(), ["n_embd=15"])
    with pytest.raises(ConfigError, match="n_layer must be 1 or more"):
        apply_settings(Config(), ["n_layer=0"])
