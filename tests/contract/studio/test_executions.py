"""An execution's page: why a step was not taken from the cache, and executions that begin at a step."""

from __future__ import annotations

import json
from typing import Any

from tests.pipelines import Pipelines, get, job

NAME = "studio-cached"


def executions(pipelines: Pipelines) -> list[dict[str, Any]]:
    listed = pipelines.sagemaker.list_pipeline_executions(PipelineName=NAME)
    return list(listed["PipelineExecutionSummaries"])


def test_why_a_step_ran_again_and_starting_from_a_step(server: Any, browser: Any) -> None:
    pipelines = Pipelines(server)
    cached = job("first", "true", arguments={"Environment": {"WORD": get("Parameters.Word")}})
    cached["CacheConfig"] = {"Enabled": True, "ExpireAfter": "PT1H"}
    pipelines.create(
        NAME, cached, job("second", "true", DependsOn=["first"]),
        parameters=[{"Name": "Word", "Type": "String", "DefaultValue": "a"}],
    )  # fmt: skip
    before, after = (
        pipelines.start(NAME, PipelineParameters=[{"Name": "Word", "Value": word}]) for word in ("a", "<b>")
    )
    for one in (before, after):
        pipelines.wait(one)
    pages = [f"/studio/pipelines/{NAME}/{one.rpartition('/')[2]}" for one in (before, after)]
    page = browser.get(pages[1]).text
    assert f"{pages[1]}?why=first" in page and f"{pages[1]}?why=second" not in page

    def miss(address: str, step: str) -> dict[str, Any] | None:
        found = json.loads(browser.get(f"{address}.json?why={step}").text)["miss"]
        assert found is None or isinstance(found, dict)
        return found

    assert miss(pages[1], "first") == {
        "step": "first", "reason": "Key attributes differ.", "before": before.rpartition("/")[2], "paths": ["Environment.WORD"],
    }  # fmt: skip
    assert "Environment.WORD" in browser.get(f"{pages[1]}?why=first").text
    assert (miss(pages[0], "first") or {})["reason"].startswith("None of the 50 executions before")
    assert miss(pages[0], "nothing") is None

    known = {one["PipelineExecutionArn"] for one in executions(pipelines)}
    pressed = browser.press(pages[1], "From here")  # the first such button is that of the first step
    assert pressed.status == 303 and "%21" not in pressed.headers["set-cookie"], pressed.headers
    (own,) = [one for one in executions(pipelines) if one["PipelineExecutionArn"] not in known]
    arn = own["PipelineExecutionArn"]
    described = pipelines.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["SelectiveExecutionConfig"]
    assert described["SourcePipelineExecutionArn"] == after
    assert [one["StepName"] for one in described["SelectedSteps"]] == ["first", "second"]
    given = pipelines.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]
    assert given == [{"Name": "Word", "Value": "<b>"}]
    pipelines.wait(arn)
