"""The data formats of the built-in algorithms, each in one module; all return `table.Table`.

`content_type` and `files` need only the standard library. The readers need numpy, and `reader` imports the one that is used.
"""
