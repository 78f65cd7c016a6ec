"""Drawing tokens, and caches written in place."""

import numpy as np
import pytest
import vidya
from vidya.functions.next_token import sample
from vidya.ops.cache import cache_write_, paged_cache_write_, paged_gather, paged_slots

CHANCES = np.array([0.1, 0.2, 0.3, 0.4])


@pytest.fixture
def logits(device):
    return vidya.tensor(np.log(np.tile(CHANCES, (20000, 1))), device=device)


def shares(tokens):
    return np.bincount(tokens.numpy(), minlength=4) / len(tokens)


def test_tokens_come_as_often_as_they_should(logits):
    vidya.manual_seed(0)
    assert shares(sample(logits)) == pytest.approx(CHANCES, abs=0.02)
    sharper = CHANCES**2 / (CHANCES**2).sum()
    assert shares(sample(logits, temperature=0.5)) == pytest.approx(sharper, abs=0.02)


@pytest.mark.parametrize("options", [{"top_k": 2}, {"top_p": 0.65}, {"min_p": 0.7}])
def test_filters_leave_the_likely_ones(logits, options):
    found = shares(sample(logits, **options))
    assert found == pytest.approx([0, 0, 3 / 7, 4 / 7], abs=0.02)


def test_temperature_0_takes_the_largest(logits):
    assert set(sample(logits[:5], temperature=0).tolist()) == {3}


def test_repetition_penalty_needs_tokens(logits, device):
    with pytest.raises(ValueError, match="tokens="):
        sample(logits, repetition_penalty=1.2)
    seen = vidya.tensor([[3]], device=device)
    row = vidya.tensor([[0.0, 0.0, 1.0, 1.1]], device=device)
    assert sample(row, temperature=0, repetition_penalty=1.2, tokens=seen).tolist() == [2]


def test_a_cache_is_written_in_place(device):
    cache = vidya.zeros(2, 3, 8, 4, device=device)
    rows = vidya.randn(2, 3, 2, 4, device=device)
    assert cache_write_(cache, rows, vidya.tensor([5, 6], device=device)) is cache
    assert (cache.numpy()[:, :, 5:7] == rows.numpy()).all()
    assert not cache.numpy()[:, :, :5].any()
    with pytest.raises(IndexError, match="8"):
        cache_write_(cache, rows, vidya.tensor([7, 8], device=device)).numpy()


def test_pages_hold_a_sequence_in_order(device):
    pool = vidya.zeros(5, 4, 3, device=device)
    table = vidya.tensor([[3, 1], [0, 4]], device=device)
    positions = vidya.tensor([[0, 5], [3, 4]], device=device)
    slots = paged_slots(table, positions, 4)
    assert slots.tolist() == [[12, 5], [3, 16]]
    rows = vidya.randn(2, 2, 3, device=device)
    paged_cache_write_(pool, rows, slots)
    found = paged_gather(pool, table).numpy()
    assert found.shape == (2, 8, 3)
    assert (found[0, [0, 5]] == rows.numpy()[0]).all()
    assert (found[1, [3, 4]] == rows.numpy()[1]).all()
