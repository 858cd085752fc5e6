"""A stand-in for code-server: a small program with its options, its health, a relative redirection, a page and a WebSocket.

It runs in the app's sandbox, with the tornado of the app's environment. It is no editor.
"""

STAND_IN = r"""#!/usr/bin/env python
import argparse, json, time
import tornado.httpserver, tornado.ioloop, tornado.netutil, tornado.web, tornado.websocket

options = argparse.ArgumentParser()
for name in ("--auth", "--socket"):
    options.add_argument(name)
for name in ("--disable-telemetry", "--disable-update-check"):
    options.add_argument(name, action="store_true")
options.add_argument("folder")
given = options.parse_args()
used = [0]


class Health(tornado.web.RequestHandler):
    def get(self):
        self.write({"status": "alive" if used[0] else "expired", "lastHeartbeat": used[0]})


class First(tornado.web.RequestHandler):
    def get(self):
        used[0] = int(time.time() * 1000)
        if not self.get_argument("folder", ""):
            return self.redirect("./?folder=" + given.folder)
        self.set_header("Set-Cookie", "vscode-tkn=1; Domain=localhost; Path=/")
        self.set_header("Service-Worker-Allowed", "/")
        self.write("<title>stand-in</title>" + json.dumps(vars(given)))


class Asked(tornado.web.RequestHandler):
    def get(self):
        self.write(dict(self.request.headers))


class Echo(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True

    def on_message(self, message):
        used[0] = int(time.time() * 1000)
        self.write_message(message, binary=isinstance(message, bytes))


routes = [("/healthz", Health), ("/", First), ("/asked", Asked), ("/stable-1/socket", Echo)]
server = tornado.httpserver.HTTPServer(tornado.web.Application(routes))
server.add_socket(tornado.netutil.bind_unix_socket(given.socket))
tornado.ioloop.IOLoop.current().start()
"""
