"""Flows as programs, as text: nothing here imports polars.

program   the whole flow as a program for polars that runs by itself, with the source of the operators that it uses
inlining  modules of operators as one file
snippets  one step as a few lines of polars, pandas or PySpark
"""

from __future__ import annotations

from sagewright.wrangler.code.program import program
from sagewright.wrangler.code.snippets import step

__all__ = ["program", "step"]
