"""Artefacts of jobs with several hosts: every host but the first hands its parts to the server, the first merges them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sagewright.agent.causes import cause
from sagewright.agent.disk import FULL, gib
from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import OptMl
from sagewright.agent.outputs.archives import DeliveryContext, apparent_size, merge, pack
from sagewright.agent.outputs.skipped_files import LeftOut
from sagewright.agent.parallel import attended
from sagewright.agent.reports.server import ServerAway, ServerConnection
from sagewright.jobfiles.directory import JobDirectory
from sagewright.jobfiles.unpacking import BadArchive

_WAIT_S = 1.0


class Parts:
    """Both methods raise ClientError for invalid outputs of the job, RuntimeError if the server refuses, and the exceptions of
    `delivery.check`."""

    def __init__(self, host: HostFile, ml: OptMl, delivery: DeliveryContext) -> None:
        self._host, self._ml, self._delivery = host, ml, delivery
        self._places = {output.place.partition("/")[0]: output.place for output in host.brief.outputs if output.merged}

    def hand_over(self) -> None:
        """Sends this host's parts."""
        for kind, path in self._places.items():
            archive = self._host.directory / f"{kind}.part.tar"
            try:
                self._pack(path, archive)
                self._patiently(partial(self._put, kind, archive))
            except OSError as error:
                raise ClientError(f"Artifact upload failed:{cause(error)}") from error
            finally:
                archive.unlink(missing_ok=True)

    def _pack(self, path: str, archive: Path) -> None:
        left_out = LeftOut(f"/opt/ml/{path}", self._delivery.log)
        directory = self._ml.directory(path)
        try:
            if directory is not None:
                size = apparent_size(directory, self._delivery.check)
                self._delivery.claim(size, f"/opt/ml/{path}")
                if size > (free := self._delivery.disk.free()):
                    raise ClientError(
                        f"Artifact upload failed:{FULL}: /opt/ml/{path} has {gib(size)} to send, {gib(free)} free here."
                    )
            pack(directory, archive, False, self._delivery, left_out)
        finally:
            left_out.tell()
            if directory is not None:
                directory.close()

    def collect(self) -> None:
        """Fetches and merges the parts of every other host, in the hosts' order."""
        for other in self._host.hosts[1:]:
            for kind, path in self._places.items():
                archive = self._host.directory / f"{kind}.{other}.tar"
                try:
                    if self._patiently(partial(self._get, f"parts/{kind}/{other}", archive)):
                        self._merge(archive, path)
                except (BadArchive, OSError) as error:
                    raise ClientError(f"Artifact upload failed:{other}: {cause(error)}") from error
                finally:
                    archive.unlink(missing_ok=True)

    def _merge(self, archive: Path, path: str) -> None:
        self._delivery.allow(archive.stat().st_size)
        with JobDirectory.at(self._ml.root) as ml, ml.make(path) as directory:
            merge(archive, directory, self._delivery)

    def _put(self, kind: str, archive: Path) -> bool:
        connection = self._connection()
        try:
            with archive.open("rb") as body:
                status = connection.upload(f"parts/{kind}", body, archive.stat().st_size)
        finally:
            connection.close()
        return _accepted(status, f"parts/{kind}")

    def _get(self, path: str, archive: Path) -> bool:
        """Fetches a part; returns False if the host left none."""
        connection = self._connection()
        try:
            status, pieces = connection.download(path)
            if status == 404:
                return False
            _accepted(status, path)
            with archive.open("wb") as file:
                for piece in pieces:
                    self._delivery.disk.spend(len(piece))
                    file.write(piece)
        finally:
            connection.close()
        return True

    def _connection(self) -> ServerConnection:
        return ServerConnection(self._host.endpoint, self._host.host_id, self._host.token)

    def _patiently(self, act: Callable[[], bool]) -> bool:
        while True:
            try:
                return attended(act, self._delivery.check)
            except ServerAway:
                self._delivery.check()
                time.sleep(_WAIT_S)


def _accepted(status: int, path: str) -> bool:
    if status >= 500:
        raise ServerAway(f"{path}: status {status}")
    if status >= 300:
        raise RuntimeError(f"the server answered {path} with status {status}")
    return True
