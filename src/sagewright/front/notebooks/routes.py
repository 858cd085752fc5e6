"""Notebooks that can be reached, as the server has described them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagewright.model.notebooks.origins import NotebookHosts
from sagewright.upstream.client import Upstream
from sagewright.upstream.connecting import ContainerAddress

MOST_CONNECTIONS = 128
"""Connections to one notebook for HTTP; further requests wait."""


@dataclass(frozen=True)
class Notebook:
    """`id`: of the space, app or instance that sessions are for. `directory`: that of the serving host, None without one."""

    label: str
    id: str
    name: str
    status: str
    directory: Path | None

    @classmethod
    def read(cls, document: dict[str, Any]) -> Notebook:
        return cls(**document | {"directory": Path(document["directory"]) if document["directory"] else None})


@dataclass
class NotebookRoutes:
    """All notebooks by label. `port`: the second port, 0 for none; `studio`: the origins that may frame a notebook's page."""

    hosts: NotebookHosts = field(default_factory=NotebookHosts)
    port: int = 0
    studio: tuple[str, ...] = ()
    notebooks: dict[str, Notebook] = field(default_factory=dict)
    _upstreams: dict[Path, Upstream] = field(default_factory=dict)

    def apply(self, document: dict[str, Any]) -> None:
        self.hosts = NotebookHosts(document["domain"])
        self.studio = tuple(document["studio"])
        self.notebooks = {one.label: one for one in map(Notebook.read, document["notebooks"])}
        current = {one.directory for one in self.notebooks.values()}
        for gone in self._upstreams.keys() - current:
            self._upstreams.pop(gone).close()

    @property
    def serves(self) -> bool:
        return any(one.directory is not None for one in self.notebooks.values())

    def by_id(self, notebook_id: str) -> Notebook | None:
        return next((one for one in self.notebooks.values() if one.id == notebook_id), None)

    def is_current(self, notebook: Notebook) -> bool:
        """Returns True if the notebook still answers where it did."""
        now = self.notebooks.get(notebook.label)
        return now is not None and (now.id, now.directory) == (notebook.id, notebook.directory)

    def upstream(self, directory: Path) -> Upstream:
        found = self._upstreams.get(directory)
        if found is None:
            found = self._upstreams[directory] = Upstream(ContainerAddress(directory), MOST_CONNECTIONS)
        return found
