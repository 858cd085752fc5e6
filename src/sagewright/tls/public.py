"""The server's side of the public port: whether it must be TLS, and its life cycle with the server's."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from sagewright.http.tlsnames import SOCKET_NAME
from sagewright.model.addresses import is_loopback
from sagewright.model.settings import BadSetting, Settings

if TYPE_CHECKING:
    from sagewright.tls.door import DoorSettings

ENDPOINT, PORT, AUTHORITY = "public-endpoint", "tls-port", "ca.pem"
"""Notes of the data directory: the public URL, the last port, and the authority that clients have to trust."""
BACKLOG = 1024
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104


def check_exposure(settings: Settings) -> None:
    """Raises BadSetting for a server that would listen beyond this machine without TLS, or for agents that speak none."""
    if settings.uses_tls:
        if settings.backend != "local":
            raise BadSetting(
                f"backend={settings.backend} and TLS exclude each other: agents on other machines report in plain HTTP. Use "
                "--insecure on a trusted network."
            )
        return
    if not settings.insecure and not is_loopback(settings.host):
        raise BadSetting(
            f"host: {settings.host} is reachable from other machines, and plain HTTP exposes keys and data. Use --tls "
            f"self-signed, or "
            "--tls-cert and --tls-key; on a trusted network, or behind a proxy that terminates TLS, use --insecure."
        )


@contextlib.asynccontextmanager
async def public_door(
    settings: Settings, protocol: Callable[[], asyncio.Protocol], plain: socket.socket
) -> AsyncIterator[str]:
    """Opens the TLS door for the time of the context; yields the public URL, "" without TLS. `protocol`: of its connections here.

    Raises BadSetting.
    """
    note, authority = settings.data / ENDPOINT, settings.data / AUTHORITY
    if not settings.uses_tls:
        note.unlink(missing_ok=True)
        authority.unlink(missing_ok=True)
        yield ""
        return
    from sagewright.tls.doorkeeper import DoorFailed, Doorkeeper  # imports X.509, which only TLS needs

    place = settings.data / SOCKET_NAME
    place.unlink(missing_ok=True)
    accepting = await asyncio.get_running_loop().create_unix_server(protocol, str(place), backlog=BACKLOG)
    keeper = Doorkeeper(await asyncio.to_thread(_door_settings, settings, plain.getsockname()[1]))
    try:
        try:
            await keeper.open()
        except DoorFailed as error:
            raise BadSetting(f"The public port can't be opened: {error}") from None
        url = public_url(settings, _port(settings))
        note.write_text(f"{url}\n")
        yield url
    finally:
        await keeper.close()
        accepting.close()
        note.unlink(missing_ok=True)


def public_url(settings: Settings, port: int) -> str:
    """Returns the URL for clients on other machines: of a server that listens on all addresses, by this machine's name."""
    name = socket.gethostname() if settings.host in ANY_ADDRESS else settings.host
    return f"https://{f'[{name}]' if ':' in name else name}:{port}"


def _door_settings(settings: Settings, fallback: int) -> DoorSettings:
    """Raises BadSetting."""
    from sagewright.tls.certificates import BadCertificate
    from sagewright.tls.door import DoorSettings
    from sagewright.tls.doorkeeper import certificate_files

    try:
        files = certificate_files(settings)
        if files.authority is not None:
            (settings.data / AUTHORITY).write_bytes(files.authority.read_bytes())
        else:
            (settings.data / AUTHORITY).unlink(missing_ok=True)
    except (BadCertificate, OSError) as error:
        raise BadSetting(str(error)) from None
    return DoorSettings(
        data=str(settings.data),
        host=settings.host,
        port=_port(settings),
        certificate=str(files.certificate),
        key=str(files.key),
        fallback=fallback,
        most=settings.max_connections,
        per_address=settings.max_connections_per_address,
    )


def _port(settings: Settings) -> int:
    """Returns the public port; without a number in the settings, the one of the last time, or a free one."""
    note = settings.data / PORT
    if settings.port:
        return settings.port
    with contextlib.suppress(OSError, ValueError):
        return int(note.read_text())
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as free:
        free.bind((settings.host, 0))
        number = int(free.getsockname()[1])
    note.write_text(f"{number}\n")
    return number
