"""The page of solutions: what has run here, by tags, and the command for the others."""

from __future__ import annotations

import json
from typing import Any

from sagewright.model.guide.solutions import SOLUTIONS, TAG

BUCKET = "sagemaker-us-east-1-000000000000"
DEFINITION = json.dumps(
    {"Version": "2020-12-01", "Steps": [{"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}]}
)
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"


def cards(browser: Any) -> dict[str, list[tuple[str, str]]]:
    found = json.loads(browser.get("/studio/solutions.json").text)["cards"]
    return {card["name"]: [(link["label"], link["status"]) for link in card["links"]] for card in found}


def test_solutions_show_what_they_left_here(server: Any, browser: Any) -> None:
    assert cards(browser) == {each.name: [] for each in SOLUTIONS}
    page = browser.get("/studio/solutions").text
    for each in SOLUTIONS:
        assert each.command in page
    assert 'href="/studio/solutions" aria-current="page"' in page
    assert 'href="/studio/solutions"' in browser.get("/studio/jumpstart").text

    sagemaker, s3 = server.boto("sagemaker"), server.boto("s3")
    s3.create_bucket(Bucket=BUCKET)
    for name, tags in (("demand", [{"Key": TAG, "Value": "demand"}]), ("trees", [])):
        sagemaker.create_pipeline(
            PipelineName=f"solution-{name}",
            PipelineDefinition=DEFINITION,
            RoleArn=ROLE,
            Tags=tags,
            ClientRequestToken=name * 8,
        )
        s3.put_object(Bucket=BUCKET, Key=f"solutions/{name}/report/report.html", Body=b"<p>", ContentType="text/html")
    assert cards(browser)["demand"] == [("Pipeline", ""), ("Report", ""), ("Files", "")]
    assert cards(browser)["trees"] == []  # not made by the solution
    assert "6 solutions, 1 here" in browser.get("/studio/solutions").text
    rows = browser.get("/studio/solutions.csv").text.splitlines()
    assert rows[3].startswith("demand,")
    for name in ("demand", "trees"):
        sagemaker.delete_pipeline(PipelineName=f"solution-{name}", ClientRequestToken=name * 8)
