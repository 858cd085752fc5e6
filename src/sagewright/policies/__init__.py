"""AWS's policies: documents, their conditions, and the decision of a request. Imports nothing of Sagewright, and no other package
than RE2.

`documents` reads a policy, `patterns` matches names and ARNs, `conditions` compares context keys, `evaluation` decides.
"""
