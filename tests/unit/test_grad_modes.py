"""no_grad, enable_grad and set_grad_enabled as calls, blocks and decorators."""

import vidya


def test_blocks_put_back_what_was():
    with vidya.no_grad():
        with vidya.enable_grad():
            assert vidya.is_grad_enabled()
        assert not vidya.is_grad_enabled()
        with vidya.set_grad_enabled(True):
            assert vidya.is_grad_enabled()
        assert not vidya.is_grad_enabled()
    assert vidya.is_grad_enabled()


def test_a_call_stays():
    try:
        vidya.set_grad_enabled(False)
        assert not vidya.is_grad_enabled()
    finally:
        vidya.set_grad_enabled(True)


def test_decorators_act_inside_only():
    @vidya.set_grad_enabled(False)
    def off() -> bool:
        return vidya.is_grad_enabled()

    assert vidya.is_grad_enabled()
    assert not off()
    assert vidya.is_grad_enabled()

    @vidya.no_grad()
    def nested(depth: int) -> bool:
        return nested(depth - 1) if depth else vidya.is_grad_enabled()

    assert not nested(2)
    assert vidya.is_grad_enabled()
