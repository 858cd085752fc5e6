"""Studio: the pages in the browser. A client of the operations, in process, with the rights of the signed-in principal.

Imports no store, no engine and no service: the server passes in what it needs (`operations`, `sessions`, `live`).
"""
