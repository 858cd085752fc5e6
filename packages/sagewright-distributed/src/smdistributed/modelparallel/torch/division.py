"""Replaces the marked modules of a model by divided ones (tensor parallelism)."""

from __future__ import annotations

from typing import Any

import torch

from smdistributed.modelparallel.torch import ranks
from smdistributed.modelparallel.torch.marks import DIVIDED, MADE_WITH, Replacement, replacements
from smdistributed.modelparallel.torch.nn.basic import DistributedEmbedding, DistributedLinear, DistributedModule


def divided(module: torch.nn.Module) -> torch.nn.Module:
    """Returns `module` with its outermost marked parts replaced in place, or its own replacement.

    Modules that can't be divided (sizes, shared weights) stay whole, as AWS documents it.
    """
    if ranks.tp_size() == 1:
        return module
    used: dict[int, int] = {}
    for inner in module.modules():
        for parameter in inner.parameters(recurse=False):
            used[id(parameter)] = used.get(id(parameter), 0) + 1
    return _divided(module, {key for key, count in used.items() if count > 1})


def _divided(module: torch.nn.Module, shared: set[int]) -> torch.nn.Module:
    enabled, config = module.__dict__.get(DIVIDED, (False, {}))
    if enabled and not any(id(parameter) in shared for parameter in module.parameters()):
        made = _replaced(module, config)
        if made is not None:
            made.train(module.training)
            return made
    for name, child in module.named_children():
        found = _divided(child, shared)
        if found is not child:
            setattr(module, name, found) if not name.isdigit() else module.__setitem__(int(name), found)  # type: ignore[operator]
    return module


def _replaced(module: torch.nn.Module, config: dict[str, Any]) -> torch.nn.Module | None:
    count = ranks.tp_size()
    registered = replacements.get(type(module))
    if registered is not None:
        return _registered(module, registered, config)
    if type(module) is torch.nn.Linear and module.out_features % count == 0:
        return DistributedLinear.of(module)
    whole_rows = type(module) is torch.nn.Embedding and (module.max_norm is not None or module.sparse)
    if type(module) is torch.nn.Embedding and module.embedding_dim % count == 0 and not whole_rows:
        return DistributedEmbedding.of(module)
    return None


def _registered(module: torch.nn.Module, how: Replacement, config: dict[str, Any]) -> torch.nn.Module | None:
    arguments, named = module.__dict__.get(MADE_WITH, ((), {}))
    given, options = how.init(*arguments, **named)
    try:
        made = how.module(*given, **{**options, **config})
    except ValueError:  # its sizes can't be divided
        return None
    return made if how.forward is None and how.returned is None else _Adapted(made, how)


class _Adapted(DistributedModule):
    """A divided module behind the interface of the one that it replaces."""

    def __init__(self, inner: torch.nn.Module, how: Replacement) -> None:
        super().__init__()
        self.inner = inner
        self._how = how

    def forward(self, *arguments: Any, **named: Any) -> Any:
        if self._how.forward is not None:
            arguments, named = self._how.forward(*arguments, **named)
        found = self.inner(*arguments, **named)
        return found if self._how.returned is None else self._how.returned(found)
