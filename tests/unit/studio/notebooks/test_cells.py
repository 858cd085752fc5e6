"""Cells of executed notebooks: nothing of a hostile one is run, and all of it is limited."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from sagewright.studio.notebooks.cells import ExecutedNotebook, UnreadableNotebook, read_notebook
from sagewright.studio.notebooks.tables import read_html

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 32


def notebook(*cells: dict[str, Any]) -> ExecutedNotebook:
    return read_notebook(
        json.dumps({"metadata": {"kernelspec": {"display_name": "Python 3"}}, "cells": cells}).encode()
    )


def code(*outputs: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "source": ["a\n", "b"],
        "execution_count": 3,
        "outputs": list(outputs),
        "metadata": {},
        **members,
    }


def shown(**data: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {name.replace("_", "/", 1): value for name, value in data.items()}}


def test_a_cell_with_its_time_and_texts() -> None:
    found = notebook(
        code(
            {"output_type": "stream", "name": "stdout", "text": "hi"},
            {"output_type": "stream", "name": "stderr", "text": ["\x1b[31mcareful"]},
            metadata={"papermill": {"duration": 1.5}, "tags": ["injected-parameters"]},
        ),
        {"cell_type": "markdown", "source": "# Title\ntext <b>bold</b> `x`\n\nmore"},
    )
    cell = found.cells[0]
    assert (cell.source, cell.number, cell.seconds, cell.parameters) == ("a\nb", 3, 1.5, True)
    assert [(one.kind, one.text) for one in cell.outputs] == [("text", "hi"), ("warning", "careful")]
    assert found.cells[1].blocks == [("h", "Title"), ("p", "text bold x"), ("p", "more")]
    assert (found.kernel, found.ran, found.warnings, found.slowest) == ("Python 3", 1, 1, [("[3]", 1.5)])


def test_images_are_data_of_their_type() -> None:
    good = base64.b64encode(PNG).decode()
    (output,) = notebook(code(shown(image_png=good + "\n"))).cells[0].outputs
    assert output.image == f"data:image/png;base64,{good}"
    for bad in ("no base64!", base64.b64encode(b"<svg onload=x>").decode(), 7, {"a": 1}):
        assert notebook(code(shown(image_png=bad, text_plain="text"))).cells[0].outputs[0].kind == "text"
    assert notebook(code(shown(**{"image_svg+xml": "<svg/>"}))).cells[0].outputs == ()


def test_html_is_a_table_of_text_or_text() -> None:
    html = "<style>x</style><table><tr><th></th><th>a</th></tr><tr><th>0</th><td>1<script>alert(1)</script></td></tr></table>"
    (output,) = notebook(code(shown(text_html=html))).cells[0].outputs
    assert output.table is not None
    assert (output.table.head, output.table.rows) == (("", "a"), (("0", "1"),))
    (output,) = notebook(code(shown(text_html="<b>bold</b><script>x</script>"))).cells[0].outputs
    assert (output.kind, output.text) == ("text", "bold")


def test_a_failed_cell_did_not_run() -> None:
    found = notebook(code({"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}))
    assert found.cells[0].failed
    assert (found.ran, found.cells[0].outputs[0].text) == (0, "ValueError: no")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"cells": 1}', b"\xff", b"[" * 100_000])
def test_other_files_are_none(content: bytes) -> None:
    with pytest.raises(UnreadableNotebook):
        read_notebook(content)


def test_members_of_other_types_are_left_out() -> None:
    odd = [
        1,
        "x",
        None,
        {"cell_type": 5},
        code(1, None, {"output_type": "stream", "text": 5}, metadata=[], execution_count=True),
    ]  # type: ignore[arg-type]
    found = read_notebook(json.dumps({"metadata": 1, "cells": odd}).encode())
    assert len(found.cells) == 2
    assert found.cells[1].number is None


def test_all_of_it_is_limited() -> None:
    long = {"output_type": "stream", "text": "x" * 30_000}
    found = notebook(code(*[long] * 60), *[code()] * 500)
    assert (len(found.cells), found.left_out, len(found.cells[0].outputs)) == (500, 1, 50)
    assert len(found.cells[0].outputs[0].text) < 20_100
    large = base64.b64encode(PNG + b"0" * (1 << 20)).decode()
    kinds = [one.outputs[0].kind for one in notebook(*[code(shown(image_png=large, text_plain="t"))] * 9).cells]
    assert kinds.count("image") == 7


def test_tables_are_limited_and_even() -> None:
    rows = "".join(f"<tr><td>{n}<td>{'x' * 500}" for n in range(200))
    table, _ = read_html(f"<table><tr><th>a</tr>{rows}</table><table><tr><td>other</table>")
    assert table is not None
    assert (table.head, len(table.rows), len(table.rows[0][1])) == (("", "a"), 59, 200)
    assert read_html("<table><tr><td>one</table>") == (None, "")


@pytest.mark.parametrize("piece", ["<!--", "<![<", "<!", "</", "<", "<a b='", "<td>", "<script>", "&#", "<style></"])
def test_hostile_html_costs_little_time(piece: str) -> None:
    began_s = time.process_time()
    read_html((piece * 200_000)[:200_000])
    assert time.process_time() - began_s < 2.0


def test_markup_is_read_as_browsers_do() -> None:
    table, text = read_html(
        "<style>a<b{}</style>1 < 2 &amp; x<!-- <p>no</p> --><script>'</p>'<b</script><br>end<!-- open <p>no"
    )
    assert (table, text) == (None, "1 < 2 & x\nend")
    digits = f"&#{'1' * 5000};"
    assert read_html(digits) == (None, digits)


def test_lines_of_a_traceback_are_texts() -> None:
    fault = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": [["nested"], {"a": 1}]}
    assert [one.text for one in notebook(code(fault)).cells[0].outputs] == ["E: v"]
