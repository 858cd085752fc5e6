"""The generated part of an algorithm's reference page.

    python -m sagewright.algorithms.schema.reference docs/reference/algorithms

rewrites the text between the two marks in every page there. A test keeps pages and declarations equal.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from sagewright.algorithms.schema import catalogue
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.hyperparameters import Hyperparameter

BEGIN = "<!-- generated from the declaration: begin -->"
END = "<!-- generated from the declaration: end -->"


def render(declaration: Declaration) -> str:
    """Markdown of the declaration: repositories, channels, hyperparameters, rules, metrics."""
    shown = [each for each in declaration.hyperparameters if not each.hidden]
    hidden = [each for each in declaration.hyperparameters if each.hidden]
    parts = [
        "## Image",
        "Repository " + " or ".join(f"`{name}`" for name in declaration.repositories) + ", in any registry.",
        "## Channels",
        _table(
            ("channel", "required", "modes", "content types", ""),
            [
                (
                    f"`{channel.name}`",
                    "yes" if channel.required else "no",
                    ", ".join(channel.modes),
                    ", ".join(f"`{media}`" for media in channel.content_types),
                    channel.note,
                )
                for channel in declaration.channels
            ],
        ),
        f"Without a ContentType a channel is `{declaration.default_content_type}`."
        if declaration.default_content_type
        else "Every channel needs a ContentType.",
        "## Hyperparameters",
        _hyperparameters(shown),
        *(["Set by the platform:", _hyperparameters(hidden)] if hidden else []),
        *_rules(declaration),
        "## Metrics",
        _table(
            ("metric", "better", "tuning objective"),
            [
                (
                    f"`{each.name}`",
                    "more" if each.direction == "Maximize" else "less",
                    "yes" if each.objective else "no",
                )
                for each in declaration.metrics
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _hyperparameters(declared: Sequence[Hyperparameter]) -> str:
    rows = [
        (
            ", ".join(f"`{name}`" for name in (each.name, *each.aliases)),
            "yes" if each.required else "no",
            each.domain.kind,
            str(each.domain),
            "" if each.default is None else f"`{each.default}`",
            "" if each.recommended is None else " to ".join(each.recommended),
            each.note,
        )
        for each in declared
    ]
    return _table(("name", "required", "type", "range", "default", "recommended for tuning", ""), rows)


def _rules(declaration: Declaration) -> list[str]:
    if not declaration.rules:
        return []
    return ["## Rules", "\n".join(f"- {(rule.__doc__ or '').strip()}" for rule in declaration.rules)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def updated(page: str, declaration: Declaration) -> str:
    """The page with its generated part replaced. Raises ValueError if it has no marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page of {declaration.name} lacks the marks of its generated part")
    return f"{before}{BEGIN}\n\n{render(declaration)}\n{END}{after}"


def main(folder: Path) -> None:
    """Rewrites the page of every algorithm in `folder`."""
    for declaration in catalogue.declarations().values():
        path = folder / f"{declaration.name}.md"
        path.write_text(updated(path.read_text(), declaration))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
