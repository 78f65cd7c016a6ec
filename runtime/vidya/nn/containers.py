"""Modules that hold modules: in a row, in a list, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..engine import watched
from .module import Module


class _Indexed(Module):
    """What Sequential and ModuleList share: children named "0", "1", ... in order."""

    def _set_all(self, modules: Iterable[Module]) -> None:
        self._modules.clear()
        for i, module in enumerate(modules):
            self.add_module(str(i), _checked(module, self))

    def append(self, module: Module) -> Any:
        self.add_module(str(len(self)), _checked(module, self))
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        items = list(self)
        items.insert(index, _checked(module, self))
        self._set_all(items)
        return self

    def __getitem__(self, index: int | slice) -> Any:
        items = list(self)
        if isinstance(index, slice):
            part = type(self)()
            part._set_all(items[index])
            return part
        return items[index]

    def __setitem__(self, index: int, module: Module) -> None:
        self._modules[str(range(len(self))[index])] = _checked(module, self)

    def __delitem__(self, index: int | slice) -> None:
        items = list(self)
        del items[index]
        self._set_all(items)

    def __iter__(self) -> Iterator[Any]:
        if watched.tracing:
            watched.watch(self)
        return iter(self._modules.values())

    def __len__(self) -> int:
        return len(self._modules)


class Sequential(_Indexed):
    """Modules called one after another, each on the result of the one before.

    Sequential(a, b, c), or Sequential({"first": a, "second": b}) to name them.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.add_module(name, _checked(module, self))
        else:
            self._set_all(modules)  # type: ignore[arg-type]

    def __setitem__(self, index: int, module: Module) -> None:
        self._modules[list(self._modules)[index]] = _checked(module, self)

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x


class ModuleList(_Indexed):
    """A list of modules; it is not called itself."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self._set_all(modules)


class ModuleDict(Module):
    """A dictionary of modules; it is not called itself."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def update(self, modules: Mapping[str, Module]) -> None:
        for name, module in modules.items():
            self[name] = module

    def __getitem__(self, name: str) -> Any:
        if watched.tracing:
            watched.watch(self)
        return self._modules[name]

    def __setitem__(self, name: str, module: Module) -> None:
        if name not in self._modules:
            self._check_new_name(name)
        self._modules[name] = _checked(module, self)

    def __delitem__(self, name: str) -> None:
        del self._modules[name]

    def __contains__(self, name: str) -> bool:
        return name in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def keys(self) -> Iterable[str]:
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        if watched.tracing:
            watched.watch(self)
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        if watched.tracing:
            watched.watch(self)
        return self._modules.items()

    def pop(self, name: str) -> Any:
        return self._modules.pop(name)


def _checked(module: Any, owner: Module) -> Module:
    if not isinstance(module, Module):
        raise TypeError(f"{type(owner).__name__} holds modules, not {type(module).__name__}")
    return module
