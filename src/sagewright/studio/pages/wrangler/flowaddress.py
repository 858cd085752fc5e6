"""The URL of a flow's page: the selected step, and the pages that it links to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from sagewright.studio.visit import Visit
from sagewright.studio.wrangling.saved import SavedFlow
from sagewright.wrangler.flows import PORT, TABLES, Flow, FlowEdge, Node, NodeType

PATH = "/studio/wrangler"


@dataclass(frozen=True)
class FlowAddress:
    """A URL against its flow. `ordered`: the nodes, each after its inputs; `current`: the step that is looked at, None in
    a flow without steps."""

    name: str
    flow: Flow
    asked: Mapping[str, str]
    ordered: tuple[Node, ...]
    current: Node | None

    @classmethod
    def read(cls, visit: Visit, found: SavedFlow) -> FlowAddress:
        ordered = tuple(found.flow.ordered())
        return cls(found.name, found.flow, dict(visit.every), ordered, _chosen(ordered, visit.query.get("step")))

    @property
    def editing(self) -> Node | None:
        """The step whose form is shown, None for a new one."""
        return self.current if "edit" in self.asked else None

    @property
    def changed_first(self) -> bool:
        return self.asked.get("columns", "changed") != "all"

    @property
    def port(self) -> str:
        names = self.current.output_names if self.current else ()
        asked = self.asked.get("output", "")
        return asked if asked in names else next(iter(names), PORT)

    @property
    def base(self) -> FlowEdge | None:
        """The result on which a draft works."""
        step = self.current
        if step is None:
            return None
        if "edit" in self.asked or step.type in (NodeType.VISUALIZATION, NodeType.DESTINATION):
            return step.inputs[0] if step.inputs else None
        return FlowEdge("df", step.node_id, self.port)

    def link(self, **given: str | None) -> str:
        """Returns a URL of the flow's page that keeps the current step and the view of its columns."""
        kept: dict[str, str | None] = {name: self.asked[name] for name in ("columns", "output") if name in self.asked}
        step: dict[str, str | None] = {"step": self.current.node_id} if self.current else {}
        every: dict[str, str | None] = {**step, **kept, **given}
        text = urlencode([(name, value) for name, value in every.items() if value is not None])
        return f"{PATH}/{self.name}?{text}" if text else f"{PATH}/{self.name}"


def _chosen(ordered: tuple[Node, ...], asked: str | None) -> Node | None:
    """Returns the step in the URL; otherwise the last one that others don't build on."""
    for one in ordered:
        if one.node_id == asked:
            return one
    shown = [one for one in ordered if one.type in TABLES]
    return shown[-1] if shown else None
