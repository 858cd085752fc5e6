"""JumpStart's catalogue: pretrained models, described once and rendered for every client.

`entries` reads `catalogue/<id>.toml`; `specs` renders the files that SDK v2 and v3's ModelBuilder read from S3, `hubdocuments` the
document that v3's ModelTrainer and private hubs read; `archives` makes the files of a model from the scripts in
`packages/sagewright-jumpstart`. Imports only `model`.
"""
