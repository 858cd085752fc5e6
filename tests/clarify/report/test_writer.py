"""The report's three files say what analysis.json says, whatever the names and sizes."""

from __future__ import annotations

import json
import re
import sys
import types
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pypdf import PdfReader

from sagewright.clarify.configuration.methods import ReportSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.report import LocalValues, Picture, charts, fonts, write
from sagewright.clarify.report.drawing import to_svg
from sagewright.clarify.tables import Attributions, Way

sys.path.insert(0, str(Path(__file__).parent))
import sample

HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}{% raw %}", "datum.v; alert(1)", "a\x00b\x1b[31m",
    "\u202egnp.exe", "x" * 5000, "名前 ชื่อ اسم नाम", "&lt;b&gt;", "[link](javascript:alert(1))", "\ud800", "']; import os #",
]  # fmt: skip


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def pdf_text(path: Path) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(path).pages).split())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("report")
    analysis, local = sample.analysis_of()
    (folder / "analysis.json").write_text(json.dumps(analysis))
    write(analysis, sample.CONFIG, ReportSettings(), folder, local)
    return folder, analysis


SENTENCES = [
    "Analysis Report",
    "We report the following SageMaker analysis.",
    "Pre-training Bias Metrics",
    "We computed the bias metrics for the label approved using label value(s)/threshold 1.",
    "Value(s)/Threshold: f",
    "Post-training Bias Metrics",
    "Explanations",
    "Expected value: 0.508.",
    "Global SHAP values",
    "Partial dependence on income",
    "Appendix",
    "They are estimates: the model was evaluated for a sample of the coalitions of features.",
    "12,345",
    "analysis_config.json",
]


def test_all_three_have_the_sections_in_aws_order(written: tuple[Path, dict[str, Any]]) -> None:
    folder, analysis = written
    page = re.sub(r"<[^>]+>", " ", (folder / "report.html").read_text()).replace("&#39;", "'")
    notebook = json.loads((folder / "report.ipynb").read_text())
    cells = " ".join(cell["source"] + json.dumps(cell.get("outputs", "")) for cell in notebook["cells"]).replace(
        "\\", ""
    )
    for text in (page, cells, pdf_text(folder / "report.pdf")):
        positions = []
        for sentence in SENTENCES:
            assert sentence in text, sentence
            positions.append(
                text.rindex(sentence) if sentence in ("Explanations", "Appendix") else text.index(sentence)
            )
        headings = [
            text.rindex(one)
            for one in ("Pre-training Bias Metrics", "Post-training Bias Metrics", "Explanations", "Appendix")
        ]
        assert headings == sorted(headings)
        for group in analysis["post_training_bias_metrics"]["facets"]["age"]:
            for metric in group["metrics"]:
                assert metric["description"] in text


def test_the_page_needs_no_network_and_describes_its_charts(written: tuple[Path, dict[str, Any]]) -> None:
    page = (written[0] / "report.html").read_text()
    elements = Elements()
    elements.feed(page)
    assert not elements.tags & {"script", "iframe", "object", "link", "foreignobject"}
    assert all(value.startswith("#") for name, value in elements.attributes if name in ("href", "xlink:href", "src"))
    assert not [name for name, _ in elements.attributes if name.startswith("on")]
    assert "url(" not in page.replace("url(#", "")
    assert page.count("<caption>") == page.count("<table>") > 8
    assert page.count('scope="col"') >= 4 * page.count("<table>") - 10
    assert page.count('<figure role="img" aria-label="') == page.count("<svg ") == 14
    identifiers = re.findall(r'\sid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))


def test_the_notebook_is_valid_and_its_cells_give_the_stored_tables(
    written: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, analysis = written
    notebook = nbformat.read(folder / "report.ipynb", as_version=4)
    nbformat.validate(notebook)
    shown: list[Any] = []
    display = types.ModuleType("IPython.display")
    display.display = lambda data, raw=False: shown.append(data)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.chdir(folder)
    space: dict[str, Any] = {}
    tables = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        if cell.source.startswith("pd."):
            frame = eval(cell.source, space)
            assert len(frame) == cell.outputs[0]["data"]["text/html"].count("<tr>") - 1
            tables += 1
        else:
            exec(cell.source, space)
    assert tables == 2 * 5 + 1
    charts = [data["application/vnd.vegalite.v5+json"] for data in shown]
    assert len(charts) == 11  # global values, and ten features
    assert charts[0]["data"]["values"][0] == {
        "name": "income",
        "value": analysis["explanations"]["kernel_shap"]["label0"]["global_shap_values"]["income"],
    }
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


def test_the_pdf_has_pages_with_numbers_and_an_outline(written: tuple[Path, dict[str, Any]]) -> None:
    reader = PdfReader(written[0] / "report.pdf")
    for place, page in enumerate(reader.pages, 1):
        assert f"{place} / {len(reader.pages)}" in page.extract_text()
    assert [entry["/Title"] for entry in reader.outline if isinstance(entry, dict)] == [
        "Pre-training Bias Metrics", "Post-training Bias Metrics", "Explanations", "Appendix",
    ]  # fmt: skip


def hostile_analysis() -> tuple[dict[str, Any], LocalValues]:
    names = [f"{n}{text}" for n, text in enumerate(HOSTILE)]
    metrics = [{"name": "CI", "description": "Class Imbalance (CI)", "value": None, "error": HOSTILE[0]}]
    metrics.append({"name": "DI", "description": "Disparate Impact (DI)", "value": "Infinity"})
    section = {
        "label": HOSTILE[1],
        "label_value_or_threshold": HOSTILE[2],
        "facets": {
            name: [{"value_or_threshold": text, "metrics": metrics}]
            for name, text in zip(names[:4], HOSTILE, strict=False)
        },
        "segments": {
            HOSTILE[0]: [
                {"value_or_threshold": HOSTILE[1], "facets": {"f": [{"value_or_threshold": "1", "metrics": metrics}]}}
            ]
        },
    }
    values = dict(zip(names, np.linspace(1, -1, len(names)).tolist(), strict=True))
    pdp: list[dict[str, Any]] = [
        {
            "feature_name": text, "data_type": "categorical", "feature_values": HOSTILE,
            "model_predictions": [list(range(len(HOSTILE)))] * 2,
            "label_headers": HOSTILE[:2], "data_distribution": [1 / len(HOSTILE)] * len(HOSTILE),
        }
        for text in HOSTILE[:2]
    ]  # fmt: skip
    pdp.append({"feature_name": HOSTILE[3], "error": HOSTILE[0]})
    analysis = {
        "version": "1.0",
        "pre_training_bias_metrics": section,
        "explanations": {
            "kernel_shap": {
                HOSTILE[0]: {
                    "global_shap_values": values,
                    "expected_value": 0.5,
                    "global_top_shap_text": {HOSTILE[1]: values},
                }
            },
            "pdp": pdp,
            "asymmetric_shapley_value": {
                "direction": HOSTILE[0],
                "granularity": "timewise",
                "explanation_results_path": HOSTILE[1],
            },
        },
    }
    rows = pd.DataFrame({name: np.arange(5.0) for name in names})
    rows[names[0]] = HOSTILE[:5]
    drawn = np.random.default_rng(1).normal(size=(5, len(names), 1))
    return analysis, LocalValues(Attributions(tuple(names), drawn, np.zeros(1), drawn.sum(1), Way.EXACT), rows)


@pytest.mark.parametrize("machine", ["fonts", "no fonts"])
def test_names_of_others_stay_text(machine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if machine == "no fonts":
        monkeypatch.setattr(fonts, "_files", dict)
    analysis, local = hostile_analysis()
    write(analysis, {"methods": {"x": HOSTILE}}, ReportSettings(title=HOSTILE[0]), tmp_path, local)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    elements = Elements()
    elements.feed(page)
    assert not elements.tags & {"script", "img", "iframe", "b"}
    assert not [name for name, _ in elements.attributes if name.startswith("on")]
    assert "{{ 7 * 7 }}" in page
    assert not set(page) & {"\x00", "\x1b", "\u202e"}
    nbformat.validate(nbformat.read(tmp_path / "report.ipynb", as_version=4))
    for cell in nbformat.read(tmp_path / "report.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            compile(cell.source, "cell", "exec")
        else:
            elements = Elements()
            elements.feed(cell.source)
            assert not elements.tags & {"script", "img", "b"}
    assert "Class Imbalance (CI)" in pdf_text(tmp_path / "report.pdf")


def test_the_largest_analyses_make_small_reports(tmp_path: Path) -> None:
    names = [f"column {n}" for n in range(1000)]
    values = {name: 1 / (n + 1) for n, name in enumerate(names)}
    tokens = {f"token {n}": 1 / (n + 1) for n in range(100_000)}
    metrics = [{"name": "CI", "description": "Class Imbalance (CI)", "value": 0.1}]
    plot = {
        "feature_name": "x",
        "data_type": "categorical",
        "feature_values": names,
        "model_predictions": [[0.5] * 1000] * 40,
    }
    analysis = {
        "pre_training_bias_metrics": {
            "label": "y", "label_value_or_threshold": "1",
            "facets": {"f": [{"value_or_threshold": str(n), "metrics": metrics} for n in range(1000)]},
        },
        "explanations": {
            "kernel_shap": {
                f"label{n}": {"global_shap_values": values, "global_top_shap_text": {"text": tokens}} for n in range(30)
            },
            "pdp": [plot] * 100,
        },
    }  # fmt: skip
    write(analysis, {"headers": names * 20}, ReportSettings("small"), tmp_path, None)
    page = (tmp_path / "small.html").read_text()
    for more in (
        "980 more features in analysis.json",
        "99,970 more pieces",
        "940 more groups",
        "22 more labels",
        "80 more features",
    ):
        assert more in page, more
    for path in tmp_path.iterdir():
        assert path.stat().st_size < 6 << 20, (path.name, path.stat().st_size)


def test_categories_keep_their_order_in_charts() -> None:
    svg = to_svg(charts.dependence(["b", "c", "a"], [("label0", [0.1, 0.2, 0.3])], [0.5, 0.3, 0.2], numeric=False))
    assert re.findall(r">([abc])</text>", svg) == ["b", "c", "a"], "once, below the bars"


def test_pictures_are_shown_and_lost_ones_counted(tmp_path: Path) -> None:
    Image.new("RGB", (1600, 400), "red").save(tmp_path / "shap_cat_dog.jpeg")
    pictures = (Picture(tmp_path / "shap_cat_dog.jpeg", "cat, dog"), Picture(tmp_path / "gone.jpeg", "gone"))
    write({}, {}, ReportSettings(), tmp_path, LocalValues(pictures=pictures))
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 1
    assert "Heat map: cat, dog" in page
    assert "1 more picture in the output folder." in page


@pytest.mark.parametrize("name", ["", "a/b", "..", "x" * 300, "a\x00b"])
def test_names_that_are_none_of_a_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(CustomerError, match="is not the name of a file"):
        write({}, {}, ReportSettings(name), tmp_path, None)
    assert not list(tmp_path.iterdir())


def test_notes_on_the_computation_stand_in_the_appendix(tmp_path: Path) -> None:
    write({}, {}, ReportSettings(), tmp_path, LocalValues(notes=(("rows explained", "7"),)))
    assert '<th scope="row" class="w">rows explained</th><td class="s">7</td>' in (tmp_path / "report.html").read_text()


def test_a_title_of_the_users_own_is_shown(tmp_path: Path) -> None:
    write({}, {}, ReportSettings("mine", "Loans, 2024"), tmp_path, None)
    assert "<h1>Loans, 2024</h1>" in (tmp_path / "mine.html").read_text()
