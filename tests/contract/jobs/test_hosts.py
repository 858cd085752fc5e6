"""Jobs of several hosts: names, a network of their own, its isolation, instance groups, and that nothing of it is left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

TWO = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
own_network = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("ip", "nft", "nsenter"))),
    reason="the hosts have no network of their own here",
)
TALK = """
import fcntl, json, os, socket, struct, time
hosts = json.load(open("/opt/ml/input/config/resourceconfig.json"))
me = hosts["current_host"]
server = socket.create_server(("0.0.0.0", 22))
for other in hosts["hosts"]:
    for _ in range(300):
        try:
            socket.create_connection((other, 22), timeout=5).close()
            print("reached", other, "from", me, flush=True)
            break
        except OSError:
            time.sleep(0.1)
for _ in hosts["hosts"]:
    server.accept()
print("interface", hosts["network_interface_name"], socket.gethostname())
asked = fcntl.ioctl(server, 0x8921, struct.pack("16si", b"eth0", 0))  # SIOCGIFMTU
print("bytes of a packet:", struct.unpack("16si", asked)[1])
"""


def run_python(server: RunningServer, job: str, program: str, **changes: Any) -> None:
    """A job of two hosts that runs the program."""
    s3 = server.boto("s3")
    s3.create_bucket(Bucket=job.lower())
    s3.put_object(Bucket=job.lower(), Key="code/program.py", Body=program.encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{job.lower()}/code/"}
    channels = [{"ChannelName": "code", "DataSource": {"S3DataSource": source}}]
    show = "python3 /opt/ml/input/data/code/program.py; c=$?; sleep 1; exit $c"
    server.run_shell(job, show, **{"InputDataConfig": channels, "ResourceConfig": TWO, **changes})


def namespaces() -> set[str]:
    """All network namespaces that a process of this machine is in or holds open."""
    found = set()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                links = [process / "ns" / "net", *(process / "fd").iterdir()]
                found |= {link for path in links if (link := str(path.readlink())).startswith("net:[")}
            except OSError:
                continue
    return found


def links() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir()}


@own_network
def test_hosts_have_the_same_ports_and_find_each_other_by_name(server: RunningServer, job_name: str) -> None:
    run_python(server, job_name, TALK)
    job = server.wait(job_name)
    lines = server.lines(job_name)
    assert job["TrainingJobStatus"] == "Completed", lines
    for one in ("algo-1", "algo-2"):
        for other in ("algo-1", "algo-2"):
            assert f"reached {other} from {one}" in lines
        assert f"interface eth0 {one}" in lines
    assert lines.count("bytes of a packet: 65535") == 2


@own_network
def test_hosts_reach_the_server_and_the_outside_as_one_host_does(server: RunningServer, job_name: str) -> None:
    program = """
import os, socket, urllib.request, urllib.error
try:
    urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_sagewright/nothing-here", timeout=20)
except urllib.error.HTTPError as answer:
    print("server answers", answer.code >= 400)
listener = os.environ["OUTSIDE"].split(":")
connection = socket.create_connection((listener[0], int(listener[1])), timeout=20)
connection.sendall(b"x" * 3_000_000)
connection.shutdown(socket.SHUT_WR)
print("outside got", connection.recv(100).decode())
"""
    import socket
    import threading

    address = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split()[0]
    with socket.create_server((address, 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _peer = listener.accept()
                with connection:
                    total = 0
                    while chunk := connection.recv(1 << 16):
                        total += len(chunk)
                    connection.sendall(str(total).encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        outside = {"OUTSIDE": f"{address}:{listener.getsockname()[1]}"}
        run_python(server, job_name, program, Environment=outside)
        job = server.wait(job_name)
    lines = server.lines(job_name)
    assert job["TrainingJobStatus"] == "Completed", lines
    assert lines.count("server answers True") == 2
    assert lines.count("outside got 3000000") == 2


@own_network
def test_isolated_hosts_reach_each_other_and_nothing_else(server: RunningServer, job_name: str) -> None:
    leaks = f"""
for place in (("127.0.0.1", {server.endpoint.rpartition(":")[2]}), ("192.0.2.1", 53), ("192.0.2.77", 80)):
    try:
        socket.create_connection(place, timeout=1)
        print("leak")
    except OSError as error:
        print("closed", place[1])
"""
    run_python(server, job_name, TALK + leaks, EnableNetworkIsolation=True)
    job = server.wait(job_name)
    lines = server.lines(job_name)
    assert job["TrainingJobStatus"] == "Completed", lines
    assert "reached algo-2 from algo-1" in lines
    assert "leak" not in lines
    assert lines.count("closed 80") == 2


def test_shared_network_is_declared(own_server: RunningServer, job_name: str) -> None:
    own_server.environ["SAGEWRIGHT_HOST_NETWORK"] = "shared"
    own_server.start()
    own_server.run_shell(
        job_name, "getent hosts algo-1 algo-2; cat /opt/ml/input/config/resourceconfig.json", ResourceConfig=TWO
    )
    assert own_server.wait(job_name)["TrainingJobStatus"] == "Completed"
    lines = own_server.lines(job_name)
    assert lines.count("The hosts share this machine's network: the setting host_network says so.") == 2
    assert any('"network_interface_name": "lo"' in line for line in lines)
    assert any(line.startswith("127.") and line.endswith("algo-2") for line in lines)


REACH = """
import os, socket, urllib.error, urllib.request
for place in {places}:
    try:
        with socket.create_connection(place, timeout=5) as connection:
            connection.sendall(b"x")
            connection.recv(1)  # accepted here, and refused by the other end
        print("leak", place)
    except TimeoutError:
        print("leak", place)
    except OSError as error:
        print("closed", place)
try:
    urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"], timeout=10)
except urllib.error.HTTPError as error:
    print("the server answers", error.code)
"""


@own_network
def test_with_a_network_of_its_own_a_job_reaches_no_service_of_the_machine(
    own_server: RunningServer, job_name: str
) -> None:
    """But the server: not by loopback, not by the machine's other addresses, and nothing that only the machine receives."""
    own_server.environ["SAGEWRIGHT_HOST_NETWORK"] = "own"
    own_server.start()
    machine = [
        one.address
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
        if one.family == socket.AF_INET and not one.address.startswith("127.")
    ]
    with socket.create_server(("0.0.0.0", 0)) as service:
        port = service.getsockname()[1]
        places = [(address, port) for address in ("127.0.0.1", "127.0.0.5", "0.0.0.0", *machine)]
        places.append(("169.254.169.254", 80))
        one = TWO | {"InstanceCount": 1}
        run_python(own_server, job_name, REACH.format(places=places), ResourceConfig=one)
        job = own_server.wait(job_name)
    lines = own_server.lines(job_name)
    assert job["TrainingJobStatus"] == "Completed", lines
    assert not [line for line in lines if line.startswith("leak")]
    assert sum(line.startswith("closed") for line in lines) == len(places)
    assert any(line.startswith("the server answers 4") for line in lines)


def test_instance_groups(server: RunningServer, job_name: str) -> None:
    groups = [
        {"InstanceGroupName": "front", "InstanceType": "ml.m5.large", "InstanceCount": 1},
        {"InstanceGroupName": "back", "InstanceType": "ml.m5.xlarge", "InstanceCount": 2},
    ]
    server.run_shell(
        job_name,
        "cat /opt/ml/input/config/resourceconfig.json",
        ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 1},
    )
    assert server.wait(job_name)["TrainingJobStatus"] == "Completed"
    shown = [json.loads(line) for line in server.lines(job_name) if line.startswith("{")]
    seen = {config["current_host"]: config for config in shown}
    own = [(name, seen[name]["current_group_name"], seen[name]["current_instance_type"]) for name in sorted(seen)]
    assert own == [("algo-1", "front", "ml.m5.large"), *((f"algo-{i}", "back", "ml.m5.xlarge") for i in (2, 3))]
    assert seen["algo-3"]["hosts"] == ["algo-1", "algo-2", "algo-3"]
    assert seen["algo-3"]["instance_groups"] == [
        {"instance_group_name": "front", "instance_type": "ml.m5.large", "hosts": ["algo-1"]},
        {"instance_group_name": "back", "instance_type": "ml.m5.xlarge", "hosts": ["algo-2", "algo-3"]},
    ]


def test_one_host_fails_the_job_with_its_name(server: RunningServer, job_name: str) -> None:
    shell = "[ $(hostname) = algo-1 ] && sleep 60; echo the disk is on fire > /opt/ml/output/failure; exit 3"
    server.run_shell(job_name, shell, ResourceConfig=TWO)
    job = server.wait(job_name, timeout_s=50)
    assert job["TrainingJobStatus"] == "Failed"
    assert "algo-2" in job["FailureReason"]
    assert "the disk is on fire" in job["FailureReason"]


@own_network
@pytest.mark.alone
@pytest.mark.parametrize("victim", ["agent", "server"])
def test_nothing_is_left_of_a_network(own_server: RunningServer, job_name: str, victim: str) -> None:
    before, interfaces = namespaces(), links()
    own_server.start()
    own_server.run_shell(job_name, "echo up; sleep 100", ResourceConfig=TWO)
    own_server.when_logged(job_name, "up")
    assert len(namespaces() - before) >= 3  # the switch and two hosts
    assert links() == interfaces  # nothing is added to the machine's own network
    agents = own_server.agents()
    if victim == "server":
        own_server.end(signal.SIGKILL)
        assert len(own_server.agents()) == 2
        own_server.start()
        own_server.boto("sagemaker").stop_training_job(TrainingJobName=job_name)
    else:
        os.kill(agents[0], signal.SIGKILL)
    assert own_server.wait(job_name)["TrainingJobStatus"] in {"Stopped", "Failed"}
    until = time.monotonic() + 20
    while left := (namespaces() - before):
        assert time.monotonic() < until, left
        time.sleep(0.1)
    assert links() == interfaces
