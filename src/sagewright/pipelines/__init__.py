"""The language of pipelines: definitions, references, conditions, and the plan of an execution. Pure, on the standard library
alone."""
