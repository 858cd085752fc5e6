"""The sections of a report, in AWS's order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagewright.clarify.configuration.methods import ReportSettings
from sagewright.clarify.report.appendix import appendix_blocks
from sagewright.clarify.report.attributions import picture_blocks, series_blocks, shap_blocks
from sagewright.clarify.report.biases import TITLES, bias_blocks
from sagewright.clarify.report.content import Block, Content, Heading, Paragraph
from sagewright.clarify.report.dependence import dependence_blocks
from sagewright.clarify.report.local import LocalValues
from sagewright.clarify.report.wording import clean
from sagewright.clarify.tables import Section

AWS_TITLE = "Analysis Report"


def compose(
    analysis: Section, config: Mapping[str, Any], settings: ReportSettings, local: LocalValues | None
) -> Content:
    """The content of the report. A title from the user replaces AWS's."""
    title = AWS_TITLE if settings.title == ReportSettings.title else clean(settings.title)
    return Content(title, list(_blocks(analysis, config, local)))


def _blocks(analysis: Section, config: Mapping[str, Any], local: LocalValues | None) -> Iterator[Block]:
    yield Paragraph("We report the following SageMaker analysis.")
    for key in TITLES:
        if analysis.get(key):
            yield from bias_blocks(key, analysis[key])
    explanations = analysis.get("explanations") or {}
    pictures = local.pictures if local is not None else ()
    if explanations or pictures:
        yield Heading("Explanations")
    if explanations.get("kernel_shap"):
        yield from shap_blocks(explanations["kernel_shap"], config, local)
    if explanations.get("pdp"):
        yield from dependence_blocks(explanations["pdp"])
    if explanations.get("asymmetric_shapley_value"):
        yield from series_blocks(explanations["asymmetric_shapley_value"])
    if pictures:
        yield from picture_blocks(pictures)
    yield from appendix_blocks(config, local)
