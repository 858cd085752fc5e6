"""Search and edit."""

from __future__ import annotations

from sagewright.wrangler.schema.catalogue import declare
from sagewright.wrangler.schema.declaration import Operator, Tool
from sagewright.wrangler.schema.fields import columns, flag, integer, output, text

_TEXT = (columns(), output())
_NOTE = "Of polars: no look-around, no back-references."
_PATTERN = text("pattern", "Pattern", required=True, most=10_000, note=_NOTE)
_REPLACEMENT = text("replacement", "Text instead", "", most=10_000)
_NEEDLE = (
    text("needle", "Text to find", required=True, most=10_000),
    integer("start_index", "From", 0, least=0),
    integer("end_index", "To", least=0),
)
_POSITION = (integer("start_position", "From", 0, least=0), integer("length", "Characters", 1, least=0))
_DELIMITERS = (
    text("left_delimiter", "Left", required=True, most=1000),
    text("right_delimiter", "Right", required=True, most=1000),
)

declare(
    [
        Operator(
            "sagemaker.spark.search_and_edit_0.1",
            "Search and edit",
            "Text",
            (
                Tool(
                    "Find and replace substring",
                    "Replaces all that matches a pattern.",
                    (
                        *_TEXT,
                        _PATTERN,
                        text("replacement", "Text instead", "", most=10_000, note="$1 is the first group."),
                    ),
                ),
                Tool(
                    "Split string by delimiter",
                    "Makes an array of the parts.",
                    (*_TEXT, text("delimiter", "Delimiter", " ", most=1000), integer("limit", "Most parts", most=1000)),
                ),
                Tool("Find substring", "Gives the first place of a text, from 0, or -1.", (*_TEXT, *_NEEDLE)),
                Tool(
                    "Find substring (from right)", "Gives the last place of a text, from 0, or -1.", (*_TEXT, *_NEEDLE)
                ),
                Tool(
                    "Matches",
                    "Says whether a part of the text matches a pattern.",
                    (*_TEXT, _PATTERN, flag("case", "Capitals matter", True)),
                ),
                Tool("Find all occurrences", "Makes an array of all that matches a pattern.", (*_TEXT, _PATTERN)),
                Tool(
                    "Extract using regex",
                    "Gives a group of the first match.",
                    (*_TEXT, _PATTERN, integer("index", "Group", 0, least=0, most=100, note="0: all that matches.")),
                ),
                Tool("Extract between delimiters", "Gives the text between two others.", (*_TEXT, *_DELIMITERS)),
                Tool("Extract from position", "Gives a part of the text.", (*_TEXT, *_POSITION)),
                Tool(
                    "Replace between delimiters",
                    "Replaces the text between two others.",
                    (*_TEXT, *_DELIMITERS, _REPLACEMENT),
                ),
                Tool("Replace from position", "Replaces a part of the text.", (*_TEXT, _REPLACEMENT, *_POSITION)),
                Tool("Convert regex to missing", "Makes texts missing that match a pattern.", (*_TEXT, _PATTERN)),
                Tool("Convert non-matches to missing", "Makes texts missing that don't match.", (*_TEXT, _PATTERN)),
            ),
        ),
    ]
)
