"""Marks that a script sets on modules while creating them: which to divide (`tensor_parallelism`), where to place them
(`partition`).

PyTorch calls a hook for every parameter and module that is registered; modules registered inside such a context are marked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.modules import module as hooks

DIVIDED = "_smp_divided"
PLACE = "_smp_place"
MADE_WITH = "_smp_made_with"


@dataclass(frozen=True)
class Replacement:
    """The replacement of a class of modules by its divided counterpart."""

    module: type[torch.nn.Module]
    init: Callable[..., Any]
    forward: Callable[..., Any] | None = None
    returned: Callable[..., Any] | None = None


replacements: dict[type[torch.nn.Module], Replacement] = {}


@contextmanager
def _marking(name: str, value: Any) -> Iterator[None]:
    """Sets attribute `name` on modules created inside. An inner context runs first, so its marks stay."""

    def of_parameter(module: torch.nn.Module, _name: str, _parameter: Any) -> None:
        module.__dict__.setdefault(name, value)

    def of_module(_module: torch.nn.Module, _name: str, child: Any) -> None:
        if child is not None:
            for inner in child.modules():
                inner.__dict__.setdefault(name, value)

    with ExitStack() as stack:
        for register, hook in (
            (hooks.register_module_parameter_registration_hook, of_parameter),
            (hooks.register_module_module_registration_hook, of_module),
        ):
            stack.callback(register(hook).remove)
        yield


_depth: dict[str, list[Any]] = {DIVIDED: [], PLACE: []}


@contextmanager
def _innermost(name: str, value: Any) -> Iterator[None]:
    """Hooks only the innermost context in: hooks of an outer one would run first."""
    stack = _depth[name]
    if stack:
        stack[-1].pause()
    context = _Context(name, value)
    stack.append(context)
    context.resume()
    try:
        yield
    finally:
        context.pause()
        stack.pop()
        if stack:
            stack[-1].resume()


class _Context:
    def __init__(self, name: str, value: Any) -> None:
        self._name, self._value = name, value
        self._running: ExitStack | None = None

    def resume(self) -> None:
        self._running = ExitStack()
        self._running.enter_context(_marking(self._name, self._value))

    def pause(self) -> None:
        if self._running is not None:
            self._running.close()


@contextmanager
def tensor_parallelism(enabled: bool = True, **config: Any) -> Iterator[None]:
    """Divides supported modules that are created inside, or not. `config`: arguments of the divided modules."""
    with _innermost(DIVIDED, (enabled, config)):
        yield


def set_tensor_parallelism(module: torch.nn.Module, enabled: bool = True, **config: Any) -> None:
    """Like `tensor_parallelism`, for an existing module."""
    for inner in module.modules():
        inner.__dict__[DIVIDED] = (enabled, config)


@contextmanager
def partition(index: int) -> Iterator[None]:
    """Places modules that are created inside in partition `index`, unless `auto_partition` is on.

    Raises ValueError.
    """
    from smdistributed.modelparallel.torch import ranks

    if not 0 <= index < ranks.pp_size():
        raise ValueError(f"partition({index}): there are {ranks.pp_size()} partitions.")
    with _innermost(PLACE, index):
        yield


def set_partition(module: torch.nn.Module, index: int) -> None:
    """Like `partition`, for an existing module."""
    for inner in module.modules():
        inner.__dict__[PLACE] = index


@contextmanager
def delay_param_initialization(enabled: bool = True) -> Iterator[None]:  # noqa: ARG001 - AWS's signature
    """Delays nothing here: parameters are initialised at once, on the CPU, and each process keeps its part."""
    yield


@contextmanager
def model_creation(tensor_parallelism: bool = False, dtype: torch.dtype | None = None, **config: Any) -> Iterator[None]:
    """Combines the contexts above. `dtype`: of the parameters."""
    config.pop("delayed_parameter_initialization", None)
    before = torch.get_default_dtype()
    with _innermost(DIVIDED, (tensor_parallelism, config)):
        torch.set_default_dtype(dtype or before)
        try:
            yield
        finally:
            torch.set_default_dtype(before)


def tp_register_with_module(
    module_cls: type[torch.nn.Module],
    dist_module: type[torch.nn.Module],
    init_hook: Callable[..., Any] | None = None,
    forward_hook: Callable[..., Any] | None = None,
    return_hook: Callable[..., Any] | None = None,
) -> None:
    """Replaces `module_cls` by `dist_module`. The hooks translate its arguments, inputs and outputs."""
    replacements[module_cls] = Replacement(
        dist_module, init_hook or (lambda *a, **k: (a, k)), forward_hook, return_hook
    )
    init = module_cls.__init__

    @functools.wraps(init)
    def keeping(self: torch.nn.Module, *arguments: Any, **named: Any) -> None:
        init(self, *arguments, **named)
        if type(self) is module_cls:
            self.__dict__[MADE_WITH] = (arguments, named)

    module_cls.__init__ = keeping  # type: ignore[method-assign]


class tp_register:  # noqa: N801 - AWS's name
    """Does the same, as a decorator of the class."""

    def __init__(self, dist_module: type[torch.nn.Module], **hooks: Callable[..., Any]) -> None:
        self._module, self._hooks = dist_module, hooks

    def __call__(self, module_cls: type[torch.nn.Module]) -> type[torch.nn.Module]:
        tp_register_with_module(module_cls, self._module, **self._hooks)
        return module_cls
