"""The activity of an app's users, as its program reports it in the form of Jupyter's REST API.

Source: jupyter-server's API, /api/status, /api/kernels and /api/terminals. The program belongs to the user: an answer is limited in
size and time, and whatever it claims concerns this app alone.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagewright.kinds.app import EDITOR_PATH, STATUS_PATH
from sagewright.model.clock import now_ms
from sagewright.upstream.blocking import BlockingUpstream
from sagewright.upstream.client import Broken, ContainerUnreachable, UpstreamRequest
from sagewright.upstream.connecting import ContainerAddress

USE_PATH = "/sagewright/activity"
"""Answered by JupyterLab here (`toolkit.apps.jupyter_activity`): unlike STATUS_PATH it does not count an open tab's questions."""
_LAST_MS = 1 << 45
_ASK_S = 2.0
_MOST_BYTES = 1 << 20
_UNTRACKED = "?no_track_activity=1"
"""Makes the question itself no activity."""


@dataclass(frozen=True)
class Activity:
    """`last_ms`: time of the last use; a busy kernel or a terminal's output is a use of that moment."""

    last_ms: int


def observe_activity(directory: Path) -> Activity | None:
    """Returns the activity of the program of the host in HOST_DIRECTORY, None if it does not answer."""
    for path, read in ((USE_PATH, _last_activity), (STATUS_PATH, _last_activity), (EDITOR_PATH, _last_heartbeat)):
        answer = _answer(directory, path)
        if isinstance(answer, dict):
            return _with_kernels(directory, read(answer))
    return None


def _with_kernels(directory: Path, last_ms: int) -> Activity:
    """Returns the activity of a program that may have kernels and terminals."""
    kernels = _entries(_answer(directory, "/api/kernels"))
    if any(one.get("execution_state") == "busy" for one in kernels):
        return Activity(now_ms())
    entries = [*kernels, *_entries(_answer(directory, "/api/terminals"))]
    return Activity(min(max([last_ms, *map(_last_activity, entries)]), now_ms()))


def _last_activity(document: dict[str, Any]) -> int:
    return _time_ms(document.get("last_activity"))


def _last_heartbeat(document: dict[str, Any]) -> int:
    """Returns the time of code-server's last contact with a browser."""
    found = document.get("lastHeartbeat")
    return int(found) if isinstance(found, int | float) and 0 <= found < _LAST_MS else 0


def _answer(directory: Path, path: str) -> Any:
    """Returns the JSON document at `path`, None if there is none."""
    request = UpstreamRequest("GET", path + _UNTRACKED, {"Connection": "close"})
    with suppress(ContainerUnreachable, Broken, TimeoutError, ValueError, RecursionError):
        answer = BlockingUpstream(ContainerAddress(directory)).ask(request, _ASK_S, _MOST_BYTES)
        return json.loads(answer.body) if answer.status == 200 else None
    return None


def _entries(document: Any) -> list[dict[str, Any]]:
    return [one for one in document if isinstance(one, dict)] if isinstance(document, list) else []


def _time_ms(text: Any) -> int:
    with suppress(ValueError, TypeError, OverflowError):
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
        return int(found.replace(tzinfo=found.tzinfo or UTC).timestamp() * 1000)
    return 0
