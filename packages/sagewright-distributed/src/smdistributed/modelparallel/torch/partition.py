"""Assigns each module of a pipelined model to a partition.

A unit is the largest module that lies in one partition whole. Everything between the units (the model's own `forward` and the
parameters that it holds itself) is in the partition of the root, 0 unless the options name another.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from smdistributed.modelparallel.torch.marks import PLACE

FINENESS = 2
"""Fraction of a partition that no unit of an automatic partition exceeds, if it has children to divide it by."""
_CONTAINERS = (torch.nn.Sequential, torch.nn.ModuleList, torch.nn.ModuleDict)


@dataclass(frozen=True)
class Unit:
    """A module by its name in the model, and its partition."""

    name: str
    module: torch.nn.Module
    partition: int


def by_marks(model: torch.nn.Module, default: int) -> list[Unit]:
    """Returns the units as the script placed them with `partition`; the rest is with the root."""
    return list(_marked("", model, default))


def _marked(name: str, module: torch.nn.Module, root: int) -> list[Unit]:
    place = int(module.__dict__.get(PLACE, root))
    inner = {int(child.__dict__.get(PLACE, root)) for child in module.modules()}
    if place != root and inner == {place}:
        return [Unit(name, module, place)]
    if len(inner) > 1 and place != root:
        raise ValueError(
            f"{name or 'the model'} is in partition {place} but holds modules of others ({sorted(inner)}): "
            "place its parts one by one."
        )
    return [
        unit
        for inner_name, child in module.named_children()
        for unit in _marked(_joined(name, inner_name), child, root)
    ]


def automatic(model: torch.nn.Module, partitions: int, root: int) -> list[Unit]:
    """Returns units in the order in which the model names them, with parameters balanced over the partitions as far as possible.

    Modules that share a parameter are together.
    """
    found = [
        (name, module) for name, module in _units("", model, _size(model) / partitions / FINENESS) if _size(module)
    ]
    if not found:
        return []
    first: dict[int, int] = {}
    leaders = []
    for index, (_name, module) in enumerate(found):
        leader = min([first[id(p)] for p in module.parameters() if id(p) in first], default=index)
        leaders.append(leader)
        for parameter in module.parameters():
            first.setdefault(id(parameter), leader)
    sizes = [_size(module) if leaders[index] == index else 0 for index, (_name, module) in enumerate(found)]
    own = sum(p.numel() for p in model.parameters()) - sum(sizes)
    places = balanced(sizes, partitions, own)
    order = [root, *(index for index in range(partitions) if index != root)]
    return [
        Unit(name, module, order[places[leaders[index]]])
        for index, (name, module) in enumerate(found)
        if order[places[leaders[index]]] != root
    ]


def balanced(sizes: list[int], parts: int, first: int = 0) -> list[int]:
    """Returns the part of each of `sizes`: consecutive ones, the largest part as small as possible. `first`: the initial load of
    part 0.
    """
    low, high = max([first, *sizes]), first + sum(sizes)
    while low < high:
        middle = (low + high) // 2
        if _filled(sizes, middle, first)[-1] < parts:
            high = middle
        else:
            low = middle + 1
    return _spread(_filled(sizes, low, first), parts)


def _filled(sizes: list[int], limit: int, first: int) -> list[int]:
    places, part, filled = [], 0, first
    for size in sizes:
        if filled + size > limit:
            part, filled = part + 1, 0
        filled += size
        places.append(part)
    return places


def _spread(places: list[int], parts: int) -> list[int]:
    """Leaves no part empty while there are enough units: the last units move further down."""
    places = list(places)
    for index in range(1, min(parts, len(places)) + 1):
        places[-index] = max(places[-index], parts - index)
    return places


def _units(name: str, module: torch.nn.Module, limit: float) -> list[tuple[str, torch.nn.Module]]:
    children = [(inner, child) for inner, child in module.named_children() if _size(child)]
    of_torch = type(module).__module__.startswith("torch.nn.") and not isinstance(module, _CONTAINERS)
    if not children or of_torch or (name and _size(module) <= limit):
        return [(name, module)] if name else []
    return [unit for inner, child in children for unit in _units(_joined(name, inner), child, limit)]


def _joined(name: str, inner: str) -> str:
    return f"{name}.{inner}" if name else inner


def _size(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
