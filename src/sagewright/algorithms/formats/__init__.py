"""The data formats of the built-in algorithms, each in one module, all giving `table.Table`.

`content_type` and `files` need the standard library only; the readers need numpy, and `reader` imports the one it needs.
"""
