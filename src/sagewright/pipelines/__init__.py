"""The language of pipelines: definitions, references, conditions, and what runs next. Pure, and of the standard library alone."""
