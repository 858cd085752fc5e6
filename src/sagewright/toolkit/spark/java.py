"""The command lines of Spark's JVMs.

With the environment's own Java the driver's JVM is started directly: Spark's scripts, and the JVM that only builds the command,
cost more than a second. With another Java, set by JAVA_HOME, the scripts start it, since they know its requirements.
"""

from __future__ import annotations

import os
import shlex
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from sagewright.toolkit.spark.errors import InputError

HOME = "lib/sagewright-java"
"""A JAVA_HOME in the environment, whose `java` is built for Spark (see sagewright.runtimes.spark)."""
PATIENT = [
    f"-XX:Tier4{name}Threshold={count}"
    for name, count in (
        ("MinInvocation", 6_000),
        ("Invocation", 50_000),
        ("Compile", 150_000),
        ("BackEdge", 400_000),
    )
]
"""Makes the JVM's second compiler wait for ten times as many executions as by default: in a job's first seconds it would use more
CPU time than the job, for code that hardly runs again."""
_BRIEF = ["-XX:TieredStopAtLevel=1"]  # the second compiler never pays for masters and workers
_SUBMIT = "org.apache.spark.deploy.SparkSubmit"


class Installation:
    """Spark and Java: those of this Python's environment, or those in SPARK_HOME and JAVA_HOME. Raises InputError."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        own = Path(environ.get("VIRTUAL_ENV") or sys.prefix) / HOME
        self.spark = Path(environ.get("SPARK_HOME") or Path(sysconfig.get_paths()["purelib"]) / "pyspark")
        self.java_home = environ.get("JAVA_HOME") or (str(own) if own.is_dir() else "")
        self._direct = self.java_home == str(own) and "SPARK_HOME" not in environ
        if not (self.spark / "jars").is_dir():
            raise InputError(f"there is no Spark in {self.spark}")
        if not self.java_home:
            raise InputError(f"there is no Java: the environment has no {HOME}, and JAVA_HOME is not set")
        if not Path(self.java_home, "bin", "java").exists():
            raise InputError(f"there is no Java in JAVA_HOME, which is {self.java_home}")

    def environ(self, conf: Path) -> dict[str, str]:
        """Returns the variables of Spark's processes."""
        return {
            "SPARK_HOME": str(self.spark),
            "SPARK_SCALA_VERSION": self._scala(),  # otherwise a worker looks for a checkout of Spark
            "SPARK_CONF_DIR": str(conf),
            "HADOOP_CONF_DIR": str(conf),
            "JAVA_HOME": self.java_home,
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
        }

    def driver(self, conf: Path, properties: Mapping[str, str], cpus: int, submitted: Sequence[str]) -> list[str]:
        """Returns the command of spark-submit with a driver in its own process."""
        if not self._direct:
            return [str(self.spark / "bin" / "spark-submit"), *submitted]
        more = properties.get("spark.driver.extraClassPath", "")
        return [*self._java(conf, more), *PATIENT, *_driver_options(properties, cpus), _SUBMIT, *submitted]

    def daemon(self, conf: Path, main: str, memory_mb: int, words: Sequence[str]) -> list[str]:
        """Returns the command of a master or a worker, by its class."""
        if not self._direct:
            return [str(self.spark / "bin" / "spark-class"), main, *words]
        return [*self._java(conf), f"-Xmx{memory_mb}m", "-XX:+UseSerialGC", *_BRIEF, main, *words]

    def _scala(self) -> str:
        core = next((self.spark / "jars").glob("spark-core_*.jar"), Path("spark-core_2.13-"))
        return core.name.removeprefix("spark-core_").partition("-")[0]

    def _java(self, conf: Path, more: str = "") -> list[str]:
        path = ":".join(part for part in (more, str(self.spark / "jars" / "*"), str(conf)) if part)
        return [f"{self.java_home}/bin/java", "-cp", path]


def _driver_options(properties: Mapping[str, str], cpus: int) -> list[str]:
    """Converts properties to options as spark-submit's launcher does."""
    options = [f"-XX:ActiveProcessorCount={cpus}", f"-Xmx{properties['spark.driver.memory']}"]
    for name in ("spark.driver.defaultJavaOptions", "spark.driver.extraJavaOptions"):
        options += shlex.split(properties.get(name, ""))
    if library := properties.get("spark.driver.extraLibraryPath"):
        options.append(f"-Djava.library.path={library}:{os.environ.get('LD_LIBRARY_PATH', '')}")
    return options
