"""Module: a tree of parameters, buffers and other modules that can be called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..engine import watched
from ..tensor import Tensor
from .hooks import HookTable, RemovableHandle, call_with_hooks
from .parameter import Parameter
from .state import StateMixin


class Module(StateMixin):
    """Base of all layers and models.

    Subclasses call `super().__init__()`, set parameters, buffers and modules as attributes, and
    write `forward`.  `module(x)` runs `forward` and the hooks.

        class Scale(nn.Module):
            def __init__(self, size):
                super().__init__()
                self.factor = nn.Parameter(vidya.ones(size))

            def forward(self, x):           # x: [..., size]
                return x * self.factor
    """

    training: bool

    def __init__(self) -> None:
        # Past __setattr__, which needs these tables to be there.
        tables: dict[str, Any] = {
            "_parameters": watched.Parts(),
            "_buffers": watched.Parts(),
            "_modules": watched.Parts(),
            "_transient": set(),  # buffers that a state_dict leaves out
            "_hooks": None,  # made by the first hook: most modules have none
            "training": True,
        }
        self.__dict__.update(tables)

    def forward(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} defines no forward()")

    def __call__(self, *args, **kwargs):
        if watched.tracing:
            watched.watch(self)
        if self._hooks is None:
            return self.forward(*args, **kwargs)
        return call_with_hooks(self, self._hooks, args, kwargs)

    # ---- attributes ----

    def __setattr__(self, name: str, value: Any) -> None:
        tables = self.__dict__
        if "_parameters" not in tables:
            raise AttributeError(
                f"call super().__init__() before setting {type(self).__name__}.{name}"
            )
        if isinstance(value, Parameter):
            self._forget(name)
            self._parameters[name] = value
        elif isinstance(value, Module):
            self._forget(name)
            self._modules[name] = value
        elif name in self._parameters and value is not None:
            raise TypeError(
                f"{name} is a parameter of {type(self).__name__}; assign an nn.Parameter or None, "
                f"not {type(value).__name__}, or delete it first"
            )
        elif name in self._parameters:
            self._parameters[name] = None
        elif name in self._buffers and (value is None or isinstance(value, Tensor)):
            self._buffers[name] = value
        else:
            self._forget(name)
            tables[name] = value
            if name == "training":
                watched.changed()

    def __getattr__(self, name: str) -> Any:
        # Only asked when the ordinary look-up found nothing.
        for table in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(table, {})
            if name in found:
                if watched.tracing:
                    watched.watch(self)
                return found[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        if not self._forget(name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def _forget(self, name: str) -> bool:
        tables = self.__dict__
        self._transient.discard(name)
        places = (tables, self._parameters, self._buffers, self._modules)
        found = [place for place in places if name in place]
        for place in found:
            del place[name]
        return bool(found)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Set a parameter under a name; None keeps the name for a parameter that is not there."""
        self._check_new_name(name)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """A tensor that moves with the module but is not trained.

        If not `persistent`, state_dict leaves it out.
        """
        self._check_new_name(name)
        self._buffers[name] = tensor
        if not persistent:
            self._transient.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Set a submodule under a name that need not be a Python identifier."""
        self._check_new_name(name)
        self._modules[name] = module

    register_module = add_module

    def _check_new_name(self, name: str) -> None:
        if not name or "." in name:
            raise KeyError(f"{name!r} cannot name a part of a module: it is empty or holds a '.'")
        if name not in self._parameters | self._buffers | self._modules and hasattr(self, name):
            raise KeyError(f"{type(self).__name__} already has an attribute {name!r}")

    # ---- walking the tree ----

    def named_modules(
        self, memo: set | None = None, prefix: str = ""
    ) -> Iterator[tuple[str, Module]]:
        """This module (as "") and all below it, each once, parents first."""
        memo = set() if memo is None else memo
        if id(self) in memo:
            return
        memo.add(id(self))
        yield prefix, self
        for name, module in self.named_children():
            yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        return ((name, child) for name, child in self._modules.items() if child is not None)

    def children(self) -> Iterator[Module]:
        return (child for _, child in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Names with dots and parameters, each parameter once however often it is used (tied)."""
        return self._named_tensors("_parameters", prefix, recurse)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        return (param for _, param in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        return self._named_tensors("_buffers", prefix, recurse)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named_tensors(self, table: str, prefix: str, recurse: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix=prefix) if recurse else [(prefix, self)]:
            for name, tensor in getattr(module, table).items():
                if tensor is not None and id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield (f"{path}.{name}" if path else name), tensor

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path.  AttributeError names the part that is missing."""
        module = self
        for name in filter(None, target.split(".")):
            if module._modules.get(name) is None:
                raise AttributeError(
                    f"{type(module).__name__} has no module {name!r} (of {target!r})"
                )
            module = module._modules[name]
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path. AttributeError names the part that is missing."""
        return self._tensor_at("_parameters", "parameter", target)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path. AttributeError names the part that is missing."""
        return self._tensor_at("_buffers", "buffer", target)

    def _tensor_at(self, table: str, kind: str, target: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        found = getattr(module, table).get(name)
        if found is None:
            raise AttributeError(f"{type(module).__name__} has no {kind} {name!r} (of {target!r})")
        return found

    def apply(self, fn: Callable[[Module], Any]) -> Module:
        """Call `fn` on every module below and then on this one: `model.apply(init_weights)`."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # ---- training ----

    def train(self, mode: bool = True) -> Module:
        """Switch layers such as Dropout to training (or, with False, to evaluation)."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Train (or freeze) every parameter."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; with set_to_none=False fill them with zeros instead."""
        for param in self.parameters():
            if set_to_none:
                param.grad = None
            elif param.grad is not None:
                param.grad = param.grad.new_zeros(param.grad.shape)

    # ---- hooks ----

    def register_forward_pre_hook(
        self, hook: Callable, *, with_kwargs: bool = False
    ) -> RemovableHandle:
        """hook(module, args) -> None or new args, before forward.

        A value that is not a tuple is the single new argument.  With `with_kwargs` it is
        hook(module, args, kwargs) -> None or (args, kwargs).
        """
        return self._hook_table().add("forward_pre", hook, with_kwargs)

    def register_forward_hook(
        self, hook: Callable, *, with_kwargs: bool = False
    ) -> RemovableHandle:
        """hook(module, args, output) -> None or a new output, after forward.

        With `with_kwargs` it is hook(module, args, kwargs, output).
        """
        return self._hook_table().add("forward", hook, with_kwargs)

    def register_full_backward_hook(self, hook: Callable) -> RemovableHandle:
        """hook(module, grad_input, grad_output) -> None or new grad_input, during backward.

        Both are tuples with one entry per tensor argument and per output.
        """
        return self._hook_table().add("backward", hook, False)

    def _hook_table(self) -> HookTable:
        if self._hooks is None:
            self.__dict__["_hooks"] = HookTable()
        return self._hooks

    # ---- printing ----

    def extra_repr(self) -> str:
        """What a layer says of itself between the brackets."""
        return ""

    def __repr__(self) -> str:
        inner = [
            f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self._modules.items()
        ]
        if not inner:
            return f"{type(self).__name__}({self.extra_repr()})"
        lines = [self.extra_repr(), *inner] if self.extra_repr() else inner
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)"
