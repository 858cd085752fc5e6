"""Reports that an agent could not send before it ended: the server that finds the agent dead applies them."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from pathlib import Path

from sagewright.engine.jobs import reports
from sagewright.engine.jobs.hostreports import UnreadableReport, read_report
from sagewright.model.jobs.left_reports import left
from sagewright.store.database import Database
from sagewright.store.jobs.hosts import Host

log = logging.getLogger("sagewright.engine.jobs.left_reports")


def take_left(store: Database, host: Host) -> None:
    """Applies the reports left in the host's directory; reports that were applied before are skipped. Raises AwsError."""
    if host.handle is None or "directory" not in host.handle:
        return
    directory = Path(host.handle["directory"])
    with suppress(OSError, ValueError, KeyError, TypeError):
        token = str(json.loads((directory / "host.json").read_bytes())["token"])
        for body in left(directory):
            try:
                reports.apply(store, host.id, token, read_report(body))
            except UnreadableReport as error:
                log.warning("a report that host %s left can't be read: %s", host.name, error)
