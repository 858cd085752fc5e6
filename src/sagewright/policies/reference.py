"""AWS's actions, the resources that they are about, and the further actions that they need.

Source: AWS's service authorization reference; `tools/actions.py` writes the tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files

_VARIABLE = re.compile(r"\$\{(\w+)\}")
OF_EVERY_ARN = frozenset({"Partition", "Region", "Account"})


@dataclass(frozen=True)
class ArnTemplate:
    """A type of resource: `template` with `${…}`; `variables`: those that a request has to fill."""

    kind: str
    template: str
    variables: tuple[str, ...]

    def filled(self, values: Mapping[str, str]) -> str:
        """Returns the ARN. Raises KeyError for a variable without a value."""
        return "".join(values[part] if number % 2 else part for number, part in enumerate(self._parts))

    @cached_property
    def _parts(self) -> list[str]:
        """Divides the template: texts at even positions, names of variables at odd ones."""
        return _VARIABLE.split(self.template)


@dataclass(frozen=True)
class Action:
    """`level`: Read, List, Write, Tagging or Permissions management; `needs`: further actions, such as iam:PassRole."""

    name: str
    level: str
    resources: tuple[ArnTemplate, ...] = ()
    needs: frozenset[str] = frozenset()


@lru_cache(64)
def actions_of(prefix: str) -> Mapping[str, Action]:
    """Returns the actions of a service by name; none for a service without a table."""
    place = files("sagewright.policies").joinpath("actions", f"{prefix}.json")
    if not place.is_file():
        return {}
    table = json.loads(place.read_text())
    templates = {kind: _template(kind, text) for kind, text in table["arns"].items()}
    return {
        name: Action(
            name,
            one["level"],
            tuple(templates[kind] for kind in one.get("resources", ()) if kind in templates),
            frozenset(one.get("needs", ())),
        )
        for name, one in table["actions"].items()
    }


def _template(kind: str, text: str) -> ArnTemplate:
    return ArnTemplate(kind, text, tuple(one for one in _VARIABLE.findall(text) if one not in OF_EVERY_ARN))
