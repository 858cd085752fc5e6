"""The side bar."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NavEntry:
    """An entry, or with no `id` the name of a group. `key` goes there after `g`."""

    id: str
    icon: str
    name: str
    path: str
    key: str = ""


NAVIGATION = (
    NavEntry("home", "home", "Home", "/studio", "h"),
    NavEntry("", "", "Build", ""),
    NavEntry("jobs", "train", "Training", "/studio/jobs", "j"),
    NavEntry("processing", "process", "Processing", "/studio/processing", "r"),
    NavEntry("transform", "process", "Transform", "/studio/transform", "f"),
    NavEntry("tuning", "tune", "Tuning", "/studio/tuning", "t"),
    NavEntry("experiments", "compare", "Experiments", "/studio/experiments", "x"),
    NavEntry("pipelines", "pipeline", "Pipelines", "/studio/pipelines", "p"),
    NavEntry("", "", "Ship", ""),
    NavEntry("models", "registry", "Models", "/studio/models", "m"),
    NavEntry("endpoints", "endpoint", "Endpoints", "/studio/endpoints", "e"),
    NavEntry("functions", "code", "Functions", "/studio/functions", "l"),
    NavEntry("clarify", "clarify", "Clarify", "/studio/clarify", "c"),
    NavEntry("alarms", "alarm", "Alarms", "/studio/alarms", "a"),
    NavEntry("", "", "Data and tools", ""),
    NavEntry("buckets", "bucket", "Buckets", "/studio/buckets", "b"),
    NavEntry("wrangler", "wrangle", "Data Wrangler", "/studio/wrangler", "w"),
    NavEntry("notebooks", "notebook", "Notebooks", "/studio/notebooks", "n"),
    NavEntry("usage", "usage", "Usage", "/studio/usage", "y"),
    NavEntry("audit", "audit", "Audit", "/studio/audit", "o"),
    NavEntry("jumpstart", "jump", "JumpStart", "/studio/jumpstart", "u"),
    NavEntry("guide", "guide", "Guide", "/studio/guide", "i"),
)
