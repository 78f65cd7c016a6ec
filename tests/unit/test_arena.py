"""The memory plan of replayed graphs: values that live at the same time never overlap."""

from hypothesis import given
from hypothesis import strategies as st
from vidya.engine.arena import lay_out

values = st.tuples(st.integers(0, 5000), st.integers(0, 20), st.integers(0, 20)).map(
    lambda v: (v[0], min(v[1:]), max(v[1:]))
)


@given(st.lists(values, max_size=40))
def test_values_that_live_together_do_not_overlap(plan):
    offsets = lay_out(plan)
    for i, (size, first, last) in enumerate(plan):
        assert offsets[i] % 64 == 0
        for j in range(i):
            other, other_first, other_last = plan[j]
            if other_last < first or last < other_first:
                continue
            assert offsets[i] + size <= offsets[j] or offsets[j] + other <= offsets[i]


def test_a_chain_needs_the_room_of_two():
    plan = [(1024, i, i + 1) for i in range(50)]
    assert max(o + 1024 for o in lay_out(plan)) == 2 * 1024
