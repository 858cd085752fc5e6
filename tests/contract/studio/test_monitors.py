"""The pages of monitors: schedules, executions, and what one of them found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.monitoring import Monitoring

PATH = "/studio/monitors/studio-monitor"


@pytest.fixture(scope="module")
def monitoring(server: Any) -> Monitoring:
    made = Monitoring(server)
    name = made.endpoint("studio-monitored")
    made.capture(name, "1,bad", "2,good")
    made.schedule("studio-monitor", {"MonitoringJobDefinition": made.inline(name)})
    made.ended("studio-monitor")
    return made


def test_a_monitor_shows_its_executions_and_violations(browser: Any, monitoring: Monitoring) -> None:
    found = json.loads(browser.get(f"{PATH}.json").text)
    assert found["facts"][0]["value"] == "1 of 1"
    (execution,) = found["executions"]
    assert execution["status"] == "CompletedWithViolations"
    assert execution["shown"] is True
    assert [one["subject"] for one in found["violations"]] == ["x"]
    assert browser.get(execution["job"]).status == 200
    assert "With violations" in browser.get(execution["link"]).text
    assert PATH in browser.get("/studio/monitors").text


def test_an_unknown_execution_shows_no_violations(browser: Any, monitoring: Monitoring) -> None:
    found = json.loads(browser.get(f"{PATH}.json?at=2020-01-01").text)
    assert found["violations"] == []


def test_buttons_stop_and_start_it(browser: Any, monitoring: Monitoring) -> None:
    assert browser.press(PATH, "Stop").status == 303
    described = monitoring.sagemaker.describe_monitoring_schedule(MonitoringScheduleName="studio-monitor")
    assert described["MonitoringScheduleStatus"] == "Stopped"
    assert browser.press(PATH, "Start").status == 303
    described = monitoring.sagemaker.describe_monitoring_schedule(MonitoringScheduleName="studio-monitor")
    assert described["MonitoringScheduleStatus"] != "Stopped"
    monitoring.delete("studio-monitor")
