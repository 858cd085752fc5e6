"""Command lines of Spark's JVMs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagewright.toolkit.spark.errors import InputError
from sagewright.toolkit.spark.java import HOME, PATIENT, Installation

MEMORY = {"spark.driver.memory": "700m"}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    java(tmp_path / HOME)
    java(tmp_path / "other")
    (tmp_path / "spark" / "jars").mkdir(parents=True)
    return {"VIRTUAL_ENV": str(tmp_path)}


def java(home: Path) -> None:
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").touch()


def installed(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Installation:
    (tmp_path / "pyspark" / "jars").mkdir(parents=True)
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"purelib": str(tmp_path)})
    return Installation(environ)


def test_a_driver_is_started_at_once(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installation = installed(environ, monkeypatch, tmp_path)
    properties = {
        **MEMORY,
        "spark.driver.extraClassPath": "/mine.jar",
        "spark.driver.defaultJavaOptions": "-Da=1",
        "spark.driver.extraJavaOptions": "-Db='x y'",
        "spark.driver.extraLibraryPath": "/libs",
    }
    command = installation.driver(Path("/conf"), properties, 3, ["--master", "local[3]", "app.py"])
    assert command[0] == str(tmp_path / HOME / "bin" / "java")
    assert command[1:3] == ["-cp", f"/mine.jar:{tmp_path}/pyspark/jars/*:/conf"]
    assert command[3:7] == PATIENT
    assert command[7:11] == [
        "-XX:ActiveProcessorCount=3",
        "-Xmx700m",
        "-Da=1",
        "-Db=x y",
    ]  # the user's options come last
    assert command[11].startswith("-Djava.library.path=/libs:")
    assert command[12:] == ["org.apache.spark.deploy.SparkSubmit", "--master", "local[3]", "app.py"]


@pytest.mark.parametrize("variable", ["JAVA_HOME", "SPARK_HOME"])
def test_what_the_user_names_is_started_by_sparks_own_scripts(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    environ[variable] = str(tmp_path / ("other" if variable == "JAVA_HOME" else "spark"))
    installation = installed(environ, monkeypatch, tmp_path)
    assert installation.driver(Path("/conf"), MEMORY, 3, ["app.py"]) == [
        f"{installation.spark}/bin/spark-submit",
        "app.py",
    ]
    assert installation.daemon(Path("/conf"), "Worker", 1, ["x"]) == [
        f"{installation.spark}/bin/spark-class",
        "Worker",
        "x",
    ]
    assert installation.environ(Path("/conf"))[variable] == environ[variable]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"JAVA_HOME": "/nowhere"}, "no Java in JAVA_HOME, which is /nowhere"),
        ({"SPARK_HOME": "/nowhere"}, "no Spark in /nowhere"),
        ({"VIRTUAL_ENV": "/nowhere"}, "JAVA_HOME is not set"),
    ],
)
def test_what_is_missing_is_named(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        installed({**environ, **changes}, monkeypatch, tmp_path)
