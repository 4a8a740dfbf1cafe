"""PAdES B-LTA as an operator comes by it: an offline root and its lists by our own commands, an authority on loopback,
`certificate archive --level lta`, and what is said when the authority is down or wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.builders.person import Candidate
from tests.signing.tsa import FIRST, SECOND, Authority

Certsvc = Callable[..., Any]


class Operator:
    """The commands an operator gives, in a home whose seal an offline root certified."""

    def __init__(self, certsvc: Certsvc, folder: Path) -> None:
        self.certsvc, self.folder = certsvc, folder
        self.root, passphrase, request = folder / "root", folder / "passphrase", folder / "seal.csr"
        passphrase.write_text("offline\n")
        self.with_key = ("--passphrase-file", passphrase)
        kid = self.told("key", "rotate", "pdf-seal", "--real", "--json")["kid"]
        self.told("key", "root", "new", self.root, "--name", "示例鉴定中心", *self.with_key)
        self.told("key", "request", kid, "--name", "印章", "--organisation", "示例鉴定中心", "-o", request)
        base = ("--base-url", "https://certsvc.example")
        self.told("key", "root", "sign", self.root, "--request", request, *base, *self.with_key, "-o", folder / "pem")
        self.told("key", "import-chain", kid, folder / "pem")

    def told(self, *command: object) -> Any:
        """What a command that must succeed says."""
        result = self.certsvc(*command)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout) if "--json" in command else result.stdout

    def import_list(self) -> None:
        self.told("key", "root", "crl", self.root, *self.with_key, "-o", self.folder / "root.crl")
        self.told("key", "crl", self.folder / "root.crl")

    def archive(self, *more: str) -> tuple[int, dict[str, Any], str]:
        """Exit status, the report, what was said beside it."""
        result = self.certsvc("certificate", "archive", "--level", "lta", "--json", *more)
        return result.exit_code, json.loads(result.stdout), result.stderr

    def levels(self, numbers: list[str]) -> set[str]:
        shown = [self.told("certificate", "show", number, "--json") for number in numbers]
        return {entry["pdf_level"] for (entry,) in shown}


def a_second_later() -> None:
    """Lists tell whole seconds; one made since a stamp is made in a later one."""
    time.sleep(1.01)


@pytest.mark.slow
def test_b_lta_from_the_offline_root_to_the_verdict_and_every_way_it_can_fail(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The authority's first certificate ended yesterday; it stamps under the second.
    authority = Authority(tmp_path / "tsa", lists=True, until=datetime.now(UTC) - timedelta(days=1))
    authority.under = SECOND
    pem = tmp_path / "roots.pem"
    pem.write_bytes(b"".join(root.public_bytes(Encoding.PEM) for root in authority.roots))
    monkeypatch.setenv("CERTSVC_TSA_ROOTS", str(pem))
    operator = Operator(certsvc, tmp_path)
    operator.import_list()
    with authority.serving() as url:
        monkeypatch.setenv("CERTSVC_TSA_URL", url)
        a_second_later()
        numbers = [one["number"] for one in operator.told("issue", "--json")["certificates"]]
        assert operator.levels(numbers) == {"B-T"}

        status, report, said = operator.archive()
        assert (status, report["raised"], report["no_list"], report["waiting"]) == (1, 0, 3, 3)
        assert "made before what it is to vouch for; the next one is due by" in said
        a_second_later()
        operator.import_list()

        for fault, words in (
            ("junk", "no time stamp to be had"),
            ("refused", "the authority said rejection: no suchpolicy"),
            ("another question", "another question"),
            ("another imprint", "of something else"),
            ("expired", "not valid at the time"),
            ("no list", "no revocation list to be had"),
        ):
            authority.fault, authority.under = ("", FIRST) if fault == "expired" else (fault, SECOND)
            status, report, said = operator.archive()
            assert (status, report["raised"], report["waiting"], report["level"]) == (1, 0, 3, "B-LTA"), fault
            assert words in said, fault
            assert operator.levels(numbers) == {"B-T"}, fault
        authority.fault, authority.under = "", SECOND
    status, report, said = operator.archive()  # no one listens
    assert (status, report["raised"], report["waiting"]) == (1, 0, 3)
    assert "Connection refused" in said
    assert operator.levels(numbers) == {"B-T"}

    with authority.serving() as url:
        monkeypatch.setenv("CERTSVC_TSA_URL", url)
        said = operator.told("certificate", "archive", "--level", "lta")
        assert "3 raised, 0 waiting" in said
        assert operator.levels(numbers) == {"B-LTA"}
        assert "PAdES B-LTA 证明至 proven until 2060-01-01" in operator.told("certificate", "show", numbers[0])
        assert operator.archive()[:2] == (0, {**report, "raised": 0, "waiting": 0, "no_list": 0, "fault": None})
        # On demand it is stamped once more, as it would be before the authority's certificate ends.
        a_second_later()
        assert certsvc("certificate", "archive", "--renew").exit_code == 2
        status, report, _ = operator.archive("--renew")
        assert (status, report["renewed"], report["waiting"]) == (0, 3, 0)

    operator.told("certificate", "pdf", numbers[0], "-o", tmp_path / "one.pdf")
    monkeypatch.delenv("CERTSVC_TSA_URL")
    for how in ((), ("--offline",)):
        verified = operator.told("verify", tmp_path / "one.pdf", *how, "--json")
        assert verified["verdict"] == "valid"
        (archived,) = (check for check in verified["checks"] if check["name"] == "pdf-archive")
        assert archived["ok"] is True
    said = operator.told("verify", tmp_path / "one.pdf", "--offline")
    assert "PAdES B-LTA" in said
    assert "proven until 2060-01-01" in said
    changed = bytearray((tmp_path / "one.pdf").read_bytes())
    changed[-2_000] ^= 1
    (tmp_path / "changed.pdf").write_bytes(changed)
    assert json.loads(certsvc("verify", tmp_path / "changed.pdf", "--offline", "--json").stdout)["verdict"] != "valid"
