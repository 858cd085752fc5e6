"""TLS at the public port, by boto3, a browser's requests and strangers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, SSLError
from tests.teams import Team, allow, is_denied

from sagewright.model import titles
from sagewright.tls import door as tls_door
from sagewright.tls.certificates import self_signed
from sagewright.tls.door import DoorSettings, TlsDoor

if TYPE_CHECKING:
    from conftest import RunningServer

COMMAND = str(Path(sys.executable).parent / "sagewright")


@pytest.fixture(scope="module")
def secured(server_with: Callable[..., RunningServer]) -> RunningServer:
    return server_with(SAGEWRIGHT_TLS="self-signed", SAGEWRIGHT_MAX_CONNECTIONS_PER_ADDRESS="64")


def public(server: RunningServer) -> str:
    return (server.data / "public-endpoint").read_text().strip()


def client(server: RunningServer, service: str, verify: Any = None, attempts: int = 1) -> Any:
    access, secret = server.key()
    return boto3.client(
        service,
        endpoint_url=public(server),
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        verify=str(server.data / "ca.pem") if verify is None else verify,
        config=Config(retries={"max_attempts": attempts}, connect_timeout=5, read_timeout=30),
    )


def doors(server: RunningServer) -> list[titles.Running]:
    return [one for one in titles.running(server.data) if one.kind == titles.TLS_DOOR]


def door(server: RunningServer) -> psutil.Process:
    (found,) = doors(server)
    return psutil.Process(found.pid)


def test_boto3_works_and_bytes_arrive_whole(secured: RunningServer) -> None:
    assert public(secured).startswith("https://")
    s3 = client(secured, "s3")
    s3.create_bucket(Bucket="tls")
    body = os.urandom(12_000_000)
    s3.put_object(Bucket="tls", Key="large", Body=body)
    assert s3.get_object(Bucket="tls", Key="large")["Body"].read() == body
    for number in range(30):
        s3.put_object(Bucket="tls", Key=f"small/{number}", Body=b"x" * number)
    assert s3.list_objects_v2(Bucket="tls", Prefix="small/")["KeyCount"] == 30
    assert client(secured, "sagemaker").list_models()["Models"] == []


def test_a_stranger_to_the_authority_refuses(secured: RunningServer) -> None:
    with pytest.raises(SSLError):
        client(secured, "sagemaker", verify=True).list_models()


def test_the_client_is_known_behind_the_door(secured: RunningServer) -> None:
    admin = secured.boto("s3")
    admin.create_bucket(Bucket="addresses")
    admin.put_object(Bucket="addresses", Key="a", Body=b"1")
    admin.delete_public_access_block(Bucket="addresses")
    urls = f"{public(secured)}/addresses/a"
    context = ssl.create_default_context(cafile=secured.data / "ca.pem")

    def answers(condition: str) -> bool:
        policy = (
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",'
            f'"Resource":"arn:aws:s3:::addresses/*","Condition":{condition}}}]}}'
        )
        admin.put_bucket_policy(Bucket="addresses", Policy=policy)
        try:
            with urllib.request.urlopen(urls, context=context) as answer:
                return bool(answer.read() == b"1")
        except urllib.error.HTTPError as error:
            error.close()
            return False

    assert answers('{"IpAddress":{"aws:SourceIp":"127.0.0.1"}}')
    assert not answers('{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}')
    assert answers('{"Bool":{"aws:SecureTransport":"true"}}')


def test_a_person_works_with_the_folder_alone(server_with: Callable[..., RunningServer], tmp_path: Path) -> None:
    server = server_with(SAGEWRIGHT_TLS="self-signed")
    own = tmp_path / "ann"
    subprocess.run([COMMAND, "users", "create", "ann", "--data", str(server.data), "--to", str(own)], check=True)
    assert (own / "endpoint").read_text().startswith("https://")
    subprocess.run([COMMAND, "jobs", "list", "--data", str(own)], check=True)
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    done = subprocess.run(
        [COMMAND, "exec", "--data", str(own), "--", sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip().endswith("user/ann")


def test_studio_keeps_its_cookie_for_https(secured: RunningServer) -> None:
    access, secret = secured.key()
    form = f"key={access}&secret={secret}".encode()
    url = public(secured)
    request = urllib.request.Request(f"{url}/studio/sign-in", form, {"Origin": url})
    context = ssl.create_default_context(cafile=secured.data / "ca.pem")
    opener = urllib.request.build_opener(NoRedirect(), urllib.request.HTTPSHandler(context=context))
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(request)
    with caught.value as answer:
        assert answer.code == 303
        assert answer.headers["set-cookie"].startswith("__Host-")
        assert "Secure" in answer.headers["set-cookie"]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def raw(server: RunningServer) -> socket.socket:
    host, _, port = public(server).removeprefix("https://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20)


@pytest.fixture
def strangers(secured: RunningServer) -> Iterator[list[socket.socket]]:
    held: list[socket.socket] = []
    yield held
    for one in held:
        one.close()


def test_strangers_hold_nothing_up(secured: RunningServer, strangers: list[socket.socket]) -> None:
    for _ in range(150):
        strangers.append(raw(secured))
    strangers[0].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    strangers[1].sendall(os.urandom(4096))
    begin = time.monotonic()
    client(secured, "sagemaker").list_models()
    assert time.monotonic() - begin < 4
    deadline = time.monotonic() + 20
    strangers[2].settimeout(20)
    assert strangers[2].recv(64) == b""  # the time for a handshake is over
    assert time.monotonic() < deadline
    assert door(secured).memory_info().rss < 150 << 20


def test_one_address_has_a_limit(secured: RunningServer, strangers: list[socket.socket]) -> None:
    context = ssl.create_default_context(cafile=secured.data / "ca.pem")
    refused = 0
    for _ in range(80):
        made = context.wrap_socket(raw(secured), server_hostname="127.0.0.1")
        strangers.append(made)
        made.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            try:
                refused += made.recv(1) == b""
            except (ConnectionError, ssl.SSLError):
                refused += 1
    assert refused >= 10


def test_a_killed_door_opens_again_and_a_killed_server_comes_back(own_server: RunningServer) -> None:
    own_server.environ["SAGEWRIGHT_TLS"] = "self-signed"
    own_server.start()
    url = public(own_server)
    client(own_server, "s3").create_bucket(Bucket="kept")
    first = door(own_server)
    first.kill()
    until(lambda: answered(own_server))
    assert door(own_server).pid != first.pid
    own_server.end(signal.SIGKILL)
    assert not answered(own_server)  # the door waits for a server, and answers as the front does meanwhile
    own_server.start()
    assert public(own_server) == url
    until(lambda: answered(own_server))
    assert [one["Name"] for one in client(own_server, "s3").list_buckets()["Buckets"]] == ["kept"]
    until(lambda: len(doors(own_server)) == 1)  # the one of the killed server ends with its last connection
    own_server.end()
    until(lambda: not doors(own_server))


def test_a_door_without_a_directory_ends(server_class: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("gone") / "data"
    place.mkdir()
    server = server_class(place, {"SAGEWRIGHT_TLS": "self-signed"})
    server.start()
    left = door(server)
    server.end(signal.SIGKILL)
    shutil.rmtree(place)
    until(lambda: not left.is_running() or left.status() == psutil.STATUS_ZOMBIE)


def test_a_door_that_nobody_answers_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_door, "LOOK_S", 0.02)
    monkeypatch.setattr(tls_door, "ALONE_S", 0.1)
    made = self_signed(tmp_path / "tls", ["localhost"])
    with socket.create_server(("127.0.0.1", 0)) as front, socket.create_server(("127.0.0.1", 0)) as free:
        numbers = front.getsockname()[1], free.getsockname()[1]
        free.close()
        settings = DoorSettings(
            str(tmp_path), "127.0.0.1", numbers[1], str(made.certificate), str(made.key), numbers[0], 8, 8
        )

        async def runs(nobody: int) -> bool:
            watching = asyncio.create_task(TlsDoor(settings)._watch(nobody))
            _, left = await asyncio.wait([watching], timeout=0.6)
            watching.cancel()
            return bool(left)

        assert asyncio.run(runs(os.getppid()))  # its server lives
        assert asyncio.run(runs(0))  # a front answers
        front.close()
        assert not asyncio.run(runs(0))


def answered(server: RunningServer) -> bool:
    try:
        client(server, "s3").list_buckets()
    except (ClientError, EndpointConnectionError, OSError, SSLError):
        return False
    except Exception as error:
        assert type(error).__module__.startswith("botocore"), error
        return False
    return True


def until(holds: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_certificate_of_ones_own_is_renewed_while_it_runs(own_server: RunningServer, tmp_path: Path) -> None:
    made = self_signed(tmp_path / "own", ["localhost", "127.0.0.1"])
    own_server.environ |= {"SAGEWRIGHT_TLS_CERT": str(made.certificate), "SAGEWRIGHT_TLS_KEY": str(made.key)}
    own_server.start()
    assert not (own_server.data / "ca.pem").exists()
    verify = str(tmp_path / "own" / "ca.pem")
    client(own_server, "s3", verify).list_buckets()
    before = shown(own_server)
    made.certificate.unlink()
    self_signed(tmp_path / "own", ["localhost", "127.0.0.1"])
    door(own_server).send_signal(signal.SIGHUP)
    until(lambda: shown(own_server) != before)
    client(own_server, "s3", verify).list_buckets()


def shown(server: RunningServer) -> str:
    host, _, port = public(server).removeprefix("https://").rpartition(":")
    return ssl.get_server_certificate((host, int(port)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "--tls self-signed"),
        (["--tls-cert", "/nowhere.pem"], "belong together"),
        (["--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.key"], "can't be used"),
        (["--tls", "maybe"], "self-signed"),
    ],
)
def test_what_can_not_be_kept_is_refused(tmp_path: Path, options: list[str], words: str) -> None:
    command = [COMMAND, "up", "--data", str(tmp_path / "data"), "--port", "0", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_beyond_loopback_policies_count(server_with: Callable[..., RunningServer]) -> None:
    server = server_with(SAGEWRIGHT_TLS="self-signed", SAGEWRIGHT_HOST="0.0.0.0")
    team = Team(server)
    made = team.server.boto("sts").assume_role(
        RoleArn="arn:aws:iam::000000000000:role/SageMakerExecutionRole", RoleSessionName="work"
    )["Credentials"]
    session = team.server.boto(
        "iam",
        aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"],
        aws_session_token=made["SessionToken"],
    )
    assert is_denied(session.list_users)
    assert is_denied(team.person(allow("s3:*")).boto("sagemaker").list_models)
