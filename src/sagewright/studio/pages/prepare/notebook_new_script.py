"""The form for a new life-cycle script."""

from __future__ import annotations

import base64
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.studio.pages.prepare.notebook_resources import NewField, NewResourceView
from sagewright.studio.pages.prepare.notebook_scripts import HOME, NEW, NOUNS, RUNS
from sagewright.studio.visit import Done, Visit, form, page

FORM = NewResourceView(
    "New life-cycle script",
    ("Life-cycle scripts", HOME),
    NEW,
    (
        NewField("name", "Name"),
        NewField("runs", "Runs", "JupyterLab", tuple(RUNS.items())),
        NewField("script", "Script", "#!/bin/bash\nset -e\n", rows=14, hint="It has five minutes; its lines are in the log."),
    ),
)  # fmt: skip


@page("/notebooks/new/script", "notebooknew.html", "notebooks")
def new_script(_visit: Visit) -> NewResourceView:
    return FORM


@form("/notebooks/new/script", "notebooknew.html", "notebooks")
def create_script(visit: Visit, fields: dict[str, str]) -> Done | NewResourceView:
    """Creates a script of apps or of notebook instances."""
    name, runs = fields.get("name", "").strip(), fields.get("runs", "")
    if runs not in RUNS:
        return FORM.given(fields, f"A script must run at one of {', '.join(RUNS)}, not at {runs[:50]!r}.")
    content = base64.b64encode(fields.get("script", "").replace("\r\n", "\n").encode()).decode()
    kind = "instances" if runs.startswith("On") else "apps"
    given: dict[str, Any] = {"StudioLifecycleConfigContent": content, "StudioLifecycleConfigAppType": runs}
    if kind == "instances":
        given = {runs: [{"Content": content}]}
    try:
        visit.client.sagemaker(f"Create{NOUNS[kind]}", **{f"{NOUNS[kind]}Name": name}, **given)
    except AwsError as error:
        return FORM.given(fields, error.message)
    return Done(f"Created {name}", f"{HOME}/{kind}/{name}")
