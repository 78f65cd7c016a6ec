"""What every optimizer shares: groups of parameters, their settings, and its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..engine.grad_modes import no_grad
from ..engine.trace import act, depends, live, untraced
from ..errors import CheckpointError
from ..functions.construct import tensor
from ..tensor import Tensor


class Optimizer:
    """Base of all optimizers.

    `params` are tensors, or dictionaries {"params": tensors, **settings} for groups with settings
    of their own.  `param_groups` may be changed between steps, `lr` above all.  `state` holds what
    each parameter has gathered.  A subclass writes `_update(param, grad, state, group)` and names
    in `state_names` what it keeps for a parameter.
    """

    state_names: frozenset[str] = frozenset()
    changes = 0  # of the set of parameters or of the state as a whole: for traced steps

    def __init__(self, params: Iterable[Any], defaults: Mapping[str, Any]) -> None:
        self.defaults = dict(defaults)
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        groups: list[Any] = [params] if isinstance(params, Tensor) else list(params)
        if not groups:
            raise ValueError(f"{type(self).__name__} got no parameters to train")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with settings that differ from the defaults.  ValueError if one is not a
        leaf or is already in a group."""
        unknown = set(group) - set(self.defaults) - {"params", "initial_lr"}
        if unknown:
            known = ", ".join(self.defaults)
            raise ValueError(
                f"{type(self).__name__} has no setting {sorted(unknown)[0]!r}; it has {known}"
            )
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        known_ids = {id(param) for g in self.param_groups for param in g["params"]}
        for param in params:
            if not isinstance(param, Tensor):
                raise TypeError(f"an optimizer trains tensors, not {type(param).__name__}")
            if not param.is_leaf:
                raise ValueError("an optimizer trains leaf tensors, not results of ops")
            if id(param) in known_ids:
                raise ValueError("a parameter is in two groups; give it to one of them")
            known_ids.add(id(param))
        settings = {**self.defaults, **group, "params": params}
        self._check(settings)
        self.param_groups.append(settings)
        self.changes += 1

    def _check(self, settings: Mapping[str, Any]) -> None:
        """ValueError if a setting is out of its range."""
        for name in ("lr", "eps", "weight_decay", "momentum"):
            if name in settings and not settings[name] >= 0:
                raise ValueError(f"{name} must be 0 or more, not {settings[name]}")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; with set_to_none=False fill them with zeros instead."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    param.grad = param.grad.new_zeros(param.grad.shape)

    def step(self) -> None:
        """Change every parameter that has a gradient."""
        changes = self.changes
        depends(lambda: self.changes == changes)
        with no_grad():
            for group in self.param_groups:
                for param in group["params"]:
                    if param.grad is not None:
                        self._update(param, param.grad, self.state.setdefault(param, {}), group)

    # A step may be traced by vidya.compile. What it must do or ask anew at every replay goes
    # through these.

    @staticmethod
    def _zeros(param: Tensor, shape: tuple[int, ...] | None = None) -> Tensor:
        """State for a parameter: real memory, also while a step is traced."""
        with untraced():
            zeros = param.detach().new_zeros(param.shape if shape is None else shape)
        zeros._keep = True
        return zeros

    @staticmethod
    def _count(state: dict) -> None:
        def count() -> None:
            state["step"] += 1

        act(count)

    @staticmethod
    def _numbers(group: dict) -> Callable[..., Any]:
        """number(name) or number(name, i): a setting of the group, as it is at each step."""

        def number(name: str, index: int | None = None) -> Any:
            if index is None:
                return live(lambda: group[name], (id(group), name))
            return live(lambda: group[name][index], (id(group), name, index))

        return number

    def _update(self, param: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        raise NotImplementedError(f"{type(self).__name__} defines no _update()")

    # ---- saving ----

    def state_dict(self) -> dict[str, Any]:
        """{"state": {number: {...}}, "param_groups": [...]}: parameters are numbered in order.

        The tensors are the optimizer's own, not copies.
        """
        numbers = {id(param): i for i, param in enumerate(self._params())}
        groups = [
            {**group, "params": [numbers[id(param)] for param in group["params"]]}
            for group in self.param_groups
        ]
        state = {numbers[id(param)]: dict(values) for param, values in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over settings and state (tensors or arrays) of the same optimizer on the same model.

        Everything is checked before anything is changed.  CheckpointError says what does not fit.
        """
        params = list(self._params())
        groups, state = state_dict["param_groups"], state_dict["state"]
        there = [len(group["params"]) for group in groups]
        here = [len(group["params"]) for group in self.param_groups]
        if there != here:
            raise CheckpointError(
                f"the optimizer state has groups of {there} parameters, not {here} as here"
            )
        for group in groups:
            for name in self.defaults:
                if name not in group:
                    raise CheckpointError(
                        f"the optimizer state has no {name!r}: it is not of {type(self).__name__}"
                    )
        loaded = {int(i): dict(values) for i, values in state.items()}
        for i, values in loaded.items():
            if not 0 <= i < len(params):
                raise CheckpointError(f"the optimizer state names parameter {i} of {len(params)}")
            self._check_state(i, params[i], values)
        self.changes += 1
        self.state = {params[i]: _like(params[i], values) for i, values in loaded.items()}
        for mine, group in zip(self.param_groups, groups, strict=True):
            mine.update({name: value for name, value in group.items() if name != "params"})

    def _check_state(self, number: int, param: Tensor, values: Mapping[str, Any]) -> None:
        if values and set(values) != self.state_names:
            raise CheckpointError(
                f"the optimizer state of parameter {number} holds {', '.join(sorted(values))}: "
                f"it is not of {type(self).__name__}"
            )
        for name, value in values.items():
            shape = getattr(value, "shape", None)
            if shape is not None and tuple(shape) != tuple(param.shape):
                raise CheckpointError(
                    f"the optimizer's {name} of parameter {number} is {list(shape)}, "
                    f"the parameter {list(param.shape)}"
                )

    def _params(self) -> Iterable[Tensor]:
        return (param for group in self.param_groups for param in group["params"])

    def __repr__(self) -> str:
        groups = [
            ", ".join(f"{name}={value}" for name, value in group.items() if name != "params")
            for group in self.param_groups
        ]
        return f"{type(self).__name__}({'; '.join(groups)})"


def _like(param: Tensor, values: Mapping[str, Any]) -> dict[str, Any]:
    """Copies of the state, on the parameter's device; plain numbers as they are."""
    return {
        name: tensor(value, device=param.device) if hasattr(value, "shape") else value
        for name, value in values.items()
    }
