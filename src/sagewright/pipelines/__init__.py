"""The language of pipelines: definitions, references, conditions, and the plan of an execution. Pure functions that need only
the standard library."""
