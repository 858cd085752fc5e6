"""What a hyperparameter is, and how a job's all-string map becomes typed values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sagewright.algorithms.domains import Domain
from sagewright.algorithms.wording import Wording

Rule = Callable[[Mapping[str, Any]], None]
"""A dependency between hyperparameters: raises UserError when it doesn't hold. Its docstring goes into the reference."""


@dataclass(frozen=True)
class Hyperparameter:
    """One declared hyperparameter.

    `default` is the text a user would write; `None` says there is none. `recommended` is the range AWS recommends to a
    tuner: `(low, high)` for numbers, words for a `Choice`; `None` says that it isn't tunable.
    """

    name: str
    domain: Domain
    default: str | None = None
    required: bool = False
    recommended: tuple[str, ...] | None = None
    aliases: tuple[str, ...] = ()
    note: str = ""

    @property
    def hidden(self) -> bool:
        """Names with a leading underscore are set by the platform, not by people."""
        return self.name.startswith("_")


def validate(
    declared: tuple[Hyperparameter, ...], rules: tuple[Rule, ...], given: Mapping[str, str], wording: Wording
) -> dict[str, Any]:
    """Typed values of what was given, by canonical name.

    Checks, in this order: missing names, then unknown names and unreadable texts, then ranges, then `rules`.
    Raises UserError at the first fault.
    """
    by_name = {hyperparameter.name: hyperparameter for hyperparameter in declared}
    canonical = {alias: hyperparameter.name for hyperparameter in declared for alias in hyperparameter.aliases}
    texts = {canonical.get(name, name): text for name, text in given.items()}
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
