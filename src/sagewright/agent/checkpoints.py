"""Checkpoints: what S3 holds comes down at the start; what the process writes goes up, and what it removes is removed.

Source: AWS's developer guide, "Checkpoints in Amazon SageMaker AI".
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import psutil

from sagewright.agent.archives import Delivery
from sagewright.agent.causes import cause
from sagewright.agent.checkpointkeys import file_paths
from sagewright.agent.errors import ClientError, Gone, JobError, TooLate
from sagewright.agent.hostfile import HostFile
from sagewright.agent.leftout import LeftOut
from sagewright.agent.openfiles import open_for_writing
from sagewright.agent.optml import OptMl
from sagewright.agent.parallel import attended, for_each
from sagewright.agent.s3 import CONNECTIONS, JobS3, S3Failed, key_fault, parse_uri
from sagewright.jobfiles.directory import JobDirectory
from sagewright.jobfiles.removal import remove_tree
from sagewright.jobfiles.walking import Entry

_EVERY_S = 2.0
_SHARE_OF_TIME = 5  # a look at many files takes long: so many times as long as it took are spent without one
_MOST_FILES = 2_000_000


class _State(NamedTuple):
    """What tells one content of a file from the next."""

    device: int
    inode: int
    size: int
    modified_ns: int


class CheckpointSync:
    """Of one host; does nothing if the job has no CheckpointConfig.

    While the process runs, a file is sent once nobody has it open for writing, from a copy that did not change while it
    was made: an object in S3 is never a torn file. Objects that appear in S3 meanwhile are not brought down. Links and what is
    no file are not sent.
    """

    def __init__(self, host: HostFile, ml: OptMl, delivery: Delivery) -> None:
        self._config = host.request.get("CheckpointConfig")
        self._host, self._ml, self._delivery = host, ml, delivery
        self._s3 = JobS3(host, delivery.check)
        self._sent: dict[str, _State] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._copies = host.directory / "checkpoint-copies"
        self._left_out = LeftOut("Checkpoints", delivery.log)
        self._bucket = self._prefix = self._local = ""

    @property
    def active(self) -> bool:
        return bool(self._config)

    def fetch(self, check: Callable[[], None], claim: Callable[[int], None]) -> None:
        """Bring down what S3 holds. `claim` is told how many bytes before they come. Raises ClientError."""
        if not self._config:
            return
        self._locate(self._config)
        s3 = JobS3(self._host, check)
        try:
            with JobDirectory.at(self._ml.root) as ml, ml.make(self._local) as local:
                found = attended(lambda: list(s3.list(self._bucket, self._prefix)), check)
                paths = file_paths(self._bucket, self._prefix, [one.key for one in found])
                claim(sum(one.size for one in found if one.key in paths))

                def fetch(key: str) -> None:
                    _download(s3, (self._bucket, key), local, paths[key])

                for_each(paths, fetch, check, CONNECTIONS)
        except (S3Failed, OSError) as error:
            raise ClientError(f"Data download failed:{cause(error)}") from error
        self._sent = self._states()

    def _locate(self, config: dict[str, str]) -> None:
        try:
            self._bucket, prefix = parse_uri(config["S3Uri"])
        except ValueError as error:
            raise ClientError(f"CheckpointConfig: {error}.") from error
        self._prefix = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
        self._local = self._ml.beneath(config.get("LocalPath", "/opt/ml/checkpoints/"))

    def start(self) -> None:
        if self.active:
            self._thread.start()

    def finish(self) -> None:
        """Send what has changed last; the process has ended. Raises ClientError, and what `delivery.check` raises."""
        if not self._local:
            return
        self._end.set()
        try:
            while self._thread.is_alive():
                self._thread.join(0.2)
                self._delivery.check()
            self._left_out.forget()
            attended(lambda: self._sync(running=False), self._delivery.check)
        except (S3Failed, OSError) as error:
            raise ClientError(f"Artifact upload failed:{cause(error)}") from error
        finally:
            self._left_out.tell()
            remove_tree(self._copies)

    def _run(self) -> None:
        wait, said = _EVERY_S, ""
        while not self._end.wait(wait):
            began = time.monotonic()
            try:
                self._left_out.forget()
                self._sync(running=True)
            except (Gone, TooLate):
                return
            except (S3Failed, OSError, JobError) as error:  # tried again in the next round; `finish` raises
                if str(error) != said:
                    said = str(error)
                    sys.stderr.write(f"checkpoints: {error}\n")
            wait = max(_EVERY_S, _SHARE_OF_TIME * (time.monotonic() - began))

    def _sync(self, *, running: bool) -> None:
        states = self._states()
        changed = [path for path, state in states.items() if self._sent.get(path) != state]
        if changed and running:
            busy = open_for_writing(psutil.Process().children(recursive=True))
            changed = [path for path in changed if (states[path].device, states[path].inode) not in busy]
        if not running:
            self._delivery.allow(sum(states[path].size for path in changed))
        with JobDirectory.at(self._ml.root) as ml, ml.make(self._local) as local:
            if running:
                for path in changed:
                    if self._end.is_set():
                        return
                    self._send_copy(local, path, states[path])
            else:
                for_each(changed, lambda path: self._send(local, path, states[path]), self._delivery.check, CONNECTIONS)
        for path in [path for path in self._sent if path not in states]:
            if running and self._end.is_set():
                return
            self._delivery.check()
            self._s3.delete(self._bucket, self._prefix + path)
            del self._sent[path]

    def _send(self, local: JobDirectory, path: str, state: _State) -> None:
        with local.open(path, self._delivery.check) as file:
            self._s3.upload(file, self._bucket, self._prefix + path)
        self._sent[path] = state

    def _send_copy(self, local: JobDirectory, path: str, state: _State) -> None:
        """From a copy of the file as `state` says it is; not if it has changed since."""
        self._copies.mkdir(exist_ok=True)
        try:
            with JobDirectory.at(self._copies) as copies:
                with local.open(path, self._delivery.check) as file, copies.writing("next") as copy:
                    if _state(file.status) != state:
                        return
                    file.copy_to(copy, self._delivery.disk.spend)
                    if _state(os.fstat(file.fileno())) != state:
                        return
                with copies.open("next", self._delivery.check) as settled:
                    self._s3.upload(settled, self._bucket, self._prefix + path)
                self._sent[path] = state
        except FileNotFoundError:
            return
        finally:
            (self._copies / "next").unlink(missing_ok=True)

    def _states(self) -> dict[str, _State]:
        """All files that can be sent, by path. Raises ClientError if they are more than a host could have."""
        directory = self._ml.directory(self._local)
        if directory is None:
            return {}
        states: dict[str, _State] = {}
        size = 0
        with directory:
            for entry in directory.walk(self._delivery.check):
                if entry.is_directory or not self._sendable(entry):
                    continue
                states[entry.path] = _state(entry.status)
                size += entry.status.st_size
                self._delivery.hold(size, f"/opt/ml/{self._local}")
                if len(states) > _MOST_FILES:
                    raise ClientError(f"Artifact upload failed:more than {_MOST_FILES} checkpoint files")
        return states

    def _sendable(self, entry: Entry) -> bool:
        fault = key_fault(self._prefix, entry) if entry.is_file else "only files are uploaded"
        if fault is not None:
            self._left_out.add(fault, entry)
        return fault is None


def _download(s3: JobS3, bucket_and_key: tuple[str, str], local: JobDirectory, path: str) -> None:
    bucket, key = bucket_and_key
    try:
        with local.writing(path) as file:
            s3.download_into(bucket, key, file)
    except (NotADirectoryError, IsADirectoryError) as error:
        raise ClientError(
            f"Data download failed:s3://{bucket}/{key} cannot be a file of the checkpoints' directory: {error.strerror}"
        ) from error


def _state(found: os.stat_result) -> _State:
    return _State(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
