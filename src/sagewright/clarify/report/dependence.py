"""The section of partial dependence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagewright.clarify.report import charts
from sagewright.clarify.report.content import Block, Chart, Heading, Paragraph
from sagewright.clarify.report.wording import brief, clean, counted
from sagewright.clarify.tables import Section

MAX_PLOTS, MAX_LINES, MAX_CATEGORIES = 20, 6, 30


def dependence_blocks(plots: list[Section]) -> Iterator[Block]:
    """A chart for each feature, above how its values are distributed."""
    yield Heading("Partial Dependence", 3)
    yield Paragraph(
        "Each curve is the mean prediction if the feature had the same value in every row. The grey bars show how many rows have "
        "such values: where there are none, the curve is extrapolated."
    )
    for place, plot in enumerate(plots[:MAX_PLOTS]):
        name = clean(plot.get("feature_name"))
        if plot.get("error"):
            yield Paragraph(f"{name}: {clean(plot['error'], 400)}")
            continue
        yield from _plot(place, name, plot)
    if len(plots) > MAX_PLOTS:
        yield Paragraph(f"{counted(len(plots) - MAX_PLOTS, 'more feature')} in analysis.json.")


def _plot(place: int, name: str, plot: Section) -> Iterator[Block]:
    values: list[Any] = plot.get("feature_values") or []
    means: list[list[float]] = plot.get("model_predictions") or []
    if not values or not means:
        return
    numeric = plot.get("data_type") == "numerical"
    shown = len(values) if numeric else MAX_CATEGORIES
    labels = [clean(label, 60) for label in plot.get("label_headers") or (f"label{n}" for n in range(len(means)))]
    lines = list(zip(_distinct(labels), (line[:shown] for line in means), strict=False))[:MAX_LINES]
    x = [value if numeric else f"{clean(value, 40)}" for value in values[:shown]]
    first = lines[0][1]
    low, high = min(range(len(first)), key=first.__getitem__), max(range(len(first)), key=first.__getitem__)
    yield Chart(
        charts.dependence(
            x if numeric else _distinct(x), lines, (plot.get("data_distribution") or [])[:shown], numeric=numeric
        ),
        f"Partial dependence on {name}",
        f"The mean prediction of {lines[0][0]} is lowest, {brief(first[low])}, where {name} is {brief(x[low])}, and highest, "
        f"{brief(first[high])}, where it is {brief(x[high])}.",
        f'dependence(analysis["explanations"]["pdp"][{place}])',
    )
    if len(values) > shown:
        yield Paragraph(f"{counted(len(values) - shown, 'more value')} of {name} in analysis.json.")
    if len(means) > MAX_LINES:
        yield Paragraph(f"{counted(len(means) - MAX_LINES, 'more label')} in analysis.json.")


def _distinct(names: list[str]) -> list[str]:
    """Names that were cut to the same text get a number."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    count: dict[str, int] = {}
    result = []
    for name in names:
        count[name] = count.get(name, 0) + 1
        result.append(f"{name} ({count[name]})" if seen[name] > 1 else name)
    return result
