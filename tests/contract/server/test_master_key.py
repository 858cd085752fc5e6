"""Secrets at rest: no file of the store holds one; the master key can be replaced, moved, and left out of backups."""

from __future__ import annotations

import base64
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from sagewright.store.migrate import MIGRATIONS

if TYPE_CHECKING:
    from conftest import Postgres, RunningServer

COMMAND = str(Path(sys.executable).parent / "sagewright")
EARLIER = "0021"
"""The schema of 0.2, which kept secrets in clear."""


def run(*words: str, data: Path, status: int = 0, **environ: str) -> str:
    done = subprocess.run(
        [COMMAND, *words, "--data", str(data)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environ},
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def store_bytes(data: Path) -> bytes:
    return b"".join(one.read_bytes() for one in data.glob("store.sqlite*"))


def signs(server: RunningServer, key: dict[str, Any]) -> str:
    """Returns the ARN as which a key signs."""
    client = boto3.client(
        "sts",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key.get("SessionToken"),
    )
    return str(client.get_caller_identity()["Arn"])


def restart(server: RunningServer) -> None:
    server.end()
    server.start()


@pytest.fixture
def running(own_server: RunningServer) -> RunningServer:
    own_server.start()
    return own_server


def test_a_thief_of_the_store_gets_no_secret_and_a_rotation_stops_nothing(running: RunningServer) -> None:
    iam, kms = running.boto("iam"), running.boto("kms")
    iam.create_user(UserName="ann")
    keys = [iam.create_access_key(UserName="ann")["AccessKey"]]
    keys.append(running.boto("sts").assume_role(RoleArn=ROLE, RoleSessionName="short")["Credentials"])
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"plain")["CiphertextBlob"]
    auth = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "the secret of a connection"}}
    running.boto("events").create_connection(Name="hook", AuthorizationType="API_KEY", AuthParameters=auth)
    secrets = [running.key()[1], "the secret of a connection"]
    secrets += [one[name] for one in keys for name in ("SecretAccessKey", "SessionToken") if name in one]
    held = store_bytes(running.data)
    assert key_id.encode() in held
    assert not [one for one in secrets if one.encode() in held]

    before = (running.data / "master.key").read_text()
    assert "The master key" in run("keys", "rotate-master", data=running.data)
    after = (running.data / "master.key").read_text()
    assert before != after
    assert len(after.splitlines()) == 2  # a comment, and the key
    for _ in range(2):
        assert signs(running, keys[0]).endswith(":user/ann")
        assert "/short" in signs(running, keys[1])
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"plain"
        assert running.boto("events").describe_connection(Name="hook")["AuthParameters"]
        restart(running)
        kms = running.boto("kms")
    (running.data / "master.key").write_text(before)
    running.end()
    said = run("up", "--port", "0", data=running.data, status=1)
    assert "sealed with the master key" in said
    assert f"the file {running.data / 'master.key'} contains" in said
    (running.data / "master.key").unlink()
    said = run("up", "--port", "0", data=running.data, status=1)
    assert "SAGEWRIGHT_MASTER_KEY_FILE" in said
    assert len(said.splitlines()) == 1
    assert before.splitlines()[-1] not in said


ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"


def test_the_key_moves_to_the_environment_or_a_credential(
    running: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    user = running.key()
    to = tmp_path_factory.mktemp("credentials") / "master.key"
    assert "--finish" in run("keys", "rotate-master", "--to", str(to), data=running.data)
    restart(running)  # the former key still opens
    running.end()
    (running.data / "master.key").unlink()
    running.environ["CREDENTIALS_DIRECTORY"] = str(to.parent)
    running.start()
    assert "locked out" in run(
        "keys", "rotate-master", "--finish", data=running.data, CREDENTIALS_DIRECTORY=str(to.parent)
    )
    running.end()
    del running.environ["CREDENTIALS_DIRECTORY"]
    running.environ["SAGEWRIGHT_MASTER_KEY"] = to.read_text().splitlines()[-1]
    running.start()
    assert running.key() == user
    assert not (running.data / "master.key").exists()
    running.run_shell("job", "env; cat /proc/*/environ | tr '\\0' '\\n'")
    running.wait("job")
    assert not [line for line in running.lines("job") if running.environ["SAGEWRIGHT_MASTER_KEY"] in line]


def test_a_backup_without_the_key_names_it_and_waits_for_it(
    running: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path = tmp_path_factory.mktemp("backups")
    folder, user = tmp_path / "backups", running.key()
    said = run("backup", str(folder), "--without-master-key", data=running.data)
    assert "is not in it" in said
    text_of_all = [one.read_bytes() for one in folder.rglob("*") if one.is_file()]
    master = (running.data / "master.key").read_text().splitlines()[-1]
    assert not [one for one in text_of_all if master.encode() in one or user[1].encode() in one]
    time.sleep(1.1)  # the names of backups are seconds
    run("backup", str(folder), data=running.data)
    first, second = run("backup", str(folder), "--list", "-o", "name", data=running.data).split()
    assert "needs the master key" in run("restore", str(folder), "--at", stamped(first), data=tmp_path / "without")
    assert "needs" not in run("restore", str(folder), "--at", stamped(second), data=tmp_path / "with")
    said = run("up", "--port", "0", data=tmp_path / "without", status=1)
    assert "Put the key there" in said
    (tmp_path / "without" / "master.key").write_text(master)
    for name in ("without", "with"):
        restored = type(running)(tmp_path / name)
        restored.start()
        assert restored.key() == user
        assert restored.boto("sts").get_caller_identity()
        restored.kill_everything()


def stamped(name: str) -> str:
    return f"{name[:4]}-{name[4:6]}-{name[6:11]}:{name[11:13]}:{name[13:]}"


def test_a_store_of_the_release_before_is_sealed_at_the_first_start(own_server: RunningServer) -> None:
    path, secret = own_server.data / "store.sqlite", base64.b64encode(os.urandom(30)).decode()
    url = f"sqlite:///{path}"
    engine, config = create_engine(url), Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    command.upgrade(config, EARLIER)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO access_keys (id, secret, principal_arn, user_id, created_ms) "
                "VALUES ('AKIAEARLIER000000000', :secret, :arn, 'u', 1)"
            ),
            {"secret": secret, "arn": "arn:aws:sts::000000000000:assumed-role/SageMakerExecutionRole/admin"},
        )
    engine.dispose()
    own_server.start()
    assert own_server.key() == ("AKIAEARLIER000000000", secret)
    assert own_server.boto("sts").get_caller_identity()
    with sqlite3.connect(path) as store:
        (held,) = store.execute("SELECT secret FROM access_keys WHERE id = 'AKIAEARLIER000000000'").fetchone()
    assert held.startswith("sealed:1:")
    assert secret.encode() not in store_bytes(own_server.data)


def test_servers_of_one_database_go_on_through_a_rotation(
    postgres: Postgres, server_class: type[RunningServer], tmp_path_factory: pytest.TempPathFactory
) -> None:
    url, one = postgres.new_store(), tmp_path_factory.mktemp("one")
    first = server_class(one, {"SAGEWRIGHT_DATABASE": url})
    first.start()
    place = tmp_path_factory.mktemp("other")
    said = run("up", "--port", "0", data=place, status=1, SAGEWRIGHT_DATABASE=url)
    assert "sealed with the master key" in said
    (place / "master.key").write_bytes((one / "master.key").read_bytes())
    other = server_class(place, {"SAGEWRIGHT_DATABASE": url})
    other.start()
    try:
        assert "--finish" in run("keys", "rotate-master", data=one, SAGEWRIGHT_DATABASE=url)
        for server in (first, other):
            assert server.boto("sts").get_caller_identity()
            restart(server)
            assert server.boto("sts").get_caller_identity()
        (place / "master.key").write_bytes((one / "master.key").read_bytes())
        run("keys", "rotate-master", "--finish", data=place, SAGEWRIGHT_DATABASE=url)
        restart(other)
        assert other.key() == first.key()
    finally:
        for server in (first, other):
            server.kill_everything()
    postgres.give_back(url)
