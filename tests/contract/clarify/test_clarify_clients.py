"""Clarify's analyses and check steps by unmodified SDK code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

PROGRAMS = Path(__file__).parents[1] / "programs"
SAGEWRIGHT = Path(sys.executable).parent / "sagewright"


def said(done: subprocess.CompletedProcess[str], server: RunningServer) -> str:
    assert done.returncode == 0, done.stdout + done.stderr + server.log()[-3000:]
    return done.stdout


def test_bias_of_data(server: RunningServer, tmp_path: Path) -> None:
    out = said(server.sdk_v2(PROGRAMS / "clarify_bias_v2.py", str(tmp_path)), server)
    assert "status: Completed | Completed: SageMaker XAI Analyzer ran successfully" in out
    assert "files: ['analysis.json', 'analysis_config.json', 'report.html', 'report.ipynb', 'report.pdf']" in out
    assert "label: Target 1" in out
    assert "metric: CI -0.3333333333333333 None" in out
    assert "metric: CDDL None Group variable is empty or not provided" in out


@pytest.mark.sampled(2, of="analyses by the SDKs' classes")
def test_bias_and_explanations_of_a_model(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v2(PROGRAMS / "clarify_explain_v2.py", str(tmp_path))
    out = said(done, server)
    assert "status: Completed | Completed: SageMaker XAI Analyzer ran successfully" in out
    assert "'explanations_shap/baseline.csv', 'explanations_shap/out.csv', 'report.html'" in out
    sections = ["version", "post_training_bias_metrics", "pre_training_bias_metrics", "explanations"]
    assert f"sections: {sections} ['kernel_shap']" in out
    assert "order: ['Age', 'Gender'," in out
    assert "local: (400, 4) ['Age_label0', 'Income_label0', 'Gender_label0', 'Noise_label0']" in out
    assert "adds up: True" in out
    assert "left: [] []" in out
    log = done.stdout + done.stderr
    assert "We assume a prediction above 0.800 indicates 1 and below or equal indicates 0." in log
    assert "without calls" in log
    (job,) = re.findall(r"processing-job with name (\S+)", log)
    whole = explain(server, job).stdout
    assert re.search(r"Age +0\.\d+ +█+", whole), whole
    assert "facet Gender, 0" in whole
    row = explain(server, job, "--row", "399")
    assert re.search(r"Row 399, label0 .* → 0\.\d+", row.stdout), row.stdout + row.stderr
    assert "has no row 400" in explain(server, job, "--row", "400").stderr
    assert "explanations" in json.loads(explain(server, job, "--json").stdout)
    assert json.loads(explain(server, job, "--row", "399", "--json").stdout)[0]["contributions"]


def test_checks_stop_a_pipeline(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v2(PROGRAMS / "checks_v2.py", str(tmp_path))
    lines = said(done, server).splitlines()
    shown = [line for line in lines if line.partition(":")[0] in {"no baseline", "first", "drift"}]
    none = (
        "Failed ClientError: There is no baseline to check against: none is supplied, and the model package group never-checked "
        "has no approved version with one. SkipCheck computes a first one."
    )
    names = ["DataBias", "DataQuality", "Explain", "ModelBias", "ModelQuality"]
    clarify = "Failed ClientError: Clarify check failed. See violation report"
    assert shown == [
        *(f"no baseline: {name} {none}" for name in names),
        *(f"first: {name} Succeeded -" for name in names),
        "drift: DataBias Succeeded -",  # it has violations and tolerates them
        "drift: DataQuality Succeeded -",
        f"drift: Explain {clarify}",
        f"drift: ModelBias {clarify}",
        "drift: ModelQuality Failed ClientError: Quality check failed. See violation report",
        "drift: SameDataBias Succeeded -",
        "drift: SameDataQuality Succeeded -",
    ], done.stdout + done.stderr
    (violations,) = [line for line in lines if line.startswith("violations:")]
    assert "'DPL'" in violations
    assert "left: []" in lines


def explain(server: RunningServer, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [str(SAGEWRIGHT), "explain", *words, "--data", str(server.data)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("option", [(), ("--row", "1")])
def test_the_command_says_what_is_missing(server: RunningServer, option: tuple[str, ...]) -> None:
    done = explain(server, "no-such-job", *option)
    assert done.returncode == 1
    assert "Could not find" in done.stderr


@pytest.mark.sampled(2, of="analyses by the SDKs' classes")
def test_explanations_of_texts(server: RunningServer, tmp_path: Path) -> None:
    lines = said(server.sdk_v2(PROGRAMS / "clarify_text_v2.py", str(tmp_path)), server).splitlines()
    assert "status: Completed: SageMaker XAI Analyzer ran successfully" in lines
    (top,) = [line for line in lines if line.startswith("top:")]
    assert top.endswith("True")
    pieces = [line for line in lines if line.startswith("pieces:")]
    assert pieces[0] == (
        "pieces: Review Text free_text [('lovely', 0), ('dress', 7), ('for', 13), ('the', 17), ('summer', 21)]"
    )
    assert len(pieces) == 3, "the empty text has none"


@pytest.mark.sampled(2, of="analyses by the SDKs' classes")
def test_hosts_share_rows_of_json_lines(server: RunningServer, tmp_path: Path) -> None:
    lines = said(server.sdk_v2(PROGRAMS / "clarify_hosts_v2.py", str(tmp_path)), server).splitlines()
    assert "status: Completed: SageMaker XAI Analyzer ran successfully" in lines
    assert "parts: ['part-00000.csv', 'part-00001.csv'] 121" in lines
    assert "same: True" in lines
    assert "pdp: [('a', 'numerical', 5), ('b', 'categorical', 2)]" in lines
    assert "left: []" in lines


@pytest.mark.sampled(2, of="analyses by the SDKs' classes")
def test_heat_maps_of_pictures(server: RunningServer, tmp_path: Path) -> None:
    lines = said(server.sdk_v2(PROGRAMS / "clarify_images_v2.py", str(tmp_path)), server).splitlines()
    assert lines.count("status: Completed: SageMaker XAI Analyzer ran successfully") == 2
    classified = ["shap_left_grey.jpeg", "shap_left_red.jpeg", "shap_right_grey.jpeg", "shap_right_red.jpeg"]
    assert f"files: {classified}" in lines
    detected = ["left_objects.jpeg", "right_objects.jpeg", "shap_left_box1_object.jpeg", "shap_right_box1_object.jpeg"]
    assert f"files: {detected}" in lines
    assert "left: []" in lines


@pytest.mark.sampled(2, of="analyses by the SDKs' classes")
def test_the_classes_of_sdk_v3(server: RunningServer, tmp_path: Path) -> None:
    lines = said(server.sdk_v3(PROGRAMS / "clarify_v3.py", str(tmp_path)), server).splitlines()
    assert "bias: pre_training_bias_metrics [('CI', 0.3429), ('DPL', -0.0056)]" in lines
    assert "bias: post_training_bias_metrics [('DI', 0.8174), ('DPPL', 0.0389), ('FT', 0.1739)]" in lines
    assert "check: Bias Succeeded None" in lines
    assert "baseline: analysis.json" in lines


@pytest.mark.sampled(2, of="analyses by the SDKs' classes")
def test_asymmetric_values_of_time_series(server: RunningServer, tmp_path: Path) -> None:
    lines = said(server.sdk_v2(PROGRAMS / "clarify_series_v2.py", str(tmp_path)), server).splitlines()
    assert lines.count("status: Completed: SageMaker XAI Analyzer ran successfully") == 2
    fine, timewise = (place for place, line in enumerate(lines) if line.startswith("path:"))
    assert lines[fine] == (
        "path: chronological fine_grained /fine/asymmetric_shapley_value/fine_grained_chronological/out.jsonl"
    )
    assert lines[fine + 1 : fine + 5] == [
        "value: target_value 2024-01-01 [0.0, 11.0]",
        "value: target_value 2024-01-03 [31.0, 31.0]",
        "value: price 2024-01-02 [4.0, 4.0]",
        "sum: 7 [35.0, 46.0]",
    ]
    assert lines[timewise + 1 : timewise + 5] == [
        "value: None 2024-01-01 [0.0, 11.0]",
        "value: None 2024-01-02 [4.0, 4.0]",
        "value: None 2024-01-03 [31.0, 31.0]",
        "sum: 4 [35.0, 46.0]",
    ]
    assert "left: []" in lines
