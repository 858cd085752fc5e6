"""Proxy to notebooks, each with a separate origin: sessions, HTTP streamed both ways, and tunnels for WebSockets.

`routes` knows the notebooks, `sessions` checks who may reach one, `headers` filters both directions, `tunnels` carry
WebSockets, `refusals` are the responses of the proxy itself, `application` joins them. Imports http, upstream, model and
`front.keys`.
"""
