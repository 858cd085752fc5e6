"""Named entities of English texts by spaCy's small pipeline."""
