"""Slimmed versions of a report that the server rejects: its lines and its end, then only its end."""

from __future__ import annotations

from typing import Any

from sagewright.model.jobs.brief import FaultClass

_NUMBER = ("seq", "at_ms")
_END = ("exited", "failed", "finished")
_STAGES = (("logs", *_END), _END)
_LAST_WORD = {"class": FaultClass.INTERNAL, "message": "The server refused the report of this host's end."}


def slimmer(report: dict[str, Any]) -> dict[str, Any] | None:
    """Returns the report with less in it; None when nothing essential is left. Repeated calls always end."""
    for stage in _STAGES:
        members = {name: report[name] for name in stage if name in report}
        if members and members.keys() != report.keys() - _NUMBER:
            return _numbered(report) | members
    if any(name in report for name in _END) and report.get("failed") != _LAST_WORD:
        return _numbered(report) | {"failed": _LAST_WORD, "finished": True}
    return None


def _numbered(report: dict[str, Any]) -> dict[str, Any]:
    return {name: report[name] for name in _NUMBER}
