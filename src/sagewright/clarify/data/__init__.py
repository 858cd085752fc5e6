"""Data sets as tables.

files       the files of an input, or of an S3 prefix
tabular     CSV with headers or without, and Parquet
jsonfiles   JSON and JSON Lines, by JMESPath expressions
dataset     the analysis's table: features, label, predicted label, facets, joined; the roles of its columns
"""
