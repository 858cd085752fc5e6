"""Requests that would have something of theirs run, unpacked or read outside of the sandbox, through a real server."""

from __future__ import annotations

import io
import os
import re
import shutil
import socket
import tarfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

CODE = "code"
SECRET = "the-secret-of-the-machine"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of the machine that anybody may write, and that no job sees; with a file that has a secret."""
    place = tmp_path_factory.mktemp("outside")
    place.chmod(0o777)
    (place / "secret").write_text(SECRET)
    return place


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index that pip on this machine uses."""
    return tmp_path_factory.mktemp("links")


@pytest.fixture(scope="module")
def server(server_with: Callable[..., RunningServer], outside: Path, links: Path) -> Iterator[RunningServer]:
    (outside / "shared").mkdir()
    running = server_with(
        PIP_FIND_LINKS=str(links), SAGEWRIGHT_FILE_SYSTEMS=f"fs-0123456789abcdef0={outside / 'shared'}"
    )
    running.boto("s3").create_bucket(Bucket=CODE)
    yield running
    left = sorted(entry.name for entry in outside.iterdir())
    assert left == ["secret", "shared"], "something of a job's was made outside"


def archive(*members: tuple[tarfile.TarInfo, bytes] | tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for member, data in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info, b""


def run_code(server: RunningServer, job: str, code: bytes, **changes: Any) -> dict[str, Any]:
    """A job in script mode with an archive of code, at its end."""
    server.boto("s3").put_object(Bucket=CODE, Key=f"{job}.tar.gz", Body=code)
    parameters = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{CODE}/{job}.tar.gz"}
    specification = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
    server.run_shell(job, "", **{"HyperParameters": parameters, "AlgorithmSpecification": specification, **changes})
    return server.wait(job, 200)


def told(server: RunningServer, job: dict[str, Any]) -> str:
    """All that anybody learns of a job."""
    return "\n".join([str(job.get("FailureReason")), *server.lines(job["TrainingJobName"])])


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "environment",
    [
        {"LD_DEBUG": "all", "LD_DEBUG_OUTPUT": "{outside}/loader"},
        {"LD_PRELOAD": "{outside}/preload.so", "LD_LIBRARY_PATH": "{outside}", "LD_AUDIT": "{outside}/audit.so"},
        {"BASH_ENV": "{outside}/run", "ENV": "{outside}/run", "PROMPT_COMMAND": "touch {outside}/prompt"},
        {"PYTHONPATH": "{outside}", "PYTHONSTARTUP": "{outside}/run", "PYTHONPYCACHEPREFIX": "{outside}/cache"},
        {"GCONV_PATH": "{outside}", "MALLOC_TRACE": "{outside}/trace", "TMPDIR": "{outside}", "HOME": "{outside}"},
        {"PATH": "{outside}", "SHELL": "{outside}/run", "IFS": "/", "SAGEWRIGHT_ML_ROOT": "{outside}"},
    ],
    ids=["loader", "libraries", "shells", "python", "libc", "places"],
)
def test_variables_of_the_request_reach_nothing_outside(
    server: RunningServer, outside: Path, job_name: str, environment: dict[str, str]
) -> None:
    given = {name: value.format(outside=outside) for name, value in environment.items()}
    server.run_shell(job_name, "/bin/echo ran", Environment=given)
    server.wait(job_name)

    assert sorted(entry.name for entry in outside.iterdir()) == ["secret", "shared"]


def test_a_nul_makes_no_options_of_the_launcher(server: RunningServer, outside: Path, job_name: str) -> None:
    """Where options are divided by NUL."""
    server.run_shell(job_name, f"cat {outside}/secret", Environment={"A": f"x\0--ro-bind\0{outside}\0{outside}"})
    job = server.wait(job_name)

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: A NUL character cannot be part of")
    assert SECRET not in told(server, job)


def long_way_out(outside: Path) -> bytes:
    """CVE-2025-4517: links whose real path is longer than PATH_MAX, after which a path is no longer resolved."""
    step, members, path = "d" * 247, [], ""
    for letter in "abcdefghijklmnop":
        members.append(special(f"{path}{step}", tarfile.DIRTYPE, mode=0o755))
        members.append(special(f"{path}{letter}", tarfile.SYMTYPE, step))
        path += f"{step}/"
    link = "/".join("abcdefghijklmnop") + "/" + "l" * 254
    members.append(special(link, tarfile.SYMTYPE, "../" * 16))
    members.append(special("escape", tarfile.SYMTYPE, f"{link}/../../../../../../../..{outside}"))
    members.append(special("stolen", tarfile.LNKTYPE, "escape/secret"))
    return archive(*members, ("escape/written", b"x"), ("train.py", b"print(open('stolen').read())"))


ARCHIVES: dict[str, Callable[[Path], bytes]] = {
    "a path that leads up": lambda _: archive(("../../../../../../../tmp/sagewright-up", b"x"), ("train.py", b"")),
    "an absolute path": lambda outside: archive((f"{outside}/absolute", b"x"), ("train.py", b"")),
    "a link out, and a file through it": lambda outside: archive(
        special("way", tarfile.SYMTYPE, str(outside)), ("way/through", b"x"), ("train.py", b"")
    ),
    "a link as the program": lambda outside: archive(special("train.py", tarfile.SYMTYPE, f"{outside}/secret")),
    "a hard link as the program": lambda outside: archive(special("train.py", tarfile.LNKTYPE, f"{outside}/secret")),
    "a link as the requirements": lambda outside: archive(
        ("train.py", b""), special("requirements.txt", tarfile.SYMTYPE, f"{outside}/secret")
    ),
    "a FIFO as the program": lambda _: archive(special("train.py", tarfile.FIFOTYPE)),
    "a FIFO as the requirements": lambda _: archive(("train.py", b""), special("requirements.txt", tarfile.FIFOTYPE)),
    "a device": lambda _: archive(special("train.py", tarfile.CHRTYPE), ("other.py", b"")),
    "more than the volume holds": lambda _: archive(
        ("train.py", b"import time; time.sleep(100)"), *((f"{n}.bin", bytes(1 << 26)) for n in range(18))
    ),
    "a long way out": long_way_out,
    "no archive": lambda _: b"\x1f\x8b" + os.urandom(1000),
    "half of an archive": lambda _: archive(("train.py", b"print(1)" * 10_000))[:-20],
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_of_code_reach_nothing_outside(server: RunningServer, outside: Path, job_name: str, name: str) -> None:
    job = run_code(server, job_name, ARCHIVES[name](outside))

    if name != "an absolute path":  # it is taken as a relative one
        assert job["TrainingJobStatus"] == "Failed"
        assert job["FailureReason"].startswith(("ClientError: ", "AlgorithmError: "))
    assert SECRET not in told(server, job)
    assert sorted(entry.name for entry in outside.iterdir()) == ["secret", "shared"]
    assert not Path("/tmp/sagewright-up").exists()


BACKEND = """
import os, socket, zipfile
def reaches(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
            connection.sendall(b"x")
            connection.recv(1)
    except TimeoutError:
        return True
    except OSError:
        return False
    return True
def build_wheel(directory, settings=None, metadata=None):
    for path in ({marker!r}, "/etc/sagewright-built", "/root/.built"):
        try: open(path, "w").write("x")
        except OSError: pass
    said = open("/proc/self/uid_map").read().split()[1], [name for name in os.environ if "AWS" in name or "TOKEN" in name]
    try: said += (open({secret!r}).read(),)
    except OSError: pass
    name = "sagewright_hostile-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.writestr("sagewright_hostile.py", f"said = {{said!r}}; reached = {{reaches({port})}}")
        info = "sagewright_hostile-1.0.dist-info"
        wheel.writestr(f"{{info}}/METADATA", "Metadata-Version: 2.1\\nName: sagewright-hostile\\nVersion: 1.0\\n")
        wheel.writestr(f"{{info}}/WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{{info}}/RECORD", "")
    return name
"""


def source_distribution(links: Path, outside: Path, port: int = 1) -> None:
    """A package that runs code of its author's while it is built."""
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    project += '[project]\nname = "sagewright-hostile"\nversion = "1.0"\n'
    backend = BACKEND.format(marker=str(outside / "built"), secret=str(outside / "secret"), port=port)
    top = "sagewright_hostile-1.0"
    info = "Metadata-Version: 2.1\nName: sagewright-hostile\nVersion: 1.0\n"
    files = {"pyproject.toml": project, "backend.py": backend, "PKG-INFO": info}
    content = archive(*((f"{top}/{name}", text.encode()) for name, text in files.items()))
    (links / f"{top}.tar.gz").write_bytes(content)


def test_a_package_is_built_in_a_sandbox_and_kept(
    server: RunningServer, outside: Path, links: Path, job_name: str
) -> None:
    source_distribution(links, outside)
    comment = f"# {uuid.uuid4()}\n".encode()  # no layer of an earlier run
    script = (
        b"import pathlib, sagewright_hostile as h; print('built as', h.said)\n"
        b"pathlib.Path(h.__file__).write_text('said = 0'); print('spoilt')\n"
    )
    wanted = b"sagewright-hostile == 1.0 ; python_version > '3." + str(uuid.uuid4().int % 9).encode() + b"'\n" + comment
    code = archive(("train.py", script), ("requirements.txt", wanted))
    first = run_code(server, job_name, code)
    assert first["TrainingJobStatus"] == "Completed", told(server, first)
    again = run_code(server, f"{job_name[:50]}-again", code)
    assert again["TrainingJobStatus"] == "Completed", told(server, again)
    for job in (first, again):
        (said,) = re.findall(r"built as \('(\d+)', \[\]\)", told(server, job))
        assert os.geteuid() != 0 or int(said) != 0
        assert "spoilt" in told(server, job)
    assert "Preparing the environment" not in told(server, again)


@pytest.mark.skipif(os.geteuid() != 0 or not all(map(shutil.which, ("ip", "nft"))), reason="no network of its own here")
def test_a_package_is_built_in_the_jobs_network(
    own_server: RunningServer, outside: Path, tmp_path: Path, job_name: str
) -> None:
    """With a network of its own it reaches no service of the machine, as the job doesn't."""
    links = tmp_path / "links"
    links.mkdir()
    own_server.environ |= {"SAGEWRIGHT_HOST_NETWORK": "own", "PIP_FIND_LINKS": str(links)}
    own_server.start()
    own_server.boto("s3").create_bucket(Bucket=CODE)
    wanted = f"sagewright-hostile==1.0 ; python_version > '3.{uuid.uuid4().int % 9}'\n".encode()
    with socket.create_server(("127.0.0.1", 0)) as service:
        source_distribution(links, outside, service.getsockname()[1])
        script = b"import sagewright_hostile as h; print('reached', h.reached)"
        job = run_code(own_server, job_name, archive(("train.py", script), ("requirements.txt", wanted)))
    assert job["TrainingJobStatus"] == "Completed", told(own_server, job)
    assert "reached False" in told(own_server, job)


def test_a_pipe_is_read_after_requirements_were_installed(
    server: RunningServer, outside: Path, links: Path, job_name: str
) -> None:
    """The process starts twice, the pipe is filled once."""
    source_distribution(links, outside)
    server.boto("s3").put_object(Bucket=CODE, Key=f"{job_name}/data", Body=b"through the pipe")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{CODE}/{job_name}/"}}
    channel = {"ChannelName": "p", "InputMode": "Pipe", "DataSource": source}
    script = b"import sagewright_hostile; print('read', open('/opt/ml/input/data/p_0').read())"
    wanted = f"sagewright-hostile==1.0\n# {uuid.uuid4()}\n".encode()
    job = run_code(
        server, job_name, archive(("train.py", script), ("requirements.txt", wanted)), InputDataConfig=[channel]
    )

    assert job["TrainingJobStatus"] == "Completed", told(server, job)
    assert "read through the pipe" in told(server, job)


def test_requirements_that_are_too_many_are_installed_inside(server: RunningServer, job_name: str) -> None:
    code = archive(("train.py", b"print('ran')"), ("requirements.txt", b"# a comment\n" * 30_000))
    job = run_code(server, job_name, code)

    assert job["TrainingJobStatus"] == "Completed", told(server, job)
    assert "ran" in told(server, job)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "line",
    [
        "-r {outside}/secret",
        "thing @ file://{outside}/secret",
        "-e {outside}",
        "--index-url file://{outside}\nsix==99",
        "../secret",
    ],
)
def test_requirements_that_name_files_of_the_machine(
    server: RunningServer, outside: Path, job_name: str, line: str
) -> None:
    code = archive(("train.py", b"print('ran')"), ("requirements.txt", line.format(outside=outside).encode()))
    job = run_code(server, job_name, code)

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: InstallRequirementsError")
    assert SECRET not in told(server, job)


def test_every_user_inside_works(server: RunningServer, job_name: str) -> None:
    """SDK v3 unpacks a local source_dir by `tar xzf`, whatever users its files belong to."""
    script = r"""
import os, subprocess
shell = '''set -e
cd /tmp; mkdir from to; echo x > from/a; tar czf a.tar.gz --owner=1234 --group=4321 from
tar xzf a.tar.gz -C to; stat -c 'unpacked %u:%g' to/from/a
chown 65534:65534 to/from/a; stat -c 'given %u:%g' to/from/a
'''
subprocess.run(["bash", "-c", shell], check=True)
os.setgid(1000); os.setuid(1000)
print("became", os.getuid(), os.listdir("/opt/ml") != [])
"""
    job = run_code(server, job_name, archive(("train.py", script.encode())))
    lines = told(server, job)

    assert job["TrainingJobStatus"] == "Completed", lines
    whole = ["unpacked 1234:4321", "given 65534:65534", "became 1000 True"]
    assert os.geteuid() != 0 or all(line in lines for line in whole)


def test_two_jobs_have_different_users(server: RunningServer, job_name: str) -> None:
    names = [f"{job_name[:50]}-{number}" for number in (1, 2)]
    for name in names:
        server.run_shell(name, "cat /proc/self/uid_map; sleep 5")
    for name in names:
        server.when_logged(name, "65536" if os.geteuid() == 0 else "0 ")
    maps = [re.findall(r"^\s*0\s+(\d+)\s+\d+$", "\n".join(server.lines(name)), re.MULTILINE)[0] for name in names]
    assert os.geteuid() != 0 or len(set(maps)) == 2
    assert os.geteuid() != 0 or all(0x7000_0000 <= int(first) < 0x7FFE_0000 for first in maps)


def test_no_set_user_id_programs_on_a_file_system(server: RunningServer, outside: Path, job_name: str) -> None:
    """A job's root writes to a file system as its owner would, but can't leave a program there that makes others root."""
    source = {"FileSystemId": "fs-0123456789abcdef0", "FileSystemType": "EFS", "DirectoryPath": "/"}
    channel = {"ChannelName": "shared", "DataSource": {"FileSystemDataSource": source | {"FileSystemAccessMode": "rw"}}}
    script = (
        "cd /opt/ml/input/data/shared; cp /bin/true program; chmod u+s program; chmod 4755 program; chmod g+s program; "
        "python -c \"import os; os.open('made', os.O_CREAT | os.O_WRONLY, 0o4755)\"; install -m 4755 program copy; echo end"
    )
    vpc = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    server.run_shell(job_name, script, InputDataConfig=[channel], VpcConfig=vpc)
    job = server.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed", told(server, job)
    files = list((outside / "shared").iterdir())
    assert (outside / "shared" / "program") in files
    assert [file.name for file in files if file.stat().st_mode & 0o6000] == []


@pytest.mark.parametrize("path", ["/way", "/way/x", "/../outside0", "/a/../../"])
def test_no_way_out_of_a_file_system(server: RunningServer, outside: Path, job_name: str, path: str) -> None:
    """A job that may write to a file system puts a link there, for another one to follow."""
    (outside / "shared" / "way").unlink(missing_ok=True)
    (outside / "shared" / "way").symlink_to(outside)
    source = {"FileSystemId": "fs-0123456789abcdef0", "FileSystemType": "EFS", "DirectoryPath": path}
    channel = {"ChannelName": "shared", "DataSource": {"FileSystemDataSource": source | {"FileSystemAccessMode": "ro"}}}
    vpc = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    server.run_shell(job_name, "cat /opt/ml/input/data/shared/secret", InputDataConfig=[channel], VpcConfig=vpc)
    job = server.wait(job_name)

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Channel shared: the ")
    assert SECRET not in told(server, job)


def test_its_first_process_tells_no_path_of_the_server(server: RunningServer, job_name: str) -> None:
    server.run_shell(
        job_name, "tr '\\0' ' ' < /proc/1/cmdline; echo; ls -l /proc/1/exe; tr '\\0' '\\n' < /proc/1/environ"
    )
    job = server.wait(job_name)
    lines = told(server, job)

    assert job["TrainingJobStatus"] == "Completed"
    assert str(server.data) not in lines
    assert os.geteuid() != 0 or str(Path(__file__).parents[3]) not in lines
