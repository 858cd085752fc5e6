"""The pages, one module a subject. Each registers its pages with `page`; imports the visit and the parts of pages, no page
another."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Imports all pages, which register themselves."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
