"""The parts of the pipeline that find entities."""

from __future__ import annotations

from pathlib import Path

import spacy

from sagewright_jumpstart.manifest import Manifest

_NEEDED = ("tok2vec", "ner")
_OTHERS = ("tagger", "parser", "senter", "attribute_ruler", "lemmatizer")


def load_pipeline(manifest: Manifest, folder: Path) -> spacy.Language:
    return spacy.load(manifest.weights_folder(folder), exclude=_OTHERS, enable=_NEEDED)
