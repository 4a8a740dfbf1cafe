"""Asking a time-stamp authority, and fetching its lists, leads nowhere but where was asked."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from certsvc.errors import Unavailable
from certsvc.signing import stamp_authority
from certsvc.signing.stamp_authority import StampAuthority
from tests.signing.tsa import Authority


@pytest.mark.usefixtures("socket_enabled")
def test_no_redirect_is_followed_to_a_list_or_a_stamp(tmp_path: Path) -> None:
    """An address in a certificate leads nowhere else: not into the network that only this machine can reach."""
    asked: list[str] = []

    class Inside(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - as the server asks for it

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Inside) as inside:

        class Leading(Inside):
            def do_GET(self) -> None:
                self.send_response(302)
                self.send_header("Location", f"http://127.0.0.1:{inside.server_port}/metadata")
                self.end_headers()

            do_POST = do_GET  # noqa: N815 - as the server asks for it

        with ThreadingHTTPServer(("127.0.0.1", 0), Leading) as leading:
            for server in (inside, leading):
                Thread(target=server.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{leading.server_port}/list.crl"
            authority = Authority(tmp_path, lists=True)
            with pytest.raises(OSError, match="302"):
                stamp_authority._get(address)
            with pytest.raises(Unavailable, match="Found"):
                StampAuthority(address, authority.roots).stamp(b"signature")
            for server in (inside, leading):
                server.shutdown()
    assert asked == []
