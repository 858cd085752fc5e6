"""An extension of jupyter-server that says when the app was last used: GET /sagewright/activity.

Jupyter's own /api/status counts every request, and an open JupyterLab asks every few seconds, so that a forgotten tab would keep an
app forever. Here a use is a request that changes something, a kernel's message, or a terminal's input or output. Source: the
documentation of jupyter-server, "Authoring Server Extensions", and Tornado's setting `log_function`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

PATH = "/sagewright/activity"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_CHANGED, _TERMINAL = "sagewright_changed", "terminal_last_activity"


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    from jupyter_server.base.handlers import JupyterHandler
    from jupyter_server.utils import url_path_join
    from tornado.web import authenticated

    settings = server.web_app.settings
    settings[_CHANGED] = datetime.now(UTC)
    log = settings.get("log_function")

    def noted(handler: Any) -> None:
        if handler.request.method not in _READING:
            settings[_CHANGED] = datetime.now(UTC)
        if log is not None:
            log(handler)

    class ActivityHandler(JupyterHandler):  # type: ignore[misc, unused-ignore]
        @authenticated  # type: ignore[untyped-decorator, unused-ignore]
        def get(self) -> None:
            times = [settings[_CHANGED], server.kernel_manager.last_kernel_activity, settings.get(_TERMINAL)]
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps({"last_activity": max(one for one in times if one is not None).isoformat()}))

    settings["log_function"] = noted
    server.web_app.add_handlers(".*$", [(url_path_join(server.base_url, PATH), ActivityHandler)])
