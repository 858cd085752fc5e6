"""A Spark application from its options to its end: in one process on one host, or on a standalone cluster of several."""

from __future__ import annotations

import shlex
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sagewright.toolkit.remote import secret_of
from sagewright.toolkit.spark.configuration import SparkConfiguration, defaults_text
from sagewright.toolkit.spark.daemons import Daemon, ExecutorLogs, end
from sagewright.toolkit.spark.errors import ClusterFailed, SubmitFailed
from sagewright.toolkit.spark.eventlogs import EventLogs
from sagewright.toolkit.spark.gathering import Follower, Leader, address_of
from sagewright.toolkit.spark.java import PATIENT, Installation
from sagewright.toolkit.spark.options import Options
from sagewright.toolkit.spark.s3 import core_site, spark_defaults
from sagewright.toolkit.spark.sizing import SparkShare, defaults

MASTER_PORT = 7077
_DAEMON_MB = 512
_MASTER_UP_S = 300.0
_DRIVER_GRACE_S = 100.0  # out of the 120 s of a stopped job


@dataclass
class SparkApplication:
    """The application's inputs on this host."""

    options: Options
    configuration: SparkConfiguration
    share: SparkShare
    host: str
    hosts: list[str]
    given: Mapping[str, str]
    scratch: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="spark-")))

    def __post_init__(self) -> None:
        self.address = address_of(self.host) if len(self.hosts) > 1 else "127.0.0.1"
        self.conf = self.scratch / "conf"
        self.installation = Installation({**self.given, **self.configuration.variables})
        self._logs: EventLogs | None = None
        if self.options.event_logs or self.options.event_logs_uri:
            target = Path(self.options.event_logs or self.scratch / "event-logs-to-send")
            self._logs = EventLogs(self.scratch / "event-logs", target, self.options.event_logs_uri)

    @property
    def first(self) -> str:
        return self.hosts[0]

    @property
    def alone(self) -> bool:
        return len(self.hosts) == 1

    def properties(self) -> dict[str, str]:
        """Returns the properties of spark-defaults: our defaults, overridden by the requested ones."""
        made = {
            **defaults(self.share, len(self.hosts)),
            **spark_defaults(),
            "spark.driver.host": self.host if not self.alone else "localhost",
            "spark.driver.bindAddress": self.address,
            "spark.sql.warehouse.dir": (self.scratch / "warehouse").as_uri(),
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }
        if self._logs is not None:
            made |= self._logs.properties()
        if not self.alone:
            made |= {
                "spark.executor.defaultJavaOptions": " ".join(PATIENT),
                "spark.authenticate": "true",
                "spark.authenticate.secret": secret_of(self.given).hex(),
                "spark.cores.max": str(self.share.cpus * len(self.hosts)),
                "spark.scheduler.minRegisteredResourcesRatio": "1.0",
                "spark.scheduler.maxRegisteredResourcesWaitingTime": "60s",
            }
        return made | self.configuration.defaults()

    def configure(self) -> dict[str, str]:
        """Writes Spark's configuration; returns the effective properties."""
        for directory in (self.conf, self.scratch / "local"):
            directory.mkdir(parents=True, exist_ok=True)
        properties = self.properties()
        (self.conf / "spark-defaults.conf").write_text(defaults_text(properties), encoding="utf-8")
        self.configuration.write(self.conf, {"spark-log4j": {}, "core-site": core_site()})
        return properties

    def environ(self) -> dict[str, str]:
        made = {
            **self.given,
            "SPARK_LOCAL_DIRS": str(self.scratch / "local"),
            "SPARK_LOCAL_IP": self.address,
            "SPARK_LOCAL_HOSTNAME": self.host if not self.alone else "localhost",
        }
        return {**made, **self.configuration.variables, **self.installation.environ(self.conf)}

    def run(self) -> None:
        """Raises SparkError."""
        properties = self.configure()
        if self.alone:
            self._drive(properties, f"local[{self.share.cpus}]")
        elif self.host == self.first:
            self._lead(properties)
        else:
            self._follow()

    def _drive(self, properties: Mapping[str, str], master: str, leader: Leader | None = None) -> None:
        submitted = [
            "--master",
            master,
            "--deploy-mode",
            "client",
            *self.options.spark_options(),
            *self.options.program,
        ]
        command = self.installation.driver(self.conf, properties, self.share.cpus, submitted)
        if self._logs is not None:
            self._logs.start()
        driver = subprocess.Popen(command, env=self.environ(), stdin=subprocess.DEVNULL)
        lost: list[str] = []
        if leader is not None:
            leader.watch(lambda host: _lose(host, lost, driver))
        try:
            status = driver.wait()
        finally:
            end(driver, _DRIVER_GRACE_S)
            if self._logs is not None:
                self._logs.close()
        if lost:
            raise ClusterFailed(f"{lost[0]}, which ran a part of the application, was lost")
        if status != 0:
            raise SubmitFailed(shlex.join(["spark-submit", *submitted]), 128 - status if status < 0 else status)

    def _lead(self, properties: Mapping[str, str]) -> None:
        master = self._daemon("Spark master", "master.Master", ["--port", str(MASTER_PORT)])
        started: list[Daemon | ExecutorLogs] = [master]
        leader = Leader(self.address, self.hosts[1:], secret_of(self.given))
        try:
            _await_port(self.address, master)
            started += self._worker()
            leader.gather()
            self._drive(properties, f"spark://{self.first}:{MASTER_PORT}", leader)
        finally:
            leader.end()
            for one in reversed(started):
                one.close()

    def _follow(self) -> None:
        follower = Follower(self.host, self.first, secret_of(self.given))
        follower.join()
        worker, logs = self._worker()
        try:
            while not follower.ended(0.5):
                if worker.ended():
                    raise ClusterFailed(worker.reason())
        finally:
            worker.close()
            logs.close()
            follower.close()

    def _worker(self) -> tuple[Daemon, ExecutorLogs]:
        place = self.scratch / "work"
        words = ["--cores", str(self.share.cpus), "--memory", f"{self.share.memory_mb}M", "--work-dir", str(place)]
        worker = self._daemon("Spark worker", "worker.Worker", [*words, f"spark://{self.first}:{MASTER_PORT}"])
        logs = ExecutorLogs(place)
        logs.start()
        return worker, logs

    def _daemon(self, name: str, main: str, words: list[str]) -> Daemon:
        where = ["--host", self.host, "--webui-port", "0"]
        command = self.installation.daemon(self.conf, f"org.apache.spark.deploy.{main}", _DAEMON_MB, [*where, *words])
        return Daemon(name, command, self.environ(), self.scratch / "logs" / f"{main}.log")


def _lose(host: str, lost: list[str], driver: subprocess.Popen[bytes]) -> None:
    lost.append(host)
    driver.terminate()


def _await_port(address: str, master: Daemon) -> None:
    deadline = time.monotonic() + _MASTER_UP_S
    while True:
        try:
            socket.create_connection((address, MASTER_PORT), timeout=1).close()
        except OSError as error:
            if master.ended() or time.monotonic() > deadline:
                raise ClusterFailed(master.reason()) from error
            time.sleep(0.1)
        else:
            return
