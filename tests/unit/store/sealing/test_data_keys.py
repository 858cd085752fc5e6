"""The data key's row: another master key opens it after a rotation, and after each step of one that was killed."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sagewright.store.database import Database
from sagewright.store.sealing import data_keys
from sagewright.store.sealing.master_keys import MasterKey, MasterKeyFault, MasterKeySource

PLACE = "access_keys/AKIA/secret"


@pytest.fixture
def source(tmp_path: Path) -> MasterKeySource:
    return MasterKeySource(tmp_path / "master.key")


def opened(database: Database, source: MasterKeySource, sealed: str) -> str:
    """Opens a secret as the next server does."""
    return data_keys.open_cipher(database.engine, source).open(sealed, PLACE)


def test_a_rotation_changes_the_key_and_no_secret(database: Database, source: MasterKeySource) -> None:
    sealed = database.secrets.seal("secret", PLACE)
    (before,) = source.read()
    new = data_keys.rotate(database.engine, source, shared=False)
    assert source.read() == [new]
    assert new != before
    assert opened(database, source, sealed) == "secret"
    assert database.secrets.open(sealed, PLACE) == "secret"  # a server that runs
    source.write([before])
    with pytest.raises(MasterKeyFault, match=f"master key {new.id}; the file .* contains {before.id}"):
        opened(database, source, sealed)


def test_rotations_at_once_lose_no_key(
    database: Database, source: MasterKeySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = database.secrets.seal("secret", PLACE)
    read = MasterKeySource.read

    def slowly(own: MasterKeySource) -> list[MasterKey]:
        found = read(own)
        time.sleep(0.05)  # the other one has read the same, if nothing keeps it
        return found

    monkeypatch.setattr(MasterKeySource, "read", slowly)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: data_keys.rotate(database.engine, source, shared=False), range(3)))
    assert opened(database, source, sealed) == "secret"
    assert len(source.read()) == 1


def test_the_former_key_of_other_servers_opens_until_all_have_the_new_one(
    database: Database, source: MasterKeySource, tmp_path: Path
) -> None:
    sealed = database.secrets.seal("secret", PLACE)
    other = MasterKeySource(tmp_path / "other.key")
    other.write(source.read())
    data_keys.rotate(database.engine, source, shared=True)
    assert [opened(database, one, sealed) for one in (source, other)] == ["secret"] * 2
    (gone,) = data_keys.finish(database.engine, source)
    assert gone == other.read()[0].id
    assert opened(database, source, sealed) == "secret"
    with pytest.raises(MasterKeyFault):
        opened(database, other, sealed)
    with pytest.raises(MasterKeyFault):
        data_keys.finish(database.engine, other)


def test_a_key_from_the_environment_is_replaced_by_one_in_a_file(
    database: Database, source: MasterKeySource, tmp_path: Path
) -> None:
    sealed = database.secrets.seal("secret", PLACE)
    given = replace(source, given=source.read()[0].text, kept=False)
    with pytest.raises(MasterKeyFault, match="The variable SAGEWRIGHT_MASTER_KEY can't be rewritten"):
        data_keys.rotate(database.engine, given, shared=False)
    to = MasterKeySource(tmp_path / "next.key")
    data_keys.rotate(database.engine, given, shared=False, to=to)
    assert [opened(database, one, sealed) for one in (given, to)] == ["secret"] * 2
    data_keys.finish(database.engine, to)
    with pytest.raises(MasterKeyFault):
        opened(database, given, sealed)


def test_a_missing_key_is_never_made_again(database: Database, source: MasterKeySource) -> None:
    database.secrets.seal("secret", PLACE)
    source.file.unlink()
    with pytest.raises(MasterKeyFault, match=r"master\.key does not exist.*SAGEWRIGHT_MASTER_KEY_FILE"):
        data_keys.open_cipher(database.engine, source)
    assert not source.file.exists()


def test_a_new_store_needs_the_file_that_somebody_named(database: Database, tmp_path: Path) -> None:
    named = MasterKeySource(tmp_path / "named.key", kept=False)
    with pytest.raises(MasterKeyFault, match=r"named\.key does not exist. Create one: head"):
        data_keys.open_cipher(database.engine, named)


@dataclass(frozen=True)
class DyingSource(MasterKeySource):
    """A file whose writer dies after a number of writes."""

    writes: int = 0

    def write(self, keys: Sequence[MasterKey]) -> None:
        if len(keys) == self.writes:
            raise KeyboardInterrupt
        MasterKeySource(self.file).write(keys)


@pytest.mark.parametrize("writes", [1, 2])
def test_after_each_step_a_key_of_the_file_opens_the_row(
    database: Database, source: MasterKeySource, writes: int
) -> None:
    """Two keys are written first, one last."""
    sealed = database.secrets.seal("secret", PLACE)
    with pytest.raises(KeyboardInterrupt):
        data_keys.rotate(database.engine, DyingSource(source.file, writes=writes), shared=False)
    assert opened(database, source, sealed) == "secret"
    data_keys.rotate(database.engine, source, shared=False)
    assert opened(database, source, sealed) == "secret"
    assert len(source.read()) == 1


@pytest.mark.parametrize("kills", [15])
def test_kills_at_any_moment(tmp_path: Path, kills: int) -> None:
    url, source = f"sqlite:///{tmp_path / 'store.sqlite'}", MasterKeySource(tmp_path / "master.key")
    database = Database(url)
    sealed = database.secrets.seal("secret", PLACE)
    seen, number = set(), 0
    while number < kills or (
        len(seen) <= kills / 2 and number < 20 * kills
    ):  # on a busy machine few rotations begin in time
        process = multiprocessing.get_context("fork").Process(target=_rotate, args=(url, source.file))
        process.start()
        time.sleep(0.03 + random.Random(number).random() * 0.05 * (1 + number // kills))
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        assert opened(database, source, sealed) == "secret"
        seen.add(source.read()[0])
        number += 1
    assert len(seen) > kills / 2
    database.close()


def _rotate(url: str, file: Path) -> None:
    database = Database(url)
    while True:
        data_keys.rotate(database.engine, MasterKeySource(file), shared=False)
