"""no_init: layers whose weights are loaded right after draw nothing."""

import vidya
from vidya import nn


def test_no_init_draws_nothing_and_constants_stay():
    vidya.manual_seed(1)
    expected = vidya.rand(2).tolist()
    vidya.manual_seed(1)
    with nn.init.no_init():
        nn.Linear(3, 4)
        nn.Embedding(3, 4)
        norm = nn.RMSNorm(3)
        nn.init.trunc_normal_(vidya.zeros(5))
    assert vidya.rand(2).tolist() == expected  # the generator did not move
    assert norm.weight.tolist() == [1.0, 1.0, 1.0]
    kept = vidya.full((4,), 7.0)
    nn.init.normal_(kept)  # and outside of it, all is as before
    assert kept.tolist() != [7.0] * 4
