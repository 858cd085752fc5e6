"""The pages, one module a subject. Each registers its pages with `page`; imports the visit and the parts of pages."""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages


def load() -> None:
    """Imports all pages, which register themselves."""
    for module in walk_packages(__path__, f"{__name__}."):
        import_module(module.name)
