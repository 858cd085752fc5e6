"""The exam: twenty scenarios, each with a program for SDK v2 and one for v3."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from pathlib import Path

import sagewright
from sagewright.model.guide.scenarios import SCENARIOS, Scenario

SDKS = ("v2", "v3")


class NoExample(LookupError):
    """There is no such example; the message lists the examples."""


@dataclass(frozen=True)
class Example:
    """`path`: of the program."""

    number: int
    name: str
    sdk: str
    path: Path
    scenario: Scenario

    @property
    def code(self) -> str:
        return self.path.read_text()


def programs() -> Path:
    """Returns the folder of all examples: in an installed package, or in a checkout."""
    package = Path(sagewright.__file__).parent
    installed = package / "examples" / "programs"
    return installed if installed.is_dir() else package.parents[1] / "examples"


def requirements(sdk: str) -> tuple[str, ...]:
    """Returns the packages that the examples of an SDK need."""
    package = Path(sagewright.__file__).parent
    installed = package / "examples" / "clients"
    folder = installed if installed.is_dir() else package.parents[1] / "clients"
    lines = (line.partition("#")[0].strip() for line in (folder / f"sdk-{sdk}.txt").read_text().splitlines())
    return tuple(line for line in lines if line)


def examples(sdk: str) -> list[Example]:
    """Returns the examples of an SDK in the order of the scenarios."""
    folder = programs() / "exam" / ("v3" if sdk == "v3" else "")
    return [
        Example(number, scenario.example, sdk, folder / f"{number:02d}_{scenario.example}.py", scenario)
        for number, scenario in enumerate(SCENARIOS, 1)
    ]


def find(name: str, sdk: str) -> Example:
    """Returns the example of a name, number or file name. Raises NoExample."""
    word = Path(name).name.removesuffix(".py").lower().replace("-", "_")
    every = examples(sdk)
    for each in every:
        if word in {each.name, each.path.stem, str(each.number), f"{each.number:02d}"}:
            return each
    near = difflib.get_close_matches(word, [each.name for each in every], 1)
    hint = f" Did you mean {near[0]}?" if near else " `sagewright examples list` shows them."
    raise NoExample(f"There is no example {name[:80]!r}.{hint}")


def heading(code: str) -> str:
    """Returns the first line of a program's docstring."""
    return (ast.get_docstring(ast.parse(code)) or "").partition("\n")[0]
