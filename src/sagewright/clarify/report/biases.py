"""The sections of bias metrics. Sentences and columns are those of AWS's report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagewright.clarify.bias.meaning import METRICS
from sagewright.clarify.report import charts
from sagewright.clarify.report.content import Block, Cell, Chart, Heading, Item, Paragraph, Table
from sagewright.clarify.report.wording import brief, clean, counted
from sagewright.clarify.tables import Section

TITLES = {
    "pre_training_bias_metrics": "Pre-training Bias Metrics",
    "post_training_bias_metrics": "Post-training Bias Metrics",
}
MAX_GROUPS = 60
"""Maximum number of groups with a separate table, in all facets and segments together."""
_COMPARED = 8


def bias_blocks(key: str, section: Section) -> Iterator[Block]:
    """One section of analysis.json: its facets, its segments, and the meaning of the metrics."""
    yield Heading(TITLES[key])
    yield Paragraph(
        f"We computed the bias metrics for the label {clean(section['label'])} using label value(s)/threshold "
        f"{clean(section['label_value_or_threshold'])}."
    )
    facets = section.get("facets", {})
    chart = _overview(facets)
    if chart is not None:
        yield chart
    budget = _Budget(MAX_GROUPS)
    yield from _facet_blocks(facets, f'analysis["{key}"]["facets"]', budget)
    for name, segments in section.get("segments", {}).items():
        for place, segment in enumerate(segments):
            if budget.left:
                yield Heading(f"Segment {clean(segment['value_or_threshold'])} of {clean(name)}", 3)
            path = f'analysis["{key}"]["segments"][{name!r}][{place}]["facets"]'
            yield from _facet_blocks(segment["facets"], path, budget)
    if budget.omitted:
        yield Paragraph(f"{counted(budget.omitted, 'more group')} in analysis.json.")
    yield _meanings(facets)


class _Budget:
    def __init__(self, groups: int) -> None:
        self.left, self.omitted = groups, 0

    def spend(self) -> bool:
        """False if no group may be shown any more."""
        if not self.left:
            self.omitted += 1
            return False
        self.left -= 1
        return True


def _facet_blocks(facets: dict[str, list[Section]], path: str, budget: _Budget) -> Iterator[Block]:
    for facet, groups in facets.items():
        if budget.left:
            yield Item(f"Facet: {clean(facet)}")
        for place, group in enumerate(groups):
            if not budget.spend():
                continue
            name = clean(group["value_or_threshold"])
            rows: list[tuple[Cell, ...]] = [
                (one["name"], one["description"], _cell(one["value"]), clean(one.get("error", "NaN"), 400))
                for one in group["metrics"]
            ]
            yield Table(
                f"Value(s)/Threshold: {name}",
                ("name", "description", "value", "error"),
                rows,
                f'pd.DataFrame({path}[{facet!r}][{place}]["metrics"], columns=["name", "description", "value", "error"])',
                wide=1,
            )


def _cell(value: Any) -> Cell:
    return "None" if value is None else value


def _overview(facets: dict[str, list[Section]]) -> Chart | None:
    """The metrics whose range is [−1, 1], of all groups in one picture, if there are few enough to be readable."""
    groups = [
        (f"{clean(facet, 40)}: {clean(group['value_or_threshold'], 40)}", group)
        for facet, listed in facets.items()
        for group in listed
    ]
    points = [
        (one["name"], name, float(one["value"]))
        for name, group in groups
        for one in group["metrics"]
        if one["name"] in METRICS and METRICS[one["name"]].range == "[−1, 1]" and isinstance(one["value"], int | float)
    ]
    if not points or len(groups) > _COMPARED:
        return None
    least, most = min(points, key=lambda point: point[2]), max(points, key=lambda point: point[2])
    return Chart(
        charts.comparison(points),
        "Metrics between −1 and 1 by sensitive group",
        f"A point for each metric and sensitive group. The lowest is {least[0]} of {least[1]} with {brief(least[2])}, the highest "
        f"{most[0]} of {most[1]} with {brief(most[2])}.",
    )


def _meanings(facets: dict[str, list[Section]]) -> Table:
    names = dict.fromkeys(one["name"] for groups in facets.values() for group in groups for one in group["metrics"])
    shown = [METRICS[name] for name in names if name in METRICS]
    return Table(
        "Meaning of the metrics. a: rows outside the sensitive group, d: rows in it.",
        ("name", "formula", "range", "meaning"),
        [(metric.name, metric.formula, metric.range, metric.meaning) for metric in shown],
        wide=3,
    )
