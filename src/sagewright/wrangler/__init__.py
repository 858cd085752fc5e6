"""Data Wrangler: flows of AWS's form, run inside jobs and in the sessions of Studio's pages. Imports `clarify` and modules that
jobs have.

`flows` is the document, `schema` declares the operators (both need only the standard library, and Studio's forms read them),
`operators` carries them out, `sources` and `destinations` read and write data, `insights` and `charts` look at it, `code` prints a
flow as a program, `job` runs one as a processing job, `online` applies one to requests, and `session` answers previews.
"""
