"""The job's input as one host sees it: every channel as links, copies, a mount, a pipe or a folder of a file system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal

from sagewright.agent.causes import cause
from sagewright.agent.control import Control
from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.inputs.channels import ChannelMember, InputChannel, channels_of, members
from sagewright.agent.inputs.datasets import table_channels
from sagewright.agent.inputs.directories import TreeMaker, layout
from sagewright.agent.inputs.folders import folder_views
from sagewright.agent.inputs.mounts import mounted, no_mounts_reason
from sagewright.agent.inputs.pipe_contents import AugmentedContent, ObjectsContent, PipeContent
from sagewright.agent.inputs.pipe_writers import PipeWriter
from sagewright.agent.inputs.pipes import Pipe
from sagewright.agent.inputs.sources import ObjectSource, S3Source, Stored, choose_source
from sagewright.agent.optml import OptMl
from sagewright.agent.process.volume import Volume
from sagewright.agent.s3 import JobS3, S3Failed
from sagewright.model.jobs.brief import DataListing
from sagewright.sandbox.base import Sandbox, View
from sagewright.sandbox.namespace import MountNamespace

SMALL_BYTES, SMALL_FILES = 16 << 20, 100
"""Limits of a File mode channel that is copied into an existing sandbox: less than a new sandbox costs."""


class Inputs:
    """The inputs of one host. First `prepare`; then `views` are for its sandbox, which is made within `mounted`, and
    `feeding` is active while it runs."""

    def __init__(self, host: HostFile, ml: OptMl, control: Control, log: Callable[[str], None], volume: Volume) -> None:
        self._volume = volume
        self._host, self._ml, self._control, self._log = host, ml, control, log
        self._s3 = JobS3(host, control.check)
        self._pipes: list[Pipe] = []
        self.views: list[View] = []
        self._mounts: dict[str, dict[str, Stored]] = {}

    def prepare(self, sandbox: Sandbox, *, stands: bool = False) -> None:
        """Prepares everything that must exist before the process starts. `stands`: True if the sandbox cannot show new views.

        Raises ClientError.
        """
        self.views += folder_views(self._host, self._ml, sandbox, self._log)
        channels = channels_of(self._host)
        if not channels and not self._host.brief.queries:
            return
        try:
            source = choose_source(self._host, self._s3, self._control.check)
            channels += table_channels(self._host, source)
            for channel in sorted(channels, key=lambda channel: channel.place.count("/")):  # parents come first
                if channel.mode == "Pipe":
                    self._pipes.append(self._pipe(channel, source))
                else:
                    self._directory(channel, source, sandbox, stands=stands)
        except (S3Failed, OSError) as error:
            raise ClientError(f"Data download failed:{cause(error)}") from error

    def mounted(self) -> AbstractContextManager[MountNamespace | None]:
        """Returns the context of the channels' mounts, if there are any. Raises CannotMount."""
        return mounted(self._host.directory, self._mounts)

    @contextmanager
    def feeding(self) -> Iterator[None]:
        """Fills pipes inside the context; at its end no process that reads them may be left."""
        for pipe in self._pipes:
            pipe.start()
        try:
            yield
        finally:
            for pipe in self._pipes:
                pipe.close()

    def _directory(self, channel: InputChannel, source: ObjectSource, sandbox: Sandbox, *, stands: bool) -> None:
        chosen = channel.share(members(channel, source, self._s3))
        in_place = self._meets_output(channel) or (stands and channel.mode == "File" and _are_small(chosen))
        maker = TreeMaker(source, self._s3, self._control.check)
        directory = self._ml.root / channel.place
        access: Literal["read", "private"] = "private" if channel.mode == "File" else "read"
        shown = sandbox.declare()["private_views" if access == "private" else "shared_views"]
        tree = directory
        if shown.given and (source.beside or access == "read") and not in_place:
            tree = self._host.directory / "inputs" / channel.place
            directory.mkdir(parents=True, exist_ok=True)
            if not any(_within(channel.place, view.place) for view in self.views):
                self.views.append(View(tree, channel.place, access))
        if channel.mode == "File":
            self._volume.claim(sum(member.stored.size or 0 for member in chosen), elsewhere=tree is not directory)
        if not source.beside and channel.mode == "FastFile":
            self._mount_or_copy(channel, chosen, tree)
        elif not source.beside or (shown.given and tree is directory):
            maker.copy(chosen, tree)
        elif not shown.given:
            maker.copy(chosen, tree)
            self._say_copied(channel, f"sandbox {sandbox.name}: {shown.reason}")
        elif (no_link := maker.link(chosen, tree)) is not None:
            self._say_copied(channel, f"no hard links from the object store to the job's directory: {no_link}")

    def _meets_output(self, channel: InputChannel) -> bool:
        """True if one directory would contain both input and output."""
        places = [output.place for output in self._host.brief.outputs]
        return any(_within(channel.place, place) or _within(place, channel.place) for place in places)

    def _mount_or_copy(self, channel: InputChannel, chosen: list[ChannelMember], directory: Path) -> None:
        reason = no_mounts_reason()
        if reason is None:
            files, _folders = layout(chosen)
            directory.mkdir(parents=True, exist_ok=True)
            self._mounts[str(directory)] = files
        else:
            TreeMaker(S3Source(self._s3), self._s3, self._control.check).copy(chosen, directory)
            self._say_copied(channel, reason)

    def _say_copied(self, channel: InputChannel, reason: str) -> None:
        self._log(f"{channel.title}: {channel.mode} mode by copying ({reason}).")

    def _pipe(self, channel: InputChannel, source: ObjectSource) -> Pipe:
        content: PipeContent
        if channel.data.listing == DataListing.AUGMENTED:
            content = AugmentedContent(channel, self._s3, source)
        else:
            found = members(channel, source, self._s3)
            content = ObjectsContent(channel, self._pinned(channel, found, source) if source.beside else found)
        patient = JobS3(self._host, self._control.check_gone)  # a stopping job may read on until it ends
        writer = PipeWriter(patient, source, self._host.directory)
        place = self._ml.root / channel.place
        return Pipe(place.parent, place.name, content, writer, self._control)

    def _pinned(self, channel: InputChannel, found: list[ChannelMember], source: ObjectSource) -> list[ChannelMember]:
        """Returns the objects under private names, so that they remain while the job runs; unchanged if that is not possible."""
        tree = self._host.directory / "inputs" / channel.place
        numbered = [ChannelMember(member.stored, str(number)) for number, member in enumerate(found)]
        if TreeMaker(source, self._s3, self._control.check).pin(numbered, tree) is not None:
            return found
        return [ChannelMember(_at(member.stored, tree / member.path), member.path) for member in numbered]


def _within(place: str, other: str) -> bool:
    return f"{place}/".startswith(f"{other}/")


def _at(stored: Stored, file: Path) -> Stored:
    return Stored(stored.bucket, stored.key, file.stat().st_size, str(file))


def _are_small(chosen: list[ChannelMember]) -> bool:
    sizes = [member.stored.size for member in chosen[: SMALL_FILES + 1]]
    return len(sizes) <= SMALL_FILES and None not in sizes and sum(size or 0 for size in sizes) <= SMALL_BYTES
