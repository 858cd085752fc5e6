"""Master keys from files, the environment and systemd's credentials."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sagewright.model.settings import load_settings
from sagewright.store.sealing.master_keys import (
    MasterKey,
    MasterKeyFault,
    MasterKeySource,
    master_key_source,
    new_master_key,
)

KEY = MasterKey(bytes(range(32)))


def source(tmp_path: Path, **given: str) -> MasterKeySource:
    return master_key_source(load_settings({"data": tmp_path, **given}, {}), {})


def test_a_file_of_the_data_directory_is_made_once_and_is_private(tmp_path: Path) -> None:
    own = source(tmp_path)
    assert own.read() == []
    with ThreadPoolExecutor(4) as pool:
        made = {tuple(keys) for keys in pool.map(lambda _: own.make(), range(4))}
    assert len(made) == 1
    assert [tuple(own.read())] == list(made)
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["master.key"]


@pytest.mark.parametrize("text", [KEY.text, KEY.secret.hex(), f"# a comment\n\n  {KEY.text}  \n"])
def test_forms_of_a_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    assert source(tmp_path, master_key_file=str(tmp_path / "key")).read() == [KEY]
    assert source(tmp_path, master_key=text).read() == [KEY]


def test_the_environment_comes_before_a_file_and_that_before_a_credential(tmp_path: Path) -> None:
    keys = [new_master_key() for _ in range(4)]
    (tmp_path / "credentials").mkdir()
    for name, key in zip(("master.key", "credentials/master.key", "named"), keys, strict=False):
        (tmp_path / name).write_text(key.text)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}

    def found(**given: str) -> MasterKeySource:
        return master_key_source(load_settings({"data": tmp_path, **given}, {}), environ)

    assert found().read() == [keys[1]]
    assert found(master_key_file=str(tmp_path / "named")).read() == [keys[2]]
    assert found(master_key_file=str(tmp_path / "named"), master_key=keys[3].text).read() == [keys[3]]
    assert not any(one.can_make for one in (found(), found(master_key_file="/x"), found(master_key=KEY.text)))
    assert keys[3].text not in repr(load_settings({"master_key": keys[3].text}, {}))


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "short", "zz" * 32, "A" * 44 + "!", base64.b64encode(bytes(31)).decode()]
)
def test_what_is_no_key_is_refused_without_being_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "master.key").write_text(text)
    with pytest.raises(MasterKeyFault) as raised:
        source(tmp_path).read()
    assert str(tmp_path / "master.key") in raised.value.message
    assert not text or text.startswith("#") or text not in raised.value.message


def test_an_unreadable_file_says_why(tmp_path: Path) -> None:
    (tmp_path / "master.key").mkdir()
    with pytest.raises(MasterKeyFault, match="Is a directory"):
        source(tmp_path).read()
