"""The docs as a site, under `/docs`: the files that `make docs` has built, or a page that says they are not built.

`manifest` reads the list of built files, `application` answers requests by it: no path of a request reaches the file system.
Imports only HTTP's parts.
"""
