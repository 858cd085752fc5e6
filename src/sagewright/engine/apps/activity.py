"""The activity of an app's users, as its program reports it in the form of Jupyter's REST API.

Source: jupyter-server's API, /api/status, /api/kernels and /api/terminals. The program belongs to the user: an answer is limited in
size and time, and its claims affect only this app.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sagewright.kinds.app import EDITOR_PATH, STATUS_PATH
from sagewright.model.clock import now_ms
from sagewright.model.documents import read_json
from sagewright.upstream.blocking import BlockingUpstream
from sagewright.upstream.client import Broken, ContainerUnreachable, UpstreamRequest
from sagewright.upstream.connecting import ContainerAddress

USE_PATH = "/sagewright/activity"
"""Answered by JupyterLab here (`toolkit.apps.jupyter_activity`): unlike STATUS_PATH it does not count an open tab's questions."""
_LAST_MS = 1 << 45
TOTAL_S = 4.0
_MOST_BYTES = 1 << 20
_MOST_ENTRIES = 1000
"""Kernels and terminals that are looked at; an answer has room for 300,000."""
_UNTRACKED = "?no_track_activity=1"
"""Makes the question itself no activity."""


@dataclass(frozen=True)
class Activity:
    """`last_ms`: time of the last use; a busy kernel or a terminal's output is a use of that moment."""

    last_ms: int


def observe_activity(directory: Path) -> Activity | None:
    """Returns the activity of the program of the host in HOST_DIRECTORY, None if it does not answer. Takes at most TOTAL_S."""
    questions = _Questions(directory)
    for path, read in ((USE_PATH, _last_activity), (STATUS_PATH, _last_activity), (EDITOR_PATH, _last_heartbeat)):
        answer = questions.ask(path)
        if isinstance(answer, dict):
            return _with_kernels(questions, read(answer))
    return None


def _with_kernels(questions: _Questions, last_ms: int) -> Activity:
    """Returns the activity of a program that may have kernels and terminals."""
    kernels = _entries(questions.ask("/api/kernels"))
    if any(one.get("execution_state") == "busy" for one in kernels):
        return Activity(now_ms())
    entries = [*kernels, *_entries(questions.ask("/api/terminals"))]
    return Activity(min(max([last_ms, *map(_last_activity, entries)]), now_ms()))


class _Questions:
    """Questions to one program, which share TOTAL_S."""

    def __init__(self, directory: Path) -> None:
        self._upstream = BlockingUpstream(ContainerAddress(directory))
        self._until = time.monotonic() + TOTAL_S

    def ask(self, path: str) -> Any:
        """Returns the JSON document at `path`, None if there is none."""
        left_s = self._until - time.monotonic()
        if left_s <= 0:
            return None
        request = UpstreamRequest("GET", path + _UNTRACKED, {"Connection": "close"})
        with suppress(ContainerUnreachable, Broken, TimeoutError, ValueError):
            answer = self._upstream.ask(request, left_s, _MOST_BYTES)
            return parse(answer.body) if answer.status == HTTPStatus.OK else None
        return None


def parse(body: bytes) -> Any:
    """Returns the JSON document. Raises ValueError, also for one that is nested too deeply."""
    return read_json(body)


def _last_activity(document: dict[str, Any]) -> int:
    return _time_ms(document.get("last_activity"))


def _last_heartbeat(document: dict[str, Any]) -> int:
    """Returns the time of code-server's last contact with a browser."""
    found = document.get("lastHeartbeat")
    return int(found) if isinstance(found, int | float) and 0 <= found < _LAST_MS else 0


def _entries(document: Any) -> list[dict[str, Any]]:
    return [one for one in document[:_MOST_ENTRIES] if isinstance(one, dict)] if isinstance(document, list) else []


def _time_ms(text: Any) -> int:
    with suppress(ValueError, TypeError, OverflowError):
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
        return int(found.replace(tzinfo=found.tzinfo or UTC).timestamp() * 1000)
    return 0
