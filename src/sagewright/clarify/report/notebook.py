"""report.ipynb: cells that read analysis.json and show the report's tables and charts, with stored results."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from sagewright.clarify.report.content import (
    Block,
    Chart,
    Content,
    Heading,
    Item,
    Paragraph,
    Photograph,
    Source,
    Table,
)
from sagewright.clarify.report.wording import number

NotebookCell: TypeAlias = dict[str, Any]

PREAMBLE = '''import json
from pathlib import Path

import pandas as pd
from IPython.display import display

analysis = json.loads(Path("analysis.json").read_text(encoding="utf-8"))


def largest(values, count):
    """The entries with the largest absolute values, in descending order."""
    numbers = {name: value for name, value in values.items() if isinstance(value, (int, float))}
    return dict(sorted(numbers.items(), key=lambda pair: -abs(pair[1]))[:count])


def show(spec):
    spec = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "width": 500, **spec}
    display({"application/vnd.vegalite.v5+json": spec, "text/plain": "A chart for JupyterLab."}, raw=True)


def bars(values, title):
    rows = [{"name": name, "value": value} for name, value in values.items()]
    y = {"field": "name", "type": "nominal", "sort": None, "title": None}
    show({"data": {"values": rows}, "mark": "bar",
          "encoding": {"y": y, "x": {"field": "value", "type": "quantitative", "title": title}}})


def dependence(plot):
    labels = plot.get("label_headers") or [f"label{n}" for n in range(len(plot["model_predictions"]))]
    rows = [{"value": value, "prediction": mean, "label": str(label)}
            for label, means in zip(labels, plot["model_predictions"]) for value, mean in zip(plot["feature_values"], means)]
    numeric = plot["data_type"] == "numerical"
    x = {"field": "value", "type": "quantitative" if numeric else "nominal", "title": plot["feature_name"], "sort": None}
    x |= {"scale": {"zero": False}} if numeric else {}
    y = {"field": "prediction", "type": "quantitative", "title": "mean prediction", "scale": {"zero": False}}
    show({"data": {"values": rows}, "mark": "line" if numeric else "point",
          "encoding": {"x": x, "y": y, "color": {"field": "label", "type": "nominal"}}})'''


def render_notebook(content: Content, images: Mapping[int, bytes]) -> str:
    """nbformat 4.5. `images`: PNG of the charts by the position of their blocks."""
    cells = [_markdown("title", f"# {_escaped(content.title)}"), *_cells(content, images)]
    count = 0
    for cell in cells:
        if cell["cell_type"] == "code":
            count += 1
            cell["execution_count"] = count
            for output in cell["outputs"]:
                output["execution_count"] = count
    document = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)


def _cells(content: Content, images: Mapping[int, bytes]) -> Iterator[NotebookCell]:
    first = True
    for place, block in enumerate(content.blocks):
        yield from _block(block, f"cell-{place}", images.get(place, b""))
        if first:
            yield _code("preamble", PREAMBLE, {})
        first = False


def _block(block: Block, name: str, image: bytes) -> Iterator[NotebookCell]:
    match block:
        case Heading():
            yield _markdown(name, f"{'#' * block.level} {_escaped(block.text)}")
        case Paragraph():
            yield _markdown(name, _escaped(block.text))
        case Item():
            yield _markdown(name, f"- {_escaped(block.text)}")
        case Source():
            yield _markdown(name, f"{_escaped(block.caption)}\n\n<pre>{html.escape(block.text)}</pre>")
        case Photograph():
            data = base64.b64encode(block.data).decode()
            yield _markdown(f"{name}-caption", _escaped(block.caption))
            cell = _markdown(name, f"![{_escaped(block.alternative)}](attachment:picture)")
            yield cell | {"attachments": {"picture": {block.media_type: data}}}
        case Chart():
            yield _markdown(f"{name}-caption", f"**{_escaped(block.caption)}**\n\n{_escaped(block.alternative)}")
            if block.code:
                output = {"image/png": base64.b64encode(image).decode(), "text/plain": block.alternative}
                yield _code(name, block.code, output)
            else:
                cell = _markdown(name, f"![{_escaped(block.alternative)}](attachment:chart.png)")
                yield cell | {"attachments": {"chart.png": {"image/png": base64.b64encode(image).decode()}}}
        case Table() if block.code:
            yield _markdown(f"{name}-caption", f"**{_escaped(block.caption)}**")
            yield _code(name, block.code, {"text/html": _table(block), "text/plain": block.caption})
        case Table():
            yield _markdown(name, f"**{_escaped(block.caption)}**\n\n{_table(block)}")


def _escaped(text: str) -> str:
    """The text as Markdown that shows it: neither HTML nor links come from data."""
    shown = html.escape(text, quote=False)
    return "".join(f"\\{character}" if character in "\\`*_[]()#!|~$" else character for character in shown)


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in table.columns)
    rows = "\n".join(
        "<tr>"
        + "".join(f"<td>{html.escape(cell if isinstance(cell, str) else number(cell))}</td>" for cell in row)
        + "</tr>"
        for row in table.rows
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def _markdown(name: str, text: str) -> NotebookCell:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text}


def _code(name: str, code: str, data: dict[str, str]) -> NotebookCell:
    outputs = [{"output_type": "execute_result", "data": data, "metadata": {}}] if data else []
    return {"cell_type": "code", "id": name, "metadata": {}, "source": code, "outputs": outputs}
