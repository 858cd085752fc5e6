"""A Slurm cluster of two nodes on this machine, with ports, keys and files of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
SlurmdParameters=config_overrides
KillWait=2
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=4 RealMemory=8192
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=4 RealMemory=8192 Gres=gpu:2
GresTypes=gpu
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> list[str]:
    """The programs that are not installed. Those of Slurm's daemons are where only root's PATH leads."""
    return [name for name in PROGRAMS if not program(name)]


def program(name: str) -> str:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or ""


class SlurmCluster:
    """Started by `start`; `stop` ends its daemons and everything on its nodes."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sagewright-tests-slurm-", dir="/tmp"))  # sockets have short names
        self.configuration = self.folder / "slurm.conf"
        self._munge: subprocess.Popen[bytes] | None = None

    @property
    def environ(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.configuration)}

    def start(self) -> None:
        self.folder.chmod(0o755)
        for name in ("state", "spool-n1", "spool-n2"):
            (self.folder / name).mkdir()
        ports = dict(zip(("controller", "first", "second"), free_ports(3), strict=True))
        text = CONFIGURATION.format(folder=self.folder, host=socket.gethostname(), **ports)
        self.configuration.write_text(text)
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        for number in range(2):  # devices that stand for GPUs: Slurm counts and numbers them
            os.mknod(self.folder / f"gpu{number}", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        (self.folder / "gres.conf").write_text(f"NodeName=n2 Name=gpu File={self.folder}/gpu[0-1]\n")
        self._start_munge()
        self.start_controller()
        for node in ("n1", "n2"):
            self.start_node(node)
        self.until(lambda: self.states() == {"n1": "idle", "n2": "idle"})

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        files = {
            "key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed",
        }  # fmt: skip
        options = [f"--{option}={self.folder}/munge.{name}" for option, name in files.items()]
        self._munge = subprocess.Popen([program("munged"), "--foreground", "--force", "--num-threads=2", *options])
        self.until((self.folder / "munge.socket").exists)

    def _daemon(self, name: str, *options: str) -> None:
        subprocess.run([program(name), "-f", str(self.configuration), *options], check=True, capture_output=True)

    def start_controller(self) -> None:
        self._daemon("slurmctld", "-i")

    def start_node(self, name: str) -> None:
        self._daemon("slurmd", "-N", name)

    def lose_node(self, name: str) -> None:
        """As a machine that is switched off: its daemon and everything on it, agents and jobs too."""
        theirs = [one for one in psutil.process_iter() if _variable(one, "SLURMD_NODENAME") == name]
        family = {child for one in theirs for child in children(one)} | set(theirs)
        self._kill(self.folder / f"slurmd-{name}.pid")
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()

    def command(self, *command: str) -> str:
        environ = {**os.environ, **self.environ}
        return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout

    def states(self) -> dict[str, str]:
        listed = self.command("sinfo", "--noheader", "--Node", "--format=%N|%T")
        return dict(line.split("|") for line in listed.split())

    def until(self, holds: object, timeout_s: float = 60) -> None:
        assert callable(holds)
        deadline = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.1)

    def logs(self) -> str:
        return "\n".join(f"{one.name}:\n{one.read_text()[-2000:]}" for one in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        with suppress(subprocess.CalledProcessError, FileNotFoundError):
            self.command("scancel", "--me")
            self.until(lambda: not self.command("squeue", "--noheader"), 20)
        for file in (*self.folder.glob("slurmd-*.pid"), self.folder / "slurmctld.pid"):
            self._kill(file)
        if self._munge is not None:
            self._munge.kill()
            self._munge.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _kill(self, file: Path) -> None:
        with suppress(OSError, ValueError):
            os.kill(int(file.read_text()), signal.SIGKILL)
            file.unlink()


def _variable(process: psutil.Process, name: str) -> str:
    try:
        return str(process.environ().get(name, ""))
    except psutil.Error:
        return ""


def children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports
