"""The line under the status of what isn't settled: the sentence of `sagewright why`."""

from __future__ import annotations

import html
import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import RunningServer


def test_pages_say_what_a_job_and_a_pipelines_step_wait_for(server: RunningServer, browser: Any) -> None:
    name, sagemaker = "studio-why", server.boto("sagemaker")
    server.run_shell(name, "echo up; sleep 300")
    server.when_logged(name, "up")
    job = sagemaker.describe_training_job(TrainingJobName=name)
    said = job["SecondaryStatusTransitions"][-1]["StatusMessage"]
    assert json.loads(browser.get(f"/studio/jobs/{name}.json").text)["why"] == said
    assert f'<p class="note why" role="status">{html.escape(said)}</p>' in browser.get(f"/studio/jobs/{name}").text

    members = ("AlgorithmSpecification", "RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
    step = {"Name": "fit", "Type": "Training", "Arguments": {member: job[member] for member in members}}
    definition = json.dumps({"Version": "2020-12-01", "Steps": [step]})
    sagemaker.create_pipeline(
        PipelineName=name, PipelineDefinition=definition, RoleArn=job["RoleArn"], ClientRequestToken="y" * 32
    )
    arn = sagemaker.start_pipeline_execution(PipelineName=name, ClientRequestToken="z" * 32)["PipelineExecutionArn"]
    try:
        page = f"/studio/pipelines/{name}/{arn.rpartition('/')[2]}.json"
        deadline = time.monotonic() + 60
        while not (why := json.loads(browser.get(page).text)["why"]) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert why.startswith("The step fit ")
    finally:
        sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="s" * 32)
        sagemaker.stop_training_job(TrainingJobName=name)
    server.wait(name)
    assert json.loads(browser.get(f"/studio/jobs/{name}.json").text)["why"] == ""
