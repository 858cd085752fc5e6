"""Checkpoints: what S3 holds comes down at the start; what the process writes goes up, and what it removes is removed.

Source: AWS's developer guide, "Checkpoints in Amazon SageMaker AI".
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import OptMl
from sagewright.agent.s3 import CONNECTIONS, JobS3, S3Failed, parse_uri
from sagewright.agent.writers import open_for_writing

_EVERY_S = 2.0


@dataclass(frozen=True)
class _State:
    """What tells one content of a file from the next."""

    device: int
    inode: int
    size: int
    modified_ns: int


class CheckpointSync:
    """Of one host; does nothing if the job has no CheckpointConfig.

    While the process runs, a file is sent once nobody has it open for writing, from a copy that did not change while it
    was made: an object in S3 is never a torn file. Objects that appear in S3 meanwhile are not brought down.
    """

    def __init__(self, host: HostFile, ml: OptMl, s3: JobS3) -> None:
        config = host.request.get("CheckpointConfig")
        self._s3 = s3
        self._sent: dict[Path, _State] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._copies = host.directory / "checkpoint-copies"
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
            with ThreadPoolExecutor(CONNECTIONS) as pool:
                for done in [pool.submit(self._fetch, key) for key in self._keys()]:
                    done.result()
        except (S3Failed, OSError) as error:
            raise ClientError(f"Data download failed:{error}") from error
        self._sent = self._states()

    def start(self) -> None:
        if self.active:
            self._thread.start()

    def finish(self) -> None:
        """Send what has changed last; the process has ended. Raises ClientError."""
        if not self.active:
            return
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()
        try:
            self._sync(running=False)
        except (S3Failed, OSError) as error:
            raise ClientError(f"Artifact upload failed:{error}") from error
        finally:
            shutil.rmtree(self._copies, ignore_errors=True)

    def _run(self) -> None:
        while not self._end.wait(_EVERY_S):
            try:
                self._sync(running=True)
            except (S3Failed, OSError) as error:  # tried again in the next round; `finish` raises
                sys.stderr.write(f"checkpoints: {error}\n")

    def _sync(self, *, running: bool) -> None:
        states = self._states()
        changed = {file: state for file, state in states.items() if self._sent.get(file) != state}
        if changed and running:
            busy = open_for_writing(psutil.Process().children(recursive=True))
            changed = {file: state for file, state in changed.items() if (state.device, state.inode) not in busy}
        for file, state in changed.items():
            self._send(file, state, running=running)
        for file in [file for file in self._sent if file not in states]:
            self._s3.delete(self._bucket, self._key(file))
            del self._sent[file]

    def _send(self, file: Path, state: _State, *, running: bool) -> None:
        source = self._settled_copy(file, state) if running else file
        if source is None:
            return
        self._s3.upload(source, self._bucket, self._key(file))
        self._sent[file] = state
        if running:
            source.unlink()

    def _settled_copy(self, file: Path, state: _State) -> Path | None:
        """A copy of the file as `state` says it is; None when it has changed since."""
        self._copies.mkdir(exist_ok=True)
        copy = self._copies / "next"
        try:
            shutil.copyfile(file, copy)
            return copy if _state(file) == state else None
        except FileNotFoundError:
            return None

    def _keys(self) -> list[str]:
        listed = self._s3.list(self._bucket, self._prefix)
        return [found.key for found in listed if _is_file(found.key[len(self._prefix) :])]

    def _fetch(self, key: str) -> None:
        target = self._local / key[len(self._prefix) :]
        target.parent.mkdir(parents=True, exist_ok=True)
        self._s3.download(self._bucket, key, target)

    def _key(self, file: Path) -> str:
        return self._prefix + str(file.relative_to(self._local))

    def _states(self) -> dict[Path, _State]:
        files = (Path(folder, name) for folder, _folders, names in os.walk(self._local) for name in sorted(names))
        states = {file: _state(file) for file in files}
        return {file: state for file, state in states.items() if state is not None}


def _is_file(relative: str) -> bool:
    return bool(relative) and not relative.endswith("/") and ".." not in relative.split("/")


def _state(file: Path) -> _State | None:
    """None for what is no file (any more)."""
    try:
        if not file.is_file():
            return None
        found = file.stat()
    except OSError:
        return None
    return _State(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
