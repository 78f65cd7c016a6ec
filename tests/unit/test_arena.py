"""The memory plan of replayed graphs: values that live at the same time never overlap."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from vidya.engine.arena import in_arena, lay_out
from vidya.engine.trace import INPLACE, Node

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


class Operand:
    def __init__(self, slot, meta="f32[8]", offset=0):
        self._slot, self._meta_key, self._offset = slot, meta, offset


def trace(*nodes):
    """Nodes as (op, inputs, outputs), values as numbers or operands; all of one size."""
    made = []
    for op, ins, outs, *caps in nodes:
        operands = [[t if isinstance(t, Operand) else Operand(t) for t in ts] for ts in (ins, outs)]
        made.append(Node(op, *operands, {}, None, caps[0] if caps else INPLACE))
    slots = {t._slot for n in made for t in (*n.inputs, *n.outputs)}
    return SimpleNamespace(nodes=made, inputs=[Operand(0)], sizes=dict.fromkeys(slots, 1024))


def places(t, outs=()):
    _, blocks, offsets = in_arena(t, [Operand(s) for s in outs])
    return blocks[0], offsets


def test_a_result_takes_the_place_of_what_dies():
    size, at = places(trace(("add", [0, 0], [1]), ("exp", [1], [2]), ("exp", [2], [3])))
    assert size == 1024 and at[1] == at[2] == at[3]


def test_what_is_needed_later_keeps_its_place():
    size, at = places(
        trace(("add", [0, 0], [1]), ("exp", [1], [2]), ("add", [1, 2], [3]), ("exp", [3], [4]))
    )
    assert size == 2048 and at[1] != at[2] and at[3] in (at[1], at[2]) and at[4] == at[3]


def test_only_kernels_that_can_write_in_place_do():
    size, _ = places(trace(("add", [0, 0], [1]), ("softmax", [1], [2], 0), ("exp", [2], [3])))
    assert size == 2048


def test_memory_that_is_read_in_another_order_is_not_overwritten():
    turned = Operand(1, "turned")
    size, _ = places(trace(("add", [0, 0], [1]), ("add", [1, turned], [2]), ("exp", [2], [3])))
    assert size == 2048
    later = Operand(1, offset=4)
    size, _ = places(trace(("add", [0, 0], [1]), ("add", [1, later], [2]), ("exp", [2], [3])))
    assert size == 2048


def test_the_first_operand_alone_gives_its_place_where_kernels_read_in_their_own_order():
    for kept, over in [(2, True), (1, False)]:  # which of the two is needed later
        nodes = [("exp", [0], [1]), ("exp", [0], [2]), ("scatter", [1, 2], [3])]
        _, at = places(trace(*nodes, ("exp", [kept], [4])))
        assert (at[3] == at[1]) == over and at[3] != at[2]


def test_inputs_and_results_stay_apart():
    size, at = places(trace(("exp", [0], [1]), ("exp", [1], [2])), outs=[1])
    assert 1 not in at and size == 1024
