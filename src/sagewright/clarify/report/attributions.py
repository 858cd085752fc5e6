"""The section of SHAP values: features, pieces of text, time steps, pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

import numpy as np

from sagewright.clarify.report import charts
from sagewright.clarify.report.content import Block, Cell, Chart, Heading, Paragraph, Photograph, Table
from sagewright.clarify.report.local import LocalValues, Picture
from sagewright.clarify.report.wording import brief, clean, counted
from sagewright.clarify.tables import Section

TOP_FEATURES, TOP_TOKENS = 20, 30
MAX_LABELS, MAX_TEXTS, MAX_PICTURES = 8, 10, 12
_PICTURE_SIDE = 800  # pixels
_AGGREGATES = {"mean_abs": "mean absolute", "mean_sq": "mean squared", "median": "median"}


def shap_blocks(explained: Section, config: Mapping[str, Any], local: LocalValues | None) -> Iterator[Block]:
    """The subsections of each label."""
    yield Heading("SHAP Values", 3)
    aggregate = _AGGREGATES.get(
        ((config.get("methods") or {}).get("shap") or {}).get("agg_method", "mean_abs"), "aggregated"
    )
    yield Paragraph(
        "A SHAP value says how far a feature moves the prediction of one row away from the expected value, the mean prediction for "
        f"the baseline. A global value is the {aggregate} SHAP value over all rows: the larger it is, the more the feature matters."
    )
    for place, (label, values) in enumerate(list(explained.items())[:MAX_LABELS]):
        yield Heading(f"Label {clean(label)}", 4)
        if values.get("expected_value") is not None:
            yield Paragraph(f"Expected value: {brief(values['expected_value'])}.")
        if values.get("global_shap_values"):
            yield from _global(label, values["global_shap_values"], aggregate)
            yield from _local(place, values["global_shap_values"], local)
        yield from _tokens(label, values.get("global_top_shap_text") or {})
    if len(explained) > MAX_LABELS:
        yield Paragraph(f"{counted(len(explained) - MAX_LABELS, 'more label')} in analysis.json.")


def _ranked(values: Mapping[str, Any]) -> list[tuple[str, float]]:
    numbers = [(name, float(value)) for name, value in values.items() if isinstance(value, int | float)]
    return sorted(numbers, key=lambda pair: -abs(pair[1]))


def _global(label: str, values: Mapping[str, Any], aggregate: str) -> Iterator[Block]:
    ranked = _ranked(values)
    top = ranked[:TOP_FEATURES]
    if not top:
        return
    more = len(ranked) - len(top)
    path = f'analysis["explanations"]["kernel_shap"][{label!r}]["global_shap_values"]'
    yield Chart(
        charts.bars([clean(name, 60) for name, _ in top], [value for _, value in top], f"{aggregate} SHAP value"),
        "Global SHAP values" + (f", the {len(top)} largest of {len(ranked)}" if more else ""),
        f"Bars of the {aggregate} SHAP values. " + _largest(top),
        f'bars(largest({path}, {TOP_FEATURES}), "{aggregate} SHAP value")',
    )
    total = sum(abs(value) for _, value in ranked) or 1.0
    rows: list[tuple[Cell, ...]] = [
        (str(place), clean(name), value, f"{abs(value) / total:.1%}") for place, (name, value) in enumerate(top, 1)
    ]
    yield Table(
        f"{aggregate.capitalize()} SHAP values",
        ("rank", "feature", "value", "share"),
        rows,
        f'pd.DataFrame(list(largest({path}, {TOP_FEATURES}).items()), columns=["feature", "value"])',
        wide=1,
    )
    if more:
        yield Paragraph(f"{counted(more, 'more feature')} in analysis.json and explanations_shap/out.csv.")


def _largest(top: list[tuple[str, float]]) -> str:
    return "Largest: " + ", ".join(f"{clean(name, 60)} {brief(value)}" for name, value in top[:3]) + "."


def _local(output: int, values: Mapping[str, Any], local: LocalValues | None) -> Iterator[Block]:
    if local is None or local.attributions is None or local.rows is None or not len(local.rows):
        return
    found = local.attributions
    if output >= found.values.shape[2] or len(local.rows) != len(found.values):
        return
    names = [name for name, _ in _ranked(values) if name in found.features and name in local.rows.columns][
        :TOP_FEATURES
    ]
    if not names:
        return
    columns = [found.features.index(name) for name in names]
    chosen = found.values[:, columns, output]
    if not np.isfinite(chosen).all():
        return
    widest = max(zip(names, np.ptp(chosen, axis=0), strict=True), key=lambda pair: float(pair[1]))
    yield Chart(
        charts.spread([clean(name, 60) for name in names], chosen, local.rows[names]),
        f"SHAP values of {counted(len(chosen), 'row')}",
        "For each feature, how many rows have which SHAP value; colours show whether the feature's own value is low or high there. "
        f"{clean(widest[0], 60)} spreads most, over {brief(float(widest[1]))}.",
    )


def _tokens(label: str, texts: Mapping[str, Mapping[str, Any]]) -> Iterator[Block]:
    for feature, tokens in list(texts.items())[:MAX_TEXTS]:
        ranked = _ranked(tokens)
        top = ranked[:TOP_TOKENS]
        if not top:
            continue
        path = f'analysis["explanations"]["kernel_shap"][{label!r}]["global_top_shap_text"][{feature!r}]'
        yield Chart(
            charts.bars([clean(token, 60) for token, _ in top], [value for _, value in top], "SHAP value"),
            f"Pieces of text of {clean(feature)} with the largest SHAP values",
            "Bars of the aggregated SHAP values of pieces of text. " + _largest(top),
            f'bars(largest({path}, {TOP_TOKENS}), "SHAP value")',
        )
        yield Table(
            f"Pieces of text of {clean(feature)}",
            ("text", "value"),
            [(clean(token), value) for token, value in top],
            wide=0,
        )
        if len(ranked) > len(top):
            yield Paragraph(f"{counted(len(ranked) - len(top), 'more piece')} in analysis.json.")


def series_blocks(explained: Section) -> Iterator[Block]:
    """Asymmetric Shapley values, which have a separate file."""
    yield Heading("Asymmetric Shapley Values", 3)
    yield Paragraph(
        "The values say how far each time step of each series moves the forecast; in the chronological direction, later steps get "
        "no credit for what earlier ones explain. They stand in the file named below, one line an item."
    )
    rows: list[tuple[Cell, ...]] = [
        (name, clean(value, 1000)) for name, value in explained.items() if isinstance(value, str)
    ]
    yield Table("Explanation of the forecasts", ("setting", "value"), rows, wide=1)


def picture_blocks(pictures: tuple[Picture, ...]) -> Iterator[Block]:
    """The first pictures, reduced; all are files next to the report."""
    yield Heading("Pictures", 3)
    shown = 0
    for picture in pictures[:MAX_PICTURES]:
        data = _reduced(picture)
        if data:
            shown += 1
            yield Photograph(data, "image/jpeg", clean(picture.caption), f"Heat map: {clean(picture.caption)}")
    if len(pictures) > shown:
        yield Paragraph(f"{counted(len(pictures) - shown, 'more picture')} in the output folder.")


def _reduced(picture: Picture) -> bytes:
    """The picture as JPEG of at most _PICTURE_SIDE pixels per side; b"" if it is gone."""
    # takes 0.1 s to import, and most reports have no pictures
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(picture.path) as image:
            reduced = image.convert("RGB")
    except (OSError, UnidentifiedImageError):
        return b""
    reduced.thumbnail((_PICTURE_SIDE, _PICTURE_SIDE))
    buffer = BytesIO()
    reduced.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
