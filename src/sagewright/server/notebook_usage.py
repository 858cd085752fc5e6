"""Use of memory, CPU and disk by notebooks, and their kernels: values that no operation returns.

The programs belong to users: answers and walks are limited in size and time, and their claims affect only the notebook.
"""

from __future__ import annotations

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from sagewright.engine.apps.app_documents import AppDocument, AppIdentity
from sagewright.engine.apps.homes import home_of
from sagewright.kinds.app import APP, NOTEBOOK, AppRequest
from sagewright.model import titles
from sagewright.model.aws.instance_types import resources_of
from sagewright.services.context import Platform
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource
from sagewright.upstream.blocking import BlockingUpstream
from sagewright.upstream.client import Broken, ContainerUnreachable, UpstreamRequest
from sagewright.upstream.connecting import ContainerAddress

if TYPE_CHECKING:
    from sagewright.studio.operations import NotebookUsage

GIB = 1 << 30
FRESH_S, HOME_FRESH_S = 2.0, 60.0
ASK_S, MOST_BYTES = 1.0, 1 << 20
MOST_FILES = 20_000
"""Number of files up to which a home is counted; larger homes are shown as "at least"."""
READERS, MOST_ASKED = 4, 32
KERNELS = "/api/kernels?no_track_activity=1"


@dataclass(frozen=True)
class ProcessUse:
    """`cpu_s`: CPU seconds so far; `memory`: bytes of only the processes."""

    at_s: float
    cpu_s: float
    memory: int


class NotebookUsages:
    """Reads at most every two seconds. Safe to use from many threads."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = threading.Lock()
        self._read_s = 0.0
        self._found: dict[tuple[str, str, str], NotebookUsage] = {}
        self._before: dict[str, ProcessUse] = {}
        self._homes: dict[str, tuple[float, int]] = {}
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="notebook-usage")

    def read(self) -> dict[tuple[str, str, str], NotebookUsage]:
        """Returns the use of each app by domain, owner and type, and of each notebook instance by its name."""
        with self._lock:
            if time.monotonic() - self._read_s > FRESH_S:
                self._found = self._observed()
                self._read_s = time.monotonic()
            return self._found

    def home(self, owner_id: str) -> int:
        """Returns the bytes of a home, -1 for one with more than MOST_FILES files."""
        kept = self._homes.get(owner_id)
        if kept is None or time.monotonic() - kept[0] > HOME_FRESH_S:
            kept = self._homes[owner_id] = time.monotonic(), size_of(home_of(self._platform.settings.data, owner_id))
        return kept[1]

    def _observed(self) -> dict[tuple[str, str, str], NotebookUsage]:
        store, account = self._platform.store, self._platform.settings.account
        rows = [one for kind in (APP, NOTEBOOK) for one in resources.of_kind(store, kind) if one.account == account]
        agents = {one.job: one.pid for one in titles.running(self._platform.settings.data) if one.kind == titles.AGENT}
        live = [one for one in rows if AppDocument.read(one.document).directory][:MOST_ASKED]
        kernels = dict(zip([one.id for one in live], self._readers.map(_kernels, live), strict=True))
        used = {one.id: self._use(one, agents.get(one.name.replace("/", "-"), 0)) for one in live}
        self._before = {key: value for key, (value, _) in used.items() if value is not None}
        return {_key(one): self._usage(one, used.get(one.id), kernels.get(one.id, [])) for one in rows}

    def _use(self, app: Resource, agent: int) -> tuple[ProcessUse | None, float]:
        """Returns the present use, and the CPUs used since the one before."""
        now = _of_children(agent) if agent else None
        before = self._before.get(app.id)
        if now is None or before is None or now.at_s <= before.at_s:
            return now, 0.0
        return now, max(0.0, (now.cpu_s - before.cpu_s) / (now.at_s - before.at_s))

    def _usage(
        self, app: Resource, used: tuple[ProcessUse | None, float] | None, kernels: list[dict[str, Any]]
    ) -> NotebookUsage:
        from sagewright.studio.operations import NotebookUsage

        document = AppDocument.read(app.document)
        use, cpus = used or (None, 0.0)
        instance = AppRequest.read(document.launch).instance_type if document.launch else ""
        stops_ms = document.activity_ms + int(document.idle_s * 1000) if document.idle_s and document.directory else 0
        return NotebookUsage(
            memory=use.memory if use else 0,
            memory_limit=int(resources_of(instance).memory_gb * GIB) if instance else 0,
            cpus=cpus,
            kernels=len(kernels),
            busy=sum(one.get("execution_state") == "busy" for one in kernels),
            idle_since_ms=document.activity_ms if document.directory else 0,
            stops_at_ms=stops_ms,
            home=self.home(document.home) if document.home else 0,
            reason=document.reason,
        )


def _key(app: Resource) -> tuple[str, str, str]:
    identity = AppIdentity.read(app.document)
    return (identity.domain, identity.owner.lower(), identity.app_type) if app.kind == APP else ("", app.name, "")


def _kernels(app: Resource) -> list[dict[str, Any]]:
    directory = Path(AppDocument.read(app.document).directory)
    with suppress(ContainerUnreachable, Broken, TimeoutError, ValueError, RecursionError):
        request = UpstreamRequest("GET", KERNELS, {"Connection": "close"})
        answer = BlockingUpstream(ContainerAddress(directory)).ask(request, ASK_S, MOST_BYTES)
        found = json.loads(answer.body) if answer.status == 200 else []
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return []


def _of_children(pid: int) -> ProcessUse | None:
    """Returns the use of a process's descendants."""
    cpu_s, memory = 0.0, 0
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return None
    for child in children:
        with suppress(psutil.Error):
            times, held = child.cpu_times(), child.memory_info()
            cpu_s += times.user + times.system
            memory += max(0, held.rss - getattr(held, "shared", 0))
    return ProcessUse(time.monotonic(), cpu_s, memory)


def size_of(folder: Path) -> int:
    """Returns the bytes on disk of the files below a folder, following no links; -1 for more than MOST_FILES entries."""
    total = entries = 0
    folders = [str(folder)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as found:
            for entry in found:
                entries += 1
                if entries > MOST_FILES:
                    return -1
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total
