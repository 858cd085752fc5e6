"""Keeps the TLS door running for a server: starts it, replaces the one of the previous server, and starts it again if it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from sagewright.model import titles
from sagewright.model.settings import Settings
from sagewright.tls.certificates import BadCertificate, CertificateFiles, self_signed
from sagewright.tls.door import DoorSettings

FOLDER = "tls"
READY_S = 15.0
AGAIN_S = 0.5
log = logging.getLogger("sagewright.tls")


class DoorFailed(RuntimeError):
    """The door could not be opened; the message says why."""


def certificate_files(settings: Settings) -> CertificateFiles:
    """Returns the certificate of the settings, or a self-signed one. Raises BadCertificate, OSError."""
    if settings.tls_cert != Path() or settings.tls_key != Path():
        if Path() in (settings.tls_cert, settings.tls_key):
            raise BadCertificate("tls_cert and tls_key belong together: set both.")
        found = CertificateFiles(settings.tls_cert.expanduser().absolute(), settings.tls_key.expanduser().absolute())
        found.context()
        return found
    return self_signed(settings.data / FOLDER, names_of(settings))


def names_of(settings: Settings) -> list[str]:
    """Returns the names and addresses under which clients may reach the server."""
    own = socket.gethostname().lower()
    names = [own, "localhost", "*.localhost", "127.0.0.1", "::1"]
    if settings.host not in ("0.0.0.0", "::"):  # noqa: S104
        names.append(settings.host)
    else:
        names += _addresses()
    names += [name.strip().lower() for name in settings.studio_hosts.split(",")]
    if settings.notebook_domain:
        names += [settings.notebook_domain, f"*.{settings.notebook_domain}"]
    return list(dict.fromkeys(name for name in names if name))


def _addresses() -> list[str]:
    """Returns this machine's addresses."""
    import psutil

    found = [one.address for each in psutil.net_if_addrs().values() for one in each if one.family in _FAMILIES]
    return [address for address in found if "%" not in address]


_FAMILIES = (socket.AF_INET, socket.AF_INET6)


class Doorkeeper:
    """The door of one server. To be used from its event loop."""

    def __init__(self, settings: DoorSettings) -> None:
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Opens the door, then lets one of a previous server end. Raises DoorFailed."""
        before = self._others()
        await self._start()
        for pid in before:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self._watching = asyncio.create_task(self._watch())

    def _others(self) -> list[int]:
        found = titles.running(Path(self._settings.data))
        return [one.pid for one in found if one.kind == titles.TLS_DOOR]

    async def _start(self) -> None:
        log_file = (Path(self._settings.data) / "tls.log").open("ab")
        with log_file:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "sagewright.tls.door",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log_file, start_new_session=True,
            )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(self._settings.document()).encode() + b"\n")
        process.stdin.close()
        try:
            said = (await asyncio.wait_for(process.stdout.readline(), READY_S)).decode().strip()
        except TimeoutError:
            said = f"it did not answer within {READY_S:g} s"
        if said != "ready":
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise DoorFailed(said.removeprefix("failed ") or "it ended; see tls.log in the data directory")

    async def _watch(self) -> None:
        while True:
            assert self._process is not None
            status = await self._process.wait()
            log.warning("the TLS door ended with %d; it is opened again", status)
            await asyncio.sleep(AGAIN_S)
            try:
                await self._start()
            except DoorFailed as error:
                log.warning("the TLS door can't be opened: %s", error)

    async def close(self) -> None:
        """Lets the door end: it accepts nothing more, and its connections end with the server's."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
