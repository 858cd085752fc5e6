"""S3 over REST: routes, forms of browsers, and CORS.

Imports the protocols and models of `wire`.
"""
