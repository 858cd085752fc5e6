from __future__ import annotations

from sagewright.engine.jobs.durations import run_ms, running_since_ms
from sagewright.store.events import EventEntry


def log(*steps: tuple[int, str]) -> list[EventEntry]:
    return [EventEntry(at_ms, "InProgress", status, "") for at_ms, status in steps]


def test_a_job_that_waits_has_not_run() -> None:
    assert run_ms(log((0, "Starting")), 500) == 0
    assert running_since_ms(log((0, "Starting"), (5, "Downloading"))) is None


def test_a_job_runs_from_its_download_on() -> None:
    steps = log((0, "Starting"), (10, "Downloading"), (20, "Training"), (25, "Training"))
    assert run_ms(steps, 100) == 90
    assert running_since_ms(steps) == 20


def test_waits_between_attempts_do_not_count() -> None:
    first = [(0, "Starting"), (10, "Downloading"), (20, "Training"), (50, "Interrupted"), (80, "Starting")]
    assert run_ms(log(*first), 90) == 40
    assert running_since_ms(log(*first)) is None
    second = log(*first, (100, "Downloading"), (110, "Training"), (150, "Uploading"), (160, "Completed"))
    assert run_ms(second, 160) == 100
    assert running_since_ms(second) == 110
