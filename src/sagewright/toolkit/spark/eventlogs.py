"""Event logs: Spark writes them to a separate directory, and each appears in the output directory under its final name.

Spark renames a log when its application ends. A continuous output would leave both names in S3; so a growing log is copied
repeatedly under its final name, and the last copy is complete.
"""

from __future__ import annotations

import shutil
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

_PERIOD_S = 10.0
_GROWING = ".inprogress"


class EventLogs:
    """`source`: where Spark writes; `target`: where the logs appear; `uri`: an additional destination at the end, if any."""

    def __init__(self, source: Path, target: Path, uri: str = "") -> None:
        self._source, self._target, self._uri = source, target, uri
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._copied: dict[str, int] = {}

    def properties(self) -> dict[str, str]:
        return {
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": self._source.as_uri(),
            "spark.eventLog.rolling.enabled": "false",
        }

    def start(self) -> None:
        self._source.mkdir(parents=True, exist_ok=True)
        self._target.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def close(self) -> None:
        """Finishes after the application's end. Raises OSError."""
        self._ended.set()
        self._thread.join()
        self._publish()
        if self._uri:
            self._upload()

    def _follow(self) -> None:
        while not self._ended.wait(_PERIOD_S):
            self._publish()

    def _publish(self) -> None:
        for log in sorted(self._source.iterdir()):
            if not log.name.startswith("."):
                with suppress(FileNotFoundError):  # renamed meanwhile: it is found under its other name
                    self._copy(log)

    def _copy(self, log: Path) -> None:
        name, size = log.name.removesuffix(_GROWING), log.stat().st_size
        if self._copied.get(log.name) != size:
            partial = self._source / f".{name}.part"
            shutil.copyfile(log, partial)
            shutil.move(partial, self._target / name)
            self._copied[log.name] = size

    def _upload(self) -> None:
        import boto3  # available in Spark's environments; few jobs need this

        place = urlsplit(self._uri)
        client = boto3.client("s3")
        for log in sorted(self._target.iterdir()):
            client.upload_file(str(log), place.netloc, f"{place.path.strip('/')}/{log.name}".lstrip("/"))
