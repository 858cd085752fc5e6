"""The `configuration` of a processor: EMR's classifications, written as files of Spark and Hadoop.

Source: AWS's EMR release guide, "Configure applications".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from sagewright.toolkit.spark.errors import InputError

FILES = {
    "core-site": "core-site.xml",
    "hadoop-env": "",
    "hadoop-log4j": "hadoop-log4j.properties",
    "hive-env": "",
    "hive-log4j": "hive-log4j2.properties",
    "hive-exec-log4j": "hive-exec-log4j2.properties",
    "hive-site": "hive-site.xml",
    "spark-defaults": "",
    "spark-env": "",
    "spark-log4j": "log4j2.properties",
    "spark-hive-site": "hive-site.xml",
    "spark-metrics": "metrics.properties",
    "yarn-env": "",
    "yarn-site": "yarn-site.xml",
}
"""The file of each classification; "" for one that becomes variables or Spark's properties."""


class SparkConfiguration:
    """Properties by classification. Raises InputError for an invalid document."""

    def __init__(self, document: Any) -> None:
        self._properties: dict[str, dict[str, str]] = {}
        self.variables: dict[str, str] = {}
        for entry in document if isinstance(document, list) else [document]:
            self._take(entry)

    def _take(self, entry: Any) -> None:
        name = entry.get("Classification") if isinstance(entry, dict) else None
        if name not in FILES:
            raise InputError(f"Invalid classification: {name}. Must be one of {', '.join(FILES)}.")
        if name.endswith("-env"):
            for inner in entry.get("Configurations") or ():
                if inner.get("Classification") != "export":
                    raise InputError(f"The classification {name} accepts only the sub-classification export.")
                self.variables |= _texts(name, inner.get("Properties"))
        else:
            self._properties.setdefault(name, {}).update(_texts(name, entry.get("Properties")))

    def defaults(self) -> dict[str, str]:
        """Returns the properties of spark-defaults."""
        return self._properties.get("spark-defaults", {})

    def write(self, directory: Path, sites: Mapping[str, Mapping[str, str]]) -> None:
        """Writes files for the class path. `sites`: default properties by classification."""
        texts: dict[str, dict[str, str]] = {}
        for name in [*sites, *self._properties]:
            if file := FILES[name]:
                texts.setdefault(file, {}).update({**sites.get(name, {}), **self._properties.get(name, {})})
        for file, properties in texts.items():
            form = _xml if file.endswith(".xml") else _log4j if file == "log4j2.properties" else _lines
            (directory / file).write_text(form(properties), encoding="utf-8")


def read_configuration(root: Path) -> SparkConfiguration:
    """Reads the job's processing/input/conf. Raises InputError."""
    file = root / "processing" / "input" / "conf" / "configuration.json"
    try:
        return SparkConfiguration(json.loads(file.read_bytes()) if file.is_file() else [])
    except ValueError as error:
        raise InputError(f"{file} is not JSON: {error}") from error


def _texts(name: str, properties: Any) -> dict[str, str]:
    if not isinstance(properties or {}, dict):
        raise InputError(f"The Properties of the classification {name} must map names to values.")
    return {str(key): str(value) for key, value in (properties or {}).items()}


def _xml(properties: Mapping[str, str]) -> str:
    lines = (
        f"  <property><name>{escape(name)}</name><value>{escape(value)}</value></property>"
        for name, value in properties.items()
    )
    return "\n".join(['<?xml version="1.0"?>', "<configuration>", *lines, "</configuration>", ""])


def _lines(properties: Mapping[str, str]) -> str:
    return "".join(f"{name}={_escaped(value)}\n" for name, value in properties.items())


def defaults_text(properties: Mapping[str, str]) -> str:
    """Returns a file of Spark properties."""
    return "".join(f"{_escaped(name)} {_escaped(value)}\n" for name, value in properties.items())


def _escaped(text: str) -> str:
    """Escapes text for java.util.Properties."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


_CONSOLE = {
    "rootLogger.level": "info",
    "rootLogger.appenderRef.stdout.ref": "console",
    "appender.console.type": "Console",
    "appender.console.name": "console",
    "appender.console.target": "SYSTEM_ERR",
    "appender.console.layout.type": "PatternLayout",
    "appender.console.layout.pattern": "%d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex",
}


def _log4j(properties: Mapping[str, str]) -> str:
    """Converts log levels; names of log4j 1 (`log4j.rootCategory`), used by Spark before 3.3, are supported too."""
    given = {key: value for key, value in properties.items() if not key.startswith("log4j.")}
    old = {key.removeprefix("log4j."): value for key, value in properties.items() if key.startswith("log4j.")}
    return _lines({**_CONSOLE, **dict(_levels(old)), **given})


def _levels(old: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for key, value in old.items():
        level = value.partition(",")[0].strip().lower()
        if key in {"rootCategory", "rootLogger"} and level:
            yield "rootLogger.level", level
        elif key.startswith("logger.") and level:
            name = key.removeprefix("logger.")
            short = "".join(character if character.isalnum() else "_" for character in name)
            yield f"logger.{short}.name", name
            yield f"logger.{short}.level", level
