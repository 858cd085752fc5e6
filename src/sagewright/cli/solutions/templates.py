"""Solutions: whole pipelines on packaged data, each with an endpoint and a report."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from sagewright.cli.examples.catalogue import programs
from sagewright.model.guide.solutions import SOLUTIONS, SolutionTemplate


class NoSolution(LookupError):
    """There is no such solution; the message lists the solutions."""


@dataclass(frozen=True)
class SolutionFiles:
    """A solution and the folder of its programs."""

    template: SolutionTemplate
    folder: Path

    @property
    def program(self) -> Path:
        return self.folder / "solution.py"

    @property
    def files(self) -> list[Path]:
        """The files that a user reads, the readme first."""
        return sorted(
            self.folder.glob("*.*"), key=lambda path: (path.suffix != ".md", path.name != "solution.py", path.name)
        )


def solutions() -> list[SolutionFiles]:
    return [SolutionFiles(each, programs() / "solutions" / each.name) for each in SOLUTIONS]


def find_solution(name: str) -> SolutionFiles:
    """Returns the solution of a name. Raises NoSolution."""
    word = name.lower()
    for each in solutions():
        if each.template.name == word:
            return each
    near = difflib.get_close_matches(word, [each.name for each in SOLUTIONS], 1)
    hint = f" Did you mean {near[0]}?" if near else f" There are {', '.join(each.name for each in SOLUTIONS)}."
    raise NoSolution(f"There is no solution {name[:80]!r}.{hint}")
