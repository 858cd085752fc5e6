"""Named entities of English texts by spaCy's small pipeline, which is fine-tuned from texts with marked entities."""
