"""Which algorithm: questions whose answers are links, and answers that the beginning of data suggests."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.model.errors import AwsError
from sagewright.model.guide import suggestion, tree
from sagewright.model.guide.suggestion import GuideSuggestion
from sagewright.studio.visit import Visit, page


@dataclass(frozen=True)
class GuideView:
    """`source`: the data's URI, as entered. `reason`: findings from the beginning of the data, or why there are none."""

    advice: tree.Advice
    source: str
    reason: str


@page("/guide", "guide.html", "guide")
def guided(visit: Visit) -> GuideView:
    """The next question, or the algorithms for the answers."""
    source = visit.query.get("from", "").strip()
    found = _suggested(visit, source) if source else GuideSuggestion()
    return GuideView(tree.advise({**found.answers, **visit.query}), source, found.reason)


def _suggested(visit: Visit, source: str) -> GuideSuggestion:
    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    if not source.startswith("s3://") or not bucket:
        return GuideSuggestion(reason="The URI of the data must begin with s3://BUCKET.")
    try:
        listed = visit.client.call("s3", "ListObjectsV2", Bucket=bucket, Prefix=prefix, MaxKeys=suggestion.KEYS)
        keys = [one["Key"] for one in listed.get("Contents", []) if one["Size"]]
        if not keys:
            return GuideSuggestion(reason="There are no objects that aren't empty.")
        window = f"bytes=0-{suggestion.READ_BYTES - 1}"
        begun = visit.client.call("s3", "GetObject", Bucket=bucket, Key=keys[0], Range=window)["Body"]
    except AwsError as error:
        return GuideSuggestion(reason=error.message)
    return suggestion.suggest(keys, keys[0], begun)
