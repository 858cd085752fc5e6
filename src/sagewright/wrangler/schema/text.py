"""Texts: formats, checks, features."""

from __future__ import annotations

from sagewright.wrangler.schema.catalogue import declare
from sagewright.wrangler.schema.declaration import Operator, Tool
from sagewright.wrangler.schema.fields import choice, column, columns, flag, integer, number, option, output, text

GROUP = "Text"
SYMBOLS = "!@#$%^&*()_+=-/\\`~{}|<>?"
_TEXT = (columns(), output())
_WIDTH = integer("width", "Width", 10, least=1, most=1000)
_FILL = text("fill_character", "Fill with", " ", most=10)
_STRIP = text("characters_to_remove", "Characters", "", note="Empty: white space.", most=1000)
_VALUE = text("value", "Text", required=True, most=10_000)
_VALID = text("output_column", "New column", note="Empty: <column>_valid.", most=1000)
_FREQUENCY = {"least": 0}

declare(
    [
        Operator(
            "sagemaker.spark.format_string_0.1",
            "Format string",
            GROUP,
            (
                Tool("Left pad", "Fills up on the left.", (*_TEXT, _WIDTH, _FILL)),
                Tool("Right pad", "Fills up on the right.", (*_TEXT, _WIDTH, _FILL)),
                Tool("Center (pad on either side)", "Fills up on both sides.", (*_TEXT, _WIDTH, _FILL)),
                Tool("Prepend zeros", "Fills up with zeros, after a sign.", (*_TEXT, _WIDTH)),
                Tool("Strip left and right", "Removes characters at both ends.", (*_TEXT, _STRIP)),
                Tool("Strip characters from left", "Removes characters at the start.", (*_TEXT, _STRIP)),
                Tool("Strip characters from right", "Removes characters at the end.", (*_TEXT, _STRIP)),
                Tool("Lower case", "Writes letters small.", _TEXT),
                Tool("Upper case", "Writes letters as capitals.", _TEXT),
                Tool("Title case", "Writes each word with a capital.", _TEXT),
                Tool("Capitalize", "Writes the first letter as a capital, the others small.", _TEXT),
                Tool("Swap case", "Turns capitals into small letters, and the other way round.", _TEXT),
                Tool(
                    "Add prefix or suffix",
                    "Adds text before or after.",
                    (*_TEXT, text("prefix", "Before", "", most=10_000), text("suffix", "After", "", most=10_000)),
                ),
                Tool("Remove symbols", "Removes characters.", (*_TEXT, text("symbols", "Symbols", SYMBOLS, most=1000))),
            ),
        ),
        Operator(
            "sagemaker.spark.validate_string_0.1",
            "Validate string",
            GROUP,
            (
                Tool("Equals", "The text is another.", (column(), _VALID, _VALUE)),
                Tool("Contains", "The text contains another.", (column(), _VALID, _VALUE)),
                Tool("Starts with", "The text starts with another.", (column(), _VALID, _VALUE)),
                Tool("Ends with", "The text ends with another.", (column(), _VALID, _VALUE)),
                Tool(
                    "Matches regex",
                    "A part of the text matches a pattern.",
                    (column(), _VALID, text("pattern", "Pattern", required=True, most=10_000)),
                ),
                Tool(
                    "Length",
                    "The text has so many characters.",
                    (
                        column(),
                        _VALID,
                        integer("minimum_length", "Fewest", 0, least=0),
                        integer("maximum_length", "Most", least=0),
                    ),
                ),
                Tool("Is alphabetic", "All characters are letters.", (column(), _VALID)),
                Tool("Is numeric", "All characters are digits.", (column(), _VALID)),
                Tool("Is alphanumeric", "All characters are letters or digits.", (column(), _VALID)),
                Tool("Is upper case", "All letters are capitals.", (column(), _VALID)),
                Tool("Is lower case", "All letters are small.", (column(), _VALID)),
            ),
        ),
        Operator(
            "sagemaker.spark.featurize_text_0.1",
            "Featurize text",
            GROUP,
            (
                Tool(
                    "Character statistics",
                    "Counts words and characters, and the shares of capitals, small letters, digits and symbols.",
                    (columns(), output("Empty: <column>-stats_word_count and so on.")),
                ),
                Tool(
                    "Vectorize",
                    "Makes a vector of each text's words.",
                    (
                        column(),
                        output(),
                        choice(
                            "tokenizer",
                            "Words",
                            (
                                option("Standard"),
                                option(
                                    "Custom",
                                    integer("minimum_token_length", "Fewest characters", 1, least=1, most=1000),
                                    flag("gaps", "The pattern matches what is between words", True),
                                    text("pattern", "Pattern", r"\s+", most=10_000),
                                    flag("to_lowercase", "Small letters", True),
                                ),
                            ),
                            prefixed=True,
                        ),
                        choice(
                            "vectorizer",
                            "Vector",
                            (
                                option(
                                    "Count vectorizer",
                                    flag("binarize_count", "1 for each word that occurs"),
                                    number("minimum_term_frequency", "Fewest times in a text", 1, **_FREQUENCY),
                                    number("minimum_document_frequency", "Fewest texts", 1, **_FREQUENCY),
                                    number("maximum_document_frequency", "Most texts", 0.999, **_FREQUENCY),
                                    integer("maximum_vocabulary_size", "Most words", 262144, least=1, most=1_000_000),
                                ),
                                option(
                                    "Hashing",
                                    flag("binarize_count", "1 for each word that occurs"),
                                    integer("number_of_features", "Features", 4096, least=1, most=262144),
                                ),
                            ),
                            prefixed=True,
                        ),
                        choice(
                            "apply_idf",
                            "Weigh rare words more",
                            (
                                option("Yes", integer("minimum_document_frequency", "Fewest texts", 1, least=0)),
                                option("No"),
                            ),
                            prefixed=True,
                        ),
                        choice("output_format", "Result", ("Vector", "Columns")),
                    ),
                ),
            ),
            fits=True,
        ),
    ]
)
