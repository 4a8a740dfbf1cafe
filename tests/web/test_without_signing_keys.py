"""The site runs on a key folder that holds no private signing key: it answers all the same and can sign nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from certsvc.app import create_app, open_services
from certsvc.config import Settings
from certsvc.errors import KeyMissing
from certsvc.services.issuing.issue import issue
from certsvc.services.publishing.static import publish_static
from certsvc.signing.key_copy import copy_without_signing_keys
from certsvc.signing.keys import OPTIONAL_PURPOSES, SIGNING_PURPOSES, Purpose
from certsvc.signing.keystore import Keystore
from tests.builders.installation import Installation, made_up


def test_the_site_answers_with_keys_that_cannot_sign(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    (issued,) = home.issue(made_up(1))
    home.pdf(issued.number)
    publish_static(home.services)
    home.services.database.close()
    copy_without_signing_keys(tmp_path / "home" / "keys", tmp_path / "web-keys")
    names = {path.name for path in (tmp_path / "web-keys").iterdir()}
    assert not any(name.endswith(".pem") and not name.endswith(".chain.pem") for name in names)

    settings = Settings.from_environment(
        {"CERTSVC_HOME": str(tmp_path / "home"), "CERTSVC_KEYS": str(tmp_path / "web-keys")}
    )
    services = open_services(settings, now=home.clock)
    client = create_app(settings, services=services).test_client()
    page = client.get(f"/v/{issued.token}", headers={"Accept": "application/json", "Host": "localhost"})
    assert page.status_code == 200
    assert issued.number in page.text
    for path in ("/.well-known/did.json", "/log/checkpoint"):
        assert client.get(path, headers={"Host": "localhost"}).status_code == 200
    kid = services.keystore.active_kid(Purpose.PDF_SEAL)
    chain = client.get(f"/seal/{kid}.pem", headers={"Host": "localhost"})
    assert chain.data.count(b"BEGIN CERTIFICATE") == 2
    for strange in ("/seal/0000.pem", "/seal/00000000.pem", "/seal/0000000000000000.crl", "/gm/00000000.pem", "/gm/x"):
        assert client.get(strange, headers={"Host": "localhost"}).status_code == 404
    for purpose in SIGNING_PURPOSES - OPTIONAL_PURPOSES:
        with pytest.raises(KeyMissing):
            services.keystore.signer(purpose)
    assert issue(services, by="网站").issued == []
    services.database.close()


def test_the_copy_follows_a_rotation_and_names_no_token(tmp_path: Path) -> None:
    source = Keystore.open(tmp_path / "keys", b"secret")
    source.create_development("certs.example", "示例鉴定中心")
    copy_without_signing_keys(tmp_path / "keys", tmp_path / "web")
    running = Keystore.open(tmp_path / "web", b"secret")
    before = running.active_kid(Purpose.CREDENTIAL)
    source.distrust(before, 0)
    made = source.rotate(Purpose.SESSION, development=True)
    copy_without_signing_keys(tmp_path / "keys", tmp_path / "web")
    assert running.record(before).distrusted_from == 0
    assert running.secret(Purpose.SESSION) == source.secret(Purpose.SESSION, made.kid)
    assert "pkcs11" not in (tmp_path / "web" / "keys.json").read_text()


def test_a_source_that_lacks_a_file_is_not_copied_by_half(tmp_path: Path) -> None:
    source = Keystore.open(tmp_path / "keys", b"a passphrase")
    kid = source.new(Purpose.LOOKUP).kid
    (tmp_path / "keys" / f"lookup-{kid}.json").unlink()
    with pytest.raises(KeyMissing):
        copy_without_signing_keys(tmp_path / "keys", tmp_path / "web")
    assert not (tmp_path / "web" / "keys.json").exists()
