"""Prints flows as programs."""

from __future__ import annotations

from sagewright.wrangler.flows import Flow


def program(flow: Flow) -> str:
    raise NotImplementedError
