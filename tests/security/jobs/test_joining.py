"""A program that joins a job's process has its rights and no more, and is out of the job's reach until it has given up its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagewright.sandbox.base import Launch
from sagewright.sandbox.bwrap import BwrapSandbox
from sagewright.sandbox.cgroups import ResourceLimits, find_cgroups
from sagewright.sandbox.inhabitants import Inhabitant, JoiningProgram, NoInhabitant, find_inhabitant, start_joining
from sagewright.sandbox.kernel import descendants

LIMIT_S = 60
RIGHTS = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp", "Umask")
SPY = r"""
import os, pathlib
seen = 0

def enters(pid):
    words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")
    return any(word.endswith(b"joining.py") for word in words)

print("looking", flush=True)
while not os.path.exists("/opt/ml/enough"):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if not enters(pid):
                continue
        except OSError:
            continue
        seen += 1
        for name in ("exe", "mem", "environ", "cwd", "root", "fd/0", "maps"):
            try:
                os.close(os.open(f"/proc/{pid}/{name}", os.O_RDONLY))
                if enters(pid):
                    print("opened", name, flush=True)
            except OSError:
                pass
pathlib.Path("/opt/ml/seen").write_text(str(seen))
"""


class Job:
    """A process in a sandbox, in a control group where there are any."""

    def __init__(self, top: Path, argv: list[str]) -> None:
        self.directory = top / "host"
        for name in ("ml", "library", "tmp"):
            (self.directory / name).mkdir(parents=True)
        environment = top / "environment"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=LIMIT_S)
        self._sandbox = BwrapSandbox(top)
        found = find_cgroups()
        self.group = found.group(f"joining-{os.getpid()}-{top.name}") if found.places else None
        command = self._sandbox.command(
            Launch(
                argv=argv,
                directory=self.directory,
                environ={"SAGEWRIGHT_CPUS": "1", "OWN": "the job's"},
                host="algo-1",
                addresses={"algo-1": "127.10.0.1"},
                library=self.directory / "library",
                environment=environment,
                network=False,
            )
        )
        wrapper = []
        if self.group is not None:
            self.group.make(ResourceLimits(1, 1))
            wrapper = self.group.wrapper
        self.process = subprocess.Popen(
            [*wrapper, *command.wrapper, *command.argv],
            env=command.environ,
            cwd=command.cwd,
            pass_fds=command.descriptors,
            stdout=subprocess.PIPE,
        )

    def inhabitant(self) -> Inhabitant:
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                return find_inhabitant(self.process.pid)
            except NoInhabitant:
                assert time.monotonic() < end
                time.sleep(0.02)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        if self.group is not None:
            self.group.remove()
        self._sandbox.close(self.directory)


@pytest.fixture
def job(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Job]:
    made = Job(tmp_path, getattr(request, "param", ["sleep", "600"]))
    yield made
    made.close()


def joined(found: Inhabitant, *words: str) -> subprocess.CompletedProcess[bytes]:
    with start_joining(found, JoiningProgram([words]), subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE) as process:
        said, errors = process.communicate(timeout=LIMIT_S)
    return subprocess.CompletedProcess(words, process.returncode, said, errors)


def _rights(pid: int) -> dict[str, object]:
    """Everything that the kernel reports of a process's rights."""
    place = Path(f"/proc/{pid}")
    status = dict(line.partition(":")[::2] for line in (place / "status").read_text().splitlines())
    return {name: status[name].split() for name in RIGHTS} | {
        "namespaces": {name.name: os.readlink(name) for name in (place / "ns").iterdir()},
        "root": os.readlink(place / "root"),
        "mounts": (place / "mountinfo").read_text(),
        "limits": (place / "limits").read_text(),
        "groups": (place / "cgroup").read_text(),
        "oom": (place / "oom_score_adj").read_text(),
    }


def test_its_rights_are_those_of_the_job(job: Job) -> None:
    found = job.inhabitant()
    with start_joining(
        found,
        JoiningProgram([["sh", "-c", "echo in; read line"]]),
        subprocess.PIPE,
        subprocess.PIPE,
        subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        (pid,) = descendants(process.pid)
        assert _rights(pid) == _rights(found.pid)
        assert not [name for name in os.listdir(f"/proc/{pid}/fd") if int(name) > 2]
        process.kill()


def test_it_sees_the_files_processes_and_variables_of_the_job_alone(job: Job, tmp_path: Path) -> None:
    (job.directory / "ml" / "mine").write_text("here")
    secret = tmp_path / "secret"
    secret.touch()
    script = f"cat /opt/ml/mine; echo; echo $OWN $HOME; ls {secret} /proc/{os.getpid()} 2>&1 | grep -c such; pwd"
    done = joined(job.inhabitant(), "sh", "-c", script)
    assert done.stdout.decode().split("\n")[:4] == ["here", "the job's /root", "2", "/opt/ml"], done
    network = joined(job.inhabitant(), "cat", "/proc/net/dev").stdout.decode()
    assert [line.split(":")[0].strip() for line in network.splitlines()[2:]] == ["lo"]


def test_it_ends_with_the_job(job: Job) -> None:
    with start_joining(
        job.inhabitant(),
        JoiningProgram([["sh", "-c", "echo in; sleep 600"]]),
        subprocess.DEVNULL,
        subprocess.PIPE,
        subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        job.process.kill()
        assert process.wait(LIMIT_S) in {-signal.SIGKILL, 128 + signal.SIGKILL}


def test_its_memory_is_limited_with_that_of_the_job(job: Job) -> None:
    if job.group is None:
        pytest.skip("this machine has no control groups")
    found = job.inhabitant()
    eat = "import os\nheld = []\nwhile True: held.append(bytearray(os.urandom(1 << 20)) * 64)"
    python = Path(found.environ["VIRTUAL_ENV"]) / "bin/python"
    done = joined(found, str(python), "-c", eat)
    assert done.returncode in {-signal.SIGKILL, 128 + signal.SIGKILL, 1}, done
    assert job.group.out_of_memory() > 0


@pytest.mark.parametrize("job", [["python", "-c", SPY]], indirect=True)
def test_a_hostile_job_reaches_nothing_of_a_program_that_enters(job: Job) -> None:
    found = job.inhabitant()
    assert job.process.stdout is not None
    assert job.process.stdout.readline() == b"looking\n"
    end = time.monotonic() + LIMIT_S
    for _ in range(20):
        assert joined(found, "true").returncode == 0
        assert time.monotonic() < end
    (job.directory / "ml" / "enough").touch()
    rest = job.process.communicate(timeout=LIMIT_S)[0]
    assert rest == b""
    assert int((job.directory / "ml" / "seen").read_text()) > 0, "the spy has seen no program enter"


def test_the_status_says_what_did_not_start(job: Job) -> None:
    found = job.inhabitant()
    missing = joined(found, "nonsuch")
    assert missing.returncode == 127
    assert missing.stderr == b"sagewright: nonsuch: No such file or directory\n"
    assert joined(found, "/opt/ml").returncode == 126
    assert joined(found, "sh", "-c", "kill -TERM $$").returncode == 128 + signal.SIGTERM


def test_a_process_without_its_filter_is_not_joined(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.sandbox.inhabitants.seccomp_filter", lambda **_given: None)
    done = joined(job.inhabitant(), "true")
    assert done.returncode == 125
    assert b"its system calls are filtered, and there is no filter for this processor" in done.stderr
