"""Serve this folder as any host of static sites does: an unknown address, as of a scanned code, gets 404.html.

    python3 hosting/serve.py [PORT [ADDRESS]]      (8000 127.0.0.1)

Nothing but Python's standard library. It lists no folders. Over the open internet put a real web server in its place:
the other files here are ready for some.
"""

import sys
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

KIT = Path(__file__).resolve().parent.parent


class Files(SimpleHTTPRequestHandler):
    """As they are; every other address gets the kit's page."""

    def list_directory(self, _path):
        self.send_error(HTTPStatus.NOT_FOUND)

    def send_error(self, code, message=None, explain=None):
        if code != HTTPStatus.NOT_FOUND or self.command not in ("GET", "HEAD"):
            super().send_error(code, message, explain)
            return
        content = (Path(self.directory) / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


if __name__ == "__main__":
    port, address = (*sys.argv[1:], *("8000", "127.0.0.1")[len(sys.argv) - 1 :])
    server = ThreadingHTTPServer((address, int(port)), partial(Files, directory=str(KIT)))
    print(f"http://{address}:{server.server_port}/", flush=True)
    with suppress(KeyboardInterrupt):
        server.serve_forever()
