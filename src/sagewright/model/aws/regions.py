"""Regions: each is a view of the same machine, and a resource exists in one region only.

Routes name an endpoint of the server's own region by its name, and one of another region by the region and its name.
"""

from __future__ import annotations

import re

ANY, ONE = "any", "one"
_NAME = re.compile(
    r"(af|ap|ca|eu|il|me|mx|sa|us)-(central|north|northeast|northwest|east|south|southeast|southwest|west)-[1-9]"
)


def is_region(name: str) -> bool:
    """True if the name has the format of AWS's regions, which bounds their number; each region is a view that costs something."""
    return _NAME.fullmatch(name) is not None


def routed_name(region: str, name: str, home: str) -> str:
    return name if region == home else f"{region}/{name}"


def read_routed(routed: str, home: str) -> tuple[str, str]:
    """Returns region and name."""
    region, _, name = routed.rpartition("/")
    return region or home, name
