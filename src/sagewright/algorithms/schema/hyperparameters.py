"""Hyperparameters, and the conversion of a job's map of strings to typed values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sagewright.algorithms.schema.domains import Domain
from sagewright.algorithms.schema.wording import Wording

Rule = Callable[[Mapping[str, Any]], None]
"""A dependency between hyperparameters: raises UserError if it doesn't hold. Its docstring appears in the reference."""
Need = tuple[str, tuple[Any, ...]]
"""The name of another hyperparameter, and the values of it with which this one is used. `SOLVER` stands for the solver that runs.
"""
SOLVER = "_solver"
NEVER: Need = (SOLVER, ())
"""The need of a hyperparameter that is accepted but never used."""


@dataclass(frozen=True)
class Hyperparameter:
    """One declared hyperparameter.

    `default` is the text that a user would write; `None` means that there is no default. `recommended` is the range AWS recommends
    to a tuner: `(low, high)` for numbers, words for a `Choice`; `None` means that it isn't tunable. All of `needs` must hold for it
    to be used. `sent` are values that AWS's SDK sends on its own, whatever its user sets: they count as not given.
    """

    name: str
    domain: Domain
    default: str | None = None
    required: bool = False
    recommended: tuple[str, ...] | None = None
    aliases: tuple[str, ...] = ()
    note: str = ""
    needs: tuple[Need, ...] = ()
    sent: tuple[str, ...] = ()

    @property
    def hidden(self) -> bool:
        """Names with a leading underscore are set by the platform, not by users."""
        return self.name.startswith("_")


def validate(
    declared: tuple[Hyperparameter, ...], rules: tuple[Rule, ...], given: Mapping[str, str], wording: Wording
) -> dict[str, Any]:
    """Typed values of the given hyperparameters, by canonical name.

    Checks, in this order: missing names, then unknown names and unreadable texts, then ranges, then `rules`. Raises UserError at
    the first fault.
    """
    by_name = {hyperparameter.name: hyperparameter for hyperparameter in declared}
    texts = _by_canonical_name(declared, given)
    for hyperparameter in declared:
        if hyperparameter.required and hyperparameter.name not in texts:
            raise wording.missing(hyperparameter.name)
    values: dict[str, Any] = {}
    for name, text in texts.items():
        if name not in by_name:
            raise wording.extraneous(name)
        try:
            values[name] = by_name[name].domain.parse(text)
        except ValueError as error:
            raise wording.unparsable(name, text, error) from error
    for name, value in values.items():
        if value not in by_name[name].domain:
            raise wording.out_of_range(name, value, by_name[name].domain)
    for rule in rules:
        rule(values)
    return values


def defaults(declared: tuple[Hyperparameter, ...]) -> dict[str, Any]:
    """Typed default values of every hyperparameter that has one."""
    return {each.name: each.domain.parse(each.default) for each in declared if each.default is not None}


def chosen(declared: tuple[Hyperparameter, ...], given: Mapping[str, str]) -> frozenset[str]:
    """The canonical names of valid hyperparameters that were set explicitly; a value equal to the default counts as not given."""
    by_name = {each.name: each for each in declared}
    texts = _by_canonical_name(declared, given)
    return frozenset(name for name, text in texts.items() if not _says_nothing(by_name[name], text))


def unused(
    declared: tuple[Hyperparameter, ...], said: frozenset[str], values: Mapping[str, Any], running: tuple[str, ...]
) -> list[str]:
    """The chosen names in `said` that a training with these values does not use; `running` are the names of its solver."""
    settings = {**defaults(declared), **values}

    def met(need: Need) -> bool:
        name, allowed = need
        return bool(set(running) & set(allowed)) if name == SOLVER else settings.get(name) in allowed

    return [each.name for each in declared if each.name in said and not all(map(met, each.needs))]


def _says_nothing(each: Hyperparameter, text: str) -> bool:
    same = each.default is not None and bool(each.domain.parse(text) == each.domain.parse(each.default))
    return same or text.lower() in each.sent


def _by_canonical_name(declared: tuple[Hyperparameter, ...], given: Mapping[str, str]) -> dict[str, str]:
    canonical = {alias: each.name for each in declared for alias in each.aliases}
    ordered = sorted(given.items(), key=lambda each: each[0] in canonical)  # a tuner's `epoch` beside a job's `epochs`
    return {canonical.get(name, name): text for name, text in ordered}
