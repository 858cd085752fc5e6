"""Graphs that a run logged, as SDKs store them: an object in S3, an artifact of lineage, an association with its component."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

BUCKET = "studio-graphs"
ROC = {"type": "ROCCurve", "version": 0, "title": "roc <b>", "falsePositiveRate": [0.0, 0.25, 1.0],
       "truePositiveRate": [0.0, 0.75, 1.0], "areaUnderCurve": 0.875}  # fmt: skip
RECALL = {"type": "PrecisionRecallCurve", "version": 0, "title": "pr", "precision": [0.5, 0.8, 1.0], "recall": [1.0, 0.6, 0.0],
          "averagePrecisionScore": 0.8125, "noSkill": 0.5}  # fmt: skip
MATRIX = {"type": "ConfusionMatrix", "version": 0, "title": "confusion", "confusionMatrix": [[40, 2], [8, 50]]}
BAD = {
    "not-json": b"{", "list": b"[]", "text": b'{"confusionMatrix": [["a"]]}', "ragged": b'{"confusionMatrix": [[1, 2], [3]]}',
    "empty": b'{"confusionMatrix": []}', "huge": b'{"confusionMatrix": [[1e400]]}', "deep": b"[" * 100_000,
    "large": b'{"confusionMatrix": [[' + b"1," * 1_000_000 + b"1]]}", "infinite": b'{"confusionMatrix": [[1e300]]}',
    "wide": json.dumps({"confusionMatrix": [[1] * 60] * 60}).encode(),
}  # fmt: skip


@pytest.fixture(scope="module")
def made(server: Any) -> Any:
    """Returns a function that logs graphs to a new component."""
    sagemaker, s3 = server.boto("sagemaker"), server.boto("s3")
    s3.create_bucket(Bucket=BUCKET)

    def make(component: str, graphs: dict[str, tuple[str, bytes]], *, is_output: bool = True) -> None:
        arn = sagemaker.create_trial_component(TrialComponentName=component)["TrialComponentArn"]
        for name, (kind, body) in graphs.items():
            s3.put_object(Bucket=BUCKET, Key=f"{component}/{name}.json", Body=body)
            source = {"SourceUri": f"s3://{BUCKET}/{component}/{name}.json"}
            artifact = sagemaker.create_artifact(ArtifactName=name, ArtifactType=kind, Source=source)["ArtifactArn"]
            ends = (arn, artifact) if is_output else (artifact, arn)
            kind_of = "Produced" if is_output else "ContributedTo"
            sagemaker.add_association(SourceArn=ends[0], DestinationArn=ends[1], AssociationType=kind_of)

    return make


def test_graphs_are_drawn_with_their_values_as_a_table(browser: Any, made: Any) -> None:
    graphs = {one["type"]: (one["type"], json.dumps(one).encode()) for one in (ROC, RECALL, MATRIX)}
    made("studio-graphs-run", graphs)
    page = browser.get("/studio/components/studio-graphs-run").text
    assert "roc &lt;b&gt;" in page and "roc <b>" not in page
    assert "area 0.8750" in page and "average precision 0.8125" in page
    assert 'class="n h8">50</td>' in page and 'class="n h2">8</td>' in page
    assert "0.9000 on the diagonal" in page
    found = json.loads(browser.get("/studio/components/studio-graphs-run.json").text)["graphs"]
    assert {one["kind"]: one["rows"][1] for one in found} == {
        "ROCCurve": ["0.2500", "0.7500"],
        "PrecisionRecallCurve": ["0.6000", "0.8000"],
        "ConfusionMatrix": ["1", "8", "50"],
    }
    assert page.count('<svg class="chart"') == 2


def test_graphs_that_are_none_say_so(browser: Any, made: Any) -> None:
    made("studio-graphs-bad", {name: ("ConfusionMatrix", body) for name, body in BAD.items()}, is_output=False)
    answer = browser.get("/studio/components/studio-graphs-bad.json")
    assert answer.status == 200
    failed = {re.sub(r".*/|\.json", "", one["uri"]): one["failed"] for one in json.loads(answer.text)["graphs"]}
    assert failed == {
        "not-json": "The object is not JSON.",
        "list": "The object is not a JSON object.",
        "text": "'confusionMatrix' is not a list of numbers.",
        "ragged": "The matrix is not square.",
        "empty": "'confusionMatrix' is not a list of rows.",
        "huge": "The object is not JSON.",
        "deep": "The object is not JSON.",
        "large": "The object has more than 1,048,576 bytes, so it is not drawn.",
        "infinite": "'confusionMatrix' is not a list of numbers.",
        "wide": "The matrix has 60 classes; up to 40 are shown.",
    }
