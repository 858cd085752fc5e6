from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.shap import output
from sagewright.clarify.tables import Attributions, Way

VALUES = np.array([[[1.0, -1.0], [0.5, 0.0]], [[-3.0, 3.0], [0.25, 0.0]], [[1.0, 2.0], [0.1, 5.0]]])


def attributions(outputs: int) -> Attributions:
    values = VALUES[:, :, :outputs]
    return Attributions(("Age", "Sex"), values, np.arange(outputs) + 0.5, values.sum(axis=1), Way.COMPLETE)


def test_local_values_have_a_header_and_a_line_a_row(tmp_path: Path) -> None:
    path = output.write_local(attributions(1), ["no", "yes"], tmp_path)
    assert path == tmp_path / "explanations_shap" / "out.csv"
    header, *lines = path.read_text().splitlines()
    assert header == "Age_label0,Sex_label0"
    assert len({len(line) for line in lines}) == 1, "a reader finds row N by its position"
    assert np.array_equal(pd.read_csv(path).to_numpy(), VALUES[:, :, 0])
    table = pd.read_csv(output.write_local(attributions(2), ["no", "yes"], tmp_path))
    assert list(table.columns) == ["Age_no", "Sex_no", "Age_yes", "Sex_yes"]
    assert table["Sex_yes"].tolist() == [0.0, 0.0, 5.0]


def test_local_values_of_many_rows_are_written_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_ROWS", 2)
    assert output.write_local(attributions(1), [], tmp_path).read_text().count("\n") == 4


def test_interactions_have_a_line_a_pair(tmp_path: Path) -> None:
    found = attributions(1)
    pairs = np.array([[[[1.0], [-2.0]], [[-2.0], [1.5]]], [[[1.0], [4.0]], [[4.0], [0.5]]]])
    path = output.write_interactions(replace(found, interactions=pairs), [], tmp_path)
    assert path.read_text() == "feature,other,label0\nAge,Sex,3.0\n"


def test_the_section_of_analysis_json() -> None:
    found = output.kernel_shap(attributions(2), [], "mean_abs")
    assert found["label0"]["global_shap_values"]["Age"] == pytest.approx(5 / 3)
    assert found["label1"] == {"global_shap_values": {"Age": 2.0, "Sex": pytest.approx(5 / 3)}, "expected_value": 1.5}
    assert output.kernel_shap(attributions(1), [], "mean_sq")["label0"]["global_shap_values"]["Age"] == pytest.approx(
        11 / 3
    )
    assert output.kernel_shap(attributions(1), [], "median")["label0"]["global_shap_values"]["Age"] == 1.0
    assert output.top_features(attributions(1), "mean_abs", 1) == ["Age"]


def test_headers_must_fit_the_scores() -> None:
    with pytest.raises(CustomerError, match="label_headers has 3 entries, and the model answers 2 scores"):
        output.kernel_shap(attributions(2), ["a", "b", "c"], "mean_abs")
    with pytest.raises(CustomerError, match="it is 'mean'"):
        output.kernel_shap(attributions(2), [], "mean")


def test_the_baseline_is_written_with_its_header(tmp_path: Path) -> None:
    path = output.write_baseline(pd.DataFrame({"Age": [1], "Sex": ["m"]}), tmp_path)
    assert path.read_text() == "Age,Sex\n1,m\n"


def test_hosts_write_parts_with_headers(tmp_path: Path) -> None:
    paths = [output.write_local(attributions(1), [], tmp_path, part) for part in (0, 1)]
    assert [path.relative_to(tmp_path / "explanations_shap").as_posix() for path in paths] == [
        "out.csv/part-00000.csv",
        "out.csv/part-00001.csv",
    ]
    assert all(path.read_text().startswith("Age_label0,Sex_label0\n") for path in paths)
