"""Objects of an execution's window: captured records, merged records and ground truth, below a folder for each hour.

Source: AWS's developer guide, "Capture data from real-time endpoint", "Capture data from batch transform job" and "Ingest ground
truth labels and merge them with predictions".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sagewright.engine.model_monitors.windows import AnalysisWindow, path_of
from sagewright.model.aws.s3_uris import S3Uri, no_objects, read_s3_uri
from sagewright.model.errors import AwsError
from sagewright.objects.access import ObjectStore

PREFIX, MANIFEST = "S3Prefix", "ManifestFile"
MOST_HOURS = 48
"""Hours that are looked up one by one; a longer window is looked up by days."""


class NoData(Exception):
    """The window has no objects, or more than a job can receive; the message says so as AWS does."""


@dataclass(frozen=True)
class DataPart:
    """An input of a job. `path`: where it belongs below the local path of all parts."""

    uri: str
    path: str
    listing: str = PREFIX


@dataclass(frozen=True)
class DataRoot:
    """The place of hourly folders. `names`: the steps before them, e.g. endpoint and variant; `role`, `region`: for messages."""

    uri: str
    names: Sequence[tuple[str, ...]]
    role: str
    region: str

    def parts(self, objects: ObjectStore, window: AnalysisWindow, most: int) -> list[DataPart]:
        """Returns at most `most` parts with all objects of the window: its hours, or days or months if there are too many hours.
        The program skips records outside the window. Raises NoData, AwsError."""
        root, hours = self._root(), [path_of(hour) for hour in window.hours()]
        if not hours:
            raise NoData("The window of the execution is empty.")
        for names, folders in _levels(self.names, window):
            found = []
            for steps in names:
                for folder in folders:
                    path = "/".join((*steps, *([folder] if folder else [])))
                    if _exists(objects, root, path):
                        found.append(DataPart(_uri(root, path), path))
            if not found:
                break
            if len(found) <= most:
                return found
        uri = _uri(root, "/".join((*self.names[-1], hours[-1])))
        raise NoData(no_objects(uri, root.bucket, self.region, self.role))

    def manifests(self, objects: ObjectStore, window: AnalysisWindow, most: int) -> list[DataPart]:
        """Returns the window's manifests, one for each captured transform job. Raises NoData, AwsError."""
        root, found = self._root(), list[DataPart]()
        for hour in window.hours():
            for steps in self.names:
                folder = "/".join((*steps, path_of(hour)))
                for key in islice(_keys(objects, root, folder), most + 1):
                    stem = key.rpartition("/")[2].rpartition(".")[0]
                    found.append(DataPart(f"s3://{root.bucket}/{key}", f"{folder}/{stem}", MANIFEST))
                if len(found) > most:
                    raise NoData(
                        f"The window has data of more than {most} transform jobs under {_uri(root, '')}; an execution can receive "
                        f"{most}: shorten the window."
                    )
        if not found:
            uri = _uri(root, "/".join((*self.names[-1], *[path_of(hour) for hour in window.hours()][-1:])))
            raise NoData(no_objects(uri, root.bucket, self.region, self.role))
        return found

    def _root(self) -> S3Uri:
        try:
            return read_s3_uri(self.uri)
        except ValueError as error:
            raise NoData(f"{error}.") from None


def _levels(
    names: Sequence[tuple[str, ...]], window: AnalysisWindow
) -> Iterator[tuple[Sequence[tuple[str, ...]], list[str]]]:
    """Yields folders from the finest to the coarsest: each covers those before it."""
    hours = [path_of(hour) for hour in window.hours()]
    if len(hours) <= MOST_HOURS:
        yield names, hours
    for length in (len("2026/01/02"), len("2026/01"), len("2026")):
        yield names, list(dict.fromkeys(hour[:length] for hour in hours))
    yield names, [""]
    yield [names[0][:1]], [""]


def _exists(objects: ObjectStore, root: S3Uri, path: str) -> bool:
    try:
        return objects.exists_any(root.bucket, f"{_key(root, path)}/")
    except AwsError as error:
        if error.status >= 500:
            raise
        return False


def _keys(objects: ObjectStore, root: S3Uri, folder: str) -> Iterator[str]:
    try:
        for key, _size in objects.list_keys(root.bucket, f"{_key(root, folder)}/"):
            yield key
    except AwsError as error:
        if error.status >= 500:
            raise


def _key(root: S3Uri, path: str) -> str:
    return "/".join(step for step in (root.key.strip("/"), path) if step)


def _uri(root: S3Uri, path: str) -> str:
    return f"s3://{root.bucket}/{_key(root, path)}"
