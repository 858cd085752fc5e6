"""botocore's sessions for processes that are S3's clients alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import botocore.session
from botocore.loaders import JSONFileLoader, Loader

from sagewright.model.aws.service_models import read_data, without_texts


class _S3Files(JSONFileLoader):  # type: ignore[misc]
    """Leaves out texts, and the endpoints of other services: 10 MB of a process, and half of a client's creation."""

    def load_file(self, file_path: str) -> Any:
        path = Path(file_path)
        found = read_data(path.parent, path.name)
        if found is None:
            return None
        if path.name == "service-2":
            return without_texts(found)
        if path.name == "endpoints":
            for partition in found["partitions"]:
                partition["services"] = {name: one for name, one in partition["services"].items() if name == "s3"}
        return found


def s3_session() -> botocore.session.Session:
    """Returns a new session, whose only service is S3."""
    made = botocore.session.Session()
    made.register_component("data_loader", Loader(file_loader=_S3Files()))
    return made
