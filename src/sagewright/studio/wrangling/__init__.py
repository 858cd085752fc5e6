"""Flows of Data Wrangler as its pages show and change them. Imports `wrangler.flows` and `wrangler.schema`, never the engine.

`saved` keeps flows in S3, `edits` changes them, `stepforms` turns declarations into forms and back, `stepnames` words steps,
`programs` prints flows, `sessions` asks the session for rows, and `previewtables` lays its answer out.
"""
