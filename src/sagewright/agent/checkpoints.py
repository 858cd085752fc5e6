"""Checkpoints: what S3 holds comes down at the start, what the process writes goes up while it runs and at its end."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import OptMl
from sagewright.agent.s3 import JobS3, S3Failed, parse_uri

_EVERY_S = 2.0


class CheckpointSync:
    """Of one host; does nothing if the job has no CheckpointConfig. A file counts as changed by its size and mtime."""

    def __init__(self, host: HostFile, ml: OptMl, s3: JobS3) -> None:
        config = host.request.get("CheckpointConfig")
        self._s3 = s3
        self._known: dict[Path, tuple[int, int]] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self.active = bool(config)
        if config:
            self._bucket, prefix = parse_uri(config["S3Uri"])
            self._prefix = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
            self._local = ml.outside(config.get("LocalPath", "/opt/ml/checkpoints/"))

    def fetch(self) -> None:
        """Bring down what S3 holds. Raises ClientError."""
        if not self.active:
            return
        try:
            for found in self._s3.list(self._bucket, self._prefix):
                relative = found.key[len(self._prefix) :]
                if not relative or relative.endswith("/") or ".." in relative.split("/"):
                    continue
                target = self._local / relative
                target.parent.mkdir(parents=True, exist_ok=True)
                self._s3.download(self._bucket, found.key, target)
        except (S3Failed, OSError) as error:
            raise ClientError(f"Data download failed:{error}") from error
        self._known = self._state()

    def start(self) -> None:
        if self.active:
            self._thread.start()

    def finish(self) -> None:
        """Send what has changed last. Raises ClientError."""
        if not self.active:
            return
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()
        try:
            self._send_changed()
        except (S3Failed, OSError) as error:
            raise ClientError(f"Artifact upload failed:{error}") from error

    def _run(self) -> None:
        while not self._end.wait(_EVERY_S):
            try:
                self._send_changed()
            except (S3Failed, OSError) as error:  # tried again in the next round; `finish` raises
                sys.stderr.write(f"checkpoints: {error}\n")

    def _send_changed(self) -> None:
        for file, state in self._state().items():
            if self._known.get(file) != state:
                key = self._prefix + str(file.relative_to(self._local))
                self._s3.upload(file, self._bucket, key)
                self._known[file] = state

    def _state(self) -> dict[Path, tuple[int, int]]:
        state = {}
        for file in sorted(self._local.rglob("*")):
            try:
                if file.is_file():
                    status = file.stat()
                    state[file] = (status.st_size, status.st_mtime_ns)
            except FileNotFoundError:
                continue
        return state
