"""`sagewright up --demo`: there is something to look at on a bare machine."""

from __future__ import annotations

import json
from typing import Any

from sagewright.cli.server.demo import ENDPOINT, GROUP, PIPELINE, Demo
from sagewright.model.settings import Settings


def test_the_demo_makes_what_every_page_shows(server: Any, browser: Any) -> None:
    Demo(Settings(data=server.data)).run()
    for path, name in (("models", GROUP), ("pipelines", PIPELINE), ("endpoints", ENDPOINT)):
        assert name in [row["name"] for row in json.loads(browser.get(f"/studio/{path}.json").text)["rows"]]
    jobs = json.loads(browser.get("/studio/jobs.json?q=demo-churn-depth").text)["rows"]
    assert len(jobs) == 3
    sagemaker = server.boto("sagemaker")
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    sagemaker.delete_endpoint(EndpointName=ENDPOINT)
