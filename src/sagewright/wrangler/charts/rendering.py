"""A specification as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_DEPTH = 50
_TEXT = {"light": "#1f2328", "dark": "#e6edf3"}
_GRID = {"light": "#d0d7de", "dark": "#30363d"}


def render(spec: Mapping[str, Any], theme: str = "light") -> str:
    """Returns an SVG with a transparent background: escaped text, no script, no address. Raises ValueError."""
    import vl_convert

    if _loads(spec):
        raise ValueError("The chart loads data from a URL; it must contain its data.")
    text, grid = _TEXT.get(theme, _TEXT["light"]), _GRID.get(theme, _GRID["light"])
    own = spec.get("config")
    config = {
        "background": "transparent",
        "axis": {"labelColor": text, "titleColor": text, "gridColor": grid, "domainColor": grid, "tickColor": grid},
        "legend": {"labelColor": text, "titleColor": text},
        "header": {"labelColor": text, "titleColor": text},
        "title": {"color": text},
        "view": {"stroke": grid},
        **(own if isinstance(own, Mapping) else {}),
    }
    return str(
        vl_convert.vegalite_to_svg(
            {**spec, "config": config}, vl_version="5.20", show_warnings=False, allowed_base_urls=[]
        )
    )


def _loads(part: Any, depth: int = 0) -> bool:
    """True if a part of a specification names an address to load from, or is nested too deeply to be searched."""
    if depth > MOST_DEPTH:
        return True
    if isinstance(part, Mapping):
        data = part.get("data")
        return (isinstance(data, Mapping) and "url" in data) or any(
            _loads(one, depth + 1) for key, one in part.items() if key != "values"
        )
    return isinstance(part, (list, tuple)) and any(_loads(one, depth + 1) for one in part)
