"""Master keys: 32 random bytes from a file, the environment or a systemd credential. A file may contain several; the first is
current.

Source: systemd's documentation of credentials, `CREDENTIALS_DIRECTORY`.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings

NAME = "master.key"
"""File in the data directory, and the file of a systemd credential."""
NOWHERE = Path("/nonexistent") / NAME
BYTES = 32
_MOST_BYTES = 64 << 10
_HEAD = "# Sagewright's master key: it opens the secrets in the store. Keep it private, and apart from backups.\n"


class MasterKeyFault(AwsError):
    """The store's secrets can't be opened; the message says why, and names the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__("InternalFailure", message, 500)


@dataclass(frozen=True)
class MasterKey:
    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Returns a name that tells nothing about the key."""
        return hmac.digest(self.secret, b"sagewright master key", hashlib.sha256).hex()[:16]

    @property
    def text(self) -> str:
        return base64.b64encode(self.secret).decode()


def new_master_key() -> MasterKey:
    return MasterKey(secrets.token_bytes(BYTES))


@dataclass(frozen=True)
class MasterKeySource:
    """Where a server's master key comes from: `given` by the environment, or else `file`. `kept`: that of the data directory."""

    file: Path
    given: str = field(default="", repr=False)
    kept: bool = True

    @property
    def place(self) -> str:
        return "the variable SAGEWRIGHT_MASTER_KEY" if self.given else f"the file {self.file}"

    @property
    def can_make(self) -> bool:
        """True if a new store may get a new key: not a file that a setting names, or a variable."""
        return self.kept and not self.given

    def read(self) -> list[MasterKey]:
        """Returns the keys, the current one first; none if the file does not exist. Raises MasterKeyFault."""
        if self.given:
            return _parsed(self.given, self.place)
        try:
            with self.file.open("rb") as content:
                text = content.read(_MOST_BYTES)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise MasterKeyFault(
                f"The master key can't be read from {self.place}: {error.strerror or error}."
            ) from None
        return _parsed(text.decode("ascii", "replace"), self.place)

    def write(self, keys: Sequence[MasterKey]) -> None:
        """Replaces the file, which is on the disk when this returns. Raises OSError."""
        temporary = self.file.with_name(f"{self.file.name}.new")
        _write(temporary, keys)
        temporary.rename(self.file)
        _sync(self.file.parent)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Locks the file's folder against other rotations: of two at once, one would overwrite the other's key."""
        descriptor = os.open(self.file.parent, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def make(self) -> list[MasterKey]:
        """Makes the file with a new key, or reads one that another process has just made. Raises OSError, MasterKeyFault."""
        temporary = self.file.with_name(f"{self.file.name}.{secrets.token_hex(8)}.new")
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(temporary, [new_master_key()])
        try:
            os.link(temporary, self.file)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        _sync(self.file.parent)
        return self.read()


def master_key_source(settings: Settings, environ: Mapping[str, str] | None = None) -> MasterKeySource:
    """Returns the source: the settings `master_key` and `master_key_file`, a systemd credential, or the data directory's file."""
    own, variables = settings.data / NAME, os.environ if environ is None else environ
    if settings.master_key:
        return MasterKeySource(own, settings.master_key, kept=False)
    if settings.master_key_file != Path():
        return MasterKeySource(settings.master_key_file.expanduser().absolute(), kept=False)
    credential = Path(variables.get("CREDENTIALS_DIRECTORY") or NOWHERE.parent) / NAME
    return MasterKeySource(credential, kept=False) if credential.exists() else MasterKeySource(own)


def _parsed(text: str, place: str) -> list[MasterKey]:
    """Raises MasterKeyFault for a text without a key."""
    lines = [line.strip() for line in text.splitlines()]
    found = [_key(line, place) for line in lines if line and not line.startswith("#")]
    if not found:
        raise MasterKeyFault(f"There is no master key in {place}. It needs {BYTES} bytes in Base64 or as hex digits.")
    return found


def _key(text: str, place: str) -> MasterKey:
    try:
        secret = bytes.fromhex(text) if len(text) == 2 * BYTES else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != BYTES:
        raise MasterKeyFault(
            f"The master key in {place} is not {BYTES} bytes in Base64 or as hex digits. "
            "Make one: head -c 32 /dev/urandom | base64"
        )
    return MasterKey(secret)


def _write(path: Path, keys: Sequence[MasterKey]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(_HEAD + "".join(f"{one.text}\n" for one in keys))
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
