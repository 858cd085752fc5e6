"""Proxy to notebooks, each with a separate origin: sessions, HTTP streamed both ways, and tunnels for WebSockets.

`routes` know which notebooks there are, `sessions` who may reach one, `headers` what passes in each direction, `tunnels` carry
WebSockets, `refusals` are the responses of the proxy itself, `application` joins them. Imports http, upstream, model and
`front.keys`.
"""
