"""EMR's classifications."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from sagewright.toolkit.spark.configuration import FILES, SparkConfiguration, defaults_text, read_configuration
from sagewright.toolkit.spark.errors import InputError


def entry(name: str, **properties: str) -> dict[str, Any]:
    return {"Classification": name, "Properties": properties}


def exported(name: str, **variables: str) -> dict[str, Any]:
    return {"Classification": name, "Properties": {}, "Configurations": [entry("export", **variables)]}


def test_sites_join_what_is_there_and_what_is_asked_for(tmp_path: Path) -> None:
    SparkConfiguration([entry("core-site", a="<&>", mine="1"), entry("hive-site", b="2")]).write(
        tmp_path, {"core-site": {"mine": "0", "other": "3"}}
    )
    found = {
        one.findtext("name"): one.findtext("value")
        for one in ElementTree.parse(tmp_path / "core-site.xml").iter("property")
    }
    assert found == {"a": "<&>", "mine": "1", "other": "3"}
    assert "<name>b</name><value>2</value>" in (tmp_path / "hive-site.xml").read_text()


def test_variables_of_every_env_classification_are_exported() -> None:
    names = [name for name in FILES if name.endswith("-env")]
    made = SparkConfiguration([exported(name, **{name: "x"}) for name in names])
    assert made.variables == dict.fromkeys(names, "x")


def test_one_document_may_stand_alone() -> None:
    assert SparkConfiguration(entry("spark-defaults", x="1")).defaults() == {"x": "1"}


def test_levels_of_log4j_1_are_understood(tmp_path: Path) -> None:
    properties = {"log4j.rootCategory": "WARN, console", "log4j.logger.org.a": "ERROR", "logger.x.level": "debug"}
    SparkConfiguration(entry("spark-log4j", **properties)).write(tmp_path, {})
    lines = (tmp_path / "log4j2.properties").read_text().splitlines()
    assert {
        "rootLogger.level=warn",
        "logger.org_a.name=org.a",
        "logger.org_a.level=error",
        "logger.x.level=debug",
    } <= set(lines)
    assert not [line for line in lines if line.startswith("log4j.")]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (entry("spark-nonsense"), "Invalid classification: spark-nonsense"),
        ("text", "Invalid classification: None"),
        (
            [{"Classification": "spark-env", "Configurations": [entry("other")]}],
            "accepts only the sub-classification export",
        ),
        ([{"Classification": "core-site", "Properties": ["a"]}], "must map names to values"),
    ],
)
def test_what_is_refused(document: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SparkConfiguration(document)


def test_the_file_of_a_job(tmp_path: Path) -> None:
    assert read_configuration(tmp_path).defaults() == {}
    place = tmp_path / "processing" / "input" / "conf"
    place.mkdir(parents=True)
    (place / "configuration.json").write_text(json.dumps([entry("spark-defaults", a="b")]))
    assert read_configuration(tmp_path).defaults() == {"a": "b"}
    (place / "configuration.json").write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        read_configuration(tmp_path)


def test_values_of_defaults_keep_their_backslashes_and_lines() -> None:
    assert defaults_text({"a": "b\\c\nd"}) == "a b\\\\c\\nd\n"
