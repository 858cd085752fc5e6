"""Writes the report's three files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagewright.clarify.configuration.methods import ReportSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.report.content import Chart
from sagewright.clarify.report.drawing import to_png, to_svg
from sagewright.clarify.report.html import render_html
from sagewright.clarify.report.local import LocalValues
from sagewright.clarify.report.notebook import render_notebook
from sagewright.clarify.report.pdf import render_pdf
from sagewright.clarify.report.sections import compose
from sagewright.clarify.tables import Section

_NAME = re.compile(r"[^\x00-\x1f/\\]{1,200}")


def write(
    analysis: Section,
    config: Mapping[str, Any],
    settings: ReportSettings,
    folder: Path,
    local: LocalValues | None = None,
) -> None:
    """Writes `<name>.html`, `.ipynb` and `.pdf` into `folder`. Raises CustomerError if the name is none of a file."""
    if not _NAME.fullmatch(settings.name) or settings.name in (".", ".."):
        raise CustomerError(
            f"The report's name {settings.name[:200]!r} is not the name of a file of 1 to 200 characters"
        )
    content = compose(analysis, config, settings, local)
    drawings = {place: to_svg(block.spec) for place, block in enumerate(content.blocks) if isinstance(block, Chart)}
    images = {place: to_png(svg) for place, svg in drawings.items()}
    (folder / f"{settings.name}.html").write_text(render_html(content, drawings), encoding="utf-8")
    (folder / f"{settings.name}.ipynb").write_text(render_notebook(content, images), encoding="utf-8")
    (folder / f"{settings.name}.pdf").write_bytes(render_pdf(content, images))
