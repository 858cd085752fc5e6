"""The last report of a host, by which nothing of it is left."""

from __future__ import annotations

from pathlib import Path

from agent.conftest import Start
from agent.double import Double, host_document
from agent.test_host import entry, until
from sagewright.model.jobs.agent_marks import Mark, read_mark


def test_a_job_that_leaves_nothing_says_all_of_its_end_at_once(double: Double, start: Start, tmp_path: Path) -> None:
    """And nothing of it is left by then."""
    brief = {**host_document(double, request=entry("print('done')"))["brief"], "outputs": []}
    ended: list[Mark | None] = []

    def answer(_host: str) -> str:
        ended.append(read_mark(tmp_path / "h1", f"h1~{double.name}"))
        return "run"

    double.desired = answer
    start(brief=brief)
    double.wait_finished()
    until(lambda: len(ended) == len(double.reports["h1"]))
    last = double.reports["h1"][-1]
    assert (last["phase"], last["exited"]["code"], last["finished"]) == ("Uploading", 0, True)
    assert ended[-1] is not None
    assert ended[-1]["ended"] == 1
    assert ended[0] is None or "ended" not in ended[0]
