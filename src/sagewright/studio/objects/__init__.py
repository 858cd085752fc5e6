"""Previews of objects by their bytes: `previews`, `facets` of their rows, and `thrift` for the footers of Parquet files. Imports
nothing else of Studio.
"""
