"""Artefacts of jobs with several hosts: every host but the first hands its parts to the server, the first merges them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sagewright.agent.artefacts import merge, pack
from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import OptMl
from sagewright.agent.server import ServerAway, ServerConnection

_WAIT_S = 1.0


class Parts:
    """`check` is called between tries and raises to give up."""

    def __init__(self, host: HostFile, ml: OptMl, check: Callable[[], None]) -> None:
        self._host = host
        self._check = check
        self._directories = {"model": ml.model, "output": ml.output_data}

    def hand_over(self) -> None:
        """Send this host's parts. Raises RuntimeError if the server refuses them."""
        for kind, directory in self._directories.items():
            archive = self._host.directory / f"{kind}.part.tar"
            pack(directory, archive, compressed=False)
            self._patiently(partial(self._put, kind, archive))
            archive.unlink()

    def collect(self) -> None:
        """Fetch and merge the parts of every other host, in the hosts' order."""
        for other in self._host.hosts[1:]:
            for kind, directory in self._directories.items():
                archive = self._host.directory / f"{kind}.{other}.tar"
                found = self._patiently(partial(self._get, f"parts/{kind}/{other}", archive))
                if found:
                    merge(archive, directory)
                archive.unlink(missing_ok=True)

    def _put(self, kind: str, archive: Path) -> bool:
        connection = self._connection()
        try:
            with archive.open("rb") as body:
                status = connection.upload(f"parts/{kind}", body, archive.stat().st_size)
        finally:
            connection.close()
        return _accepted(status, f"parts/{kind}")

    def _get(self, path: str, archive: Path) -> bool:
        """False if the host left no such part."""
        connection = self._connection()
        try:
            status, pieces = connection.download(path)
            if status == 404:
                return False
            _accepted(status, path)
            with archive.open("wb") as file:
                for piece in pieces:
                    file.write(piece)
        finally:
            connection.close()
        return True

    def _connection(self) -> ServerConnection:
        return ServerConnection(self._host.endpoint, self._host.host_id, self._host.token)

    def _patiently(self, act: Callable[[], bool]) -> bool:
        while True:
            try:
                return act()
            except ServerAway:
                self._check()
                time.sleep(_WAIT_S)


def _accepted(status: int, path: str) -> bool:
    if status >= 500:
        raise ServerAway(f"{path}: status {status}")
    if status >= 300:
        raise RuntimeError(f"the server answered {path} with status {status}")
    return True
