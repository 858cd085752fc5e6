from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from sagewright.studio.pages.ship.capturedrequests import last_captured
from sagewright.studio.visit import Visit

NOW = datetime(2026, 11, 29, 21, 30, tzinfo=UTC)


def line(data: str, encoding: str = "CSV", kind: str = "text/csv") -> str:
    given = {"data": data, "encoding": encoding, "observedContentType": kind}
    return json.dumps({"captureData": {"endpointInput": given}})


class Bucket:
    """Objects, listed and read as S3 would."""

    def __init__(self, objects: dict[str, str]) -> None:
        self.objects = objects

    def aside(self, _service: str, operation: str, **request: Any) -> dict[str, Any]:
        if operation == "GetObject":
            return {"Body": self.objects[request["Key"]].encode()}
        keys = sorted(key for key in self.objects if key.startswith(request["Prefix"]))
        return {"Contents": [{"Key": key, "Size": len(self.objects[key]), "LastModified": NOW} for key in keys]}


def found(objects: dict[str, str]) -> tuple[str, str]:
    visit = cast("Visit", SimpleNamespace(now=NOW, client=Bucket(objects)))
    return last_captured(visit, "churn", {"DestinationS3Uri": "s3://b/captured/"}, ["AllTraffic"])


def test_the_newest_request_of_the_newest_hour_is_found() -> None:
    text = base64.b64encode(b'{"a": 1}').decode()
    objects = {
        "captured/churn/AllTraffic/2026/11/29/19/a.jsonl": line("1,2"),
        "captured/churn/AllTraffic/2026/11/29/20/a.jsonl": f"{line('3,4')}\n{line(text, 'BASE64', 'application/json')}\n",
        "captured/churn/AllTraffic/2026/11/29/20/b.jsonl": "broken\n"
        + line(base64.b64encode(b"\xff\xfe").decode(), "BASE64"),
    }
    assert found(objects) == ("application/json", '{"a": 1}')
    assert found({}) == ("", "")
