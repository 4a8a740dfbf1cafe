"""One issuer's certificates, one of each kind that a verifier must tell apart, issued by our services for real.

Keys are rotated twice and the first one is distrusted on the way; the seal's certificate comes from a certification
authority of its own that publishes a revocation list, as a customer's would. Only what no service can make (an expired
certificate of the past, one without status) is composed and signed here, by the same keys.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.credential.canonical import canonical_bytes
from certsvc.credential.checked import check
from certsvc.credential.compact import compact_claims
from certsvc.credential.document import CertificateClaims, compose, read_claims
from certsvc.credential.token import format_token
from certsvc.services.certificates.change_status import revoke, suspend
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.certificates.distrust import distrust
from certsvc.services.context import Services
from certsvc.services.publishing.static import publish_static
from certsvc.signing.keys import Purpose, Signer
from certsvc.signing.keystore import Keystore
from certsvc.signing.proofs import sign_compact, sign_credential
from certsvc.signing.trust import TrustBundle
from tests.builders.installation import Clock, Installation, Person, made_up
from tests.conformance.authority import Authority

CONTEXTS = Path(__file__).parents[1] / "credential" / "contexts"
OPEN_BADGES = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
RARE_NAME = "阿依古丽·买买提𠮷"


@dataclass
class World:
    """`credentials`, `codes` (COSE) and `pdfs` by kind; `published` is the folder of static files."""

    folder: Path
    installation: Installation
    authority: Authority
    published: Path
    credentials: dict[str, bytes] = field(default_factory=dict)
    codes: dict[str, bytes] = field(default_factory=dict)
    pdfs: dict[str, bytes] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    leaves: dict[str, int] = field(default_factory=dict)

    @property
    def services(self) -> Services:
        return self.installation.services

    @property
    def trust(self) -> TrustBundle:
        return self.services.trust

    def claims(self, kind: str) -> CertificateClaims:
        # Read without asking any proof: here it is others who judge.
        return read_claims(
            {name: value for name, value in json.loads(self.credentials[kind]).items() if name != "proof"}
        )

    def write(self, name: str, content: bytes) -> Path:
        """A file for another program to read."""
        path = self.folder / "given" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path


def make_world(folder: Path) -> World:
    """Issues, rotates, distrusts, revokes, suspends, supersedes and publishes."""
    home = folder / "home"
    # Other programs look at their own clock, so this world lives today.
    clock = Clock(datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1))
    home.mkdir(parents=True)
    (home / "passphrase").write_text("of the world\n")  # a real seal is not kept in clear
    installation = Installation(home, clock)
    authority = Authority()
    _seal_by_authority(installation.services.keystore, authority)
    world = World(folder, installation, authority, home / "published")
    keystore = installation.services.keystore
    _issue(world, "distrusted", made_up(1))
    stolen = keystore.rotate(Purpose.CREDENTIAL, development=True)
    first = next(record for record in keystore.records() if record.purpose is Purpose.CREDENTIAL)
    assert first.kid != stolen.kid
    distrust(installation.services, first.kid, world.leaves["distrusted"] + 1, by="密钥管理员")
    clock.at = datetime.now(UTC).replace(microsecond=0)
    installation.reopen()
    for serial, kind in enumerate(("rotated", "revoked", "suspended", "superseded"), 2):
        _issue(world, kind, made_up(serial))
    installation.services.keystore.rotate(Purpose.CREDENTIAL, development=True)
    _seal_by_authority(installation.services.keystore, authority)
    clock.at = datetime.now(UTC).replace(microsecond=0)
    installation.reopen()
    _issue(world, "good", made_up(6, RARE_NAME))
    _issue(world, "another", made_up(7))
    revoke(installation.services, world.numbers["revoked"], reason="考试舞弊", by="审批员")
    suspend(installation.services, world.numbers["suspended"], reason="待核实", by="审批员")
    _supersede(world)
    publish_static(installation.services)
    _compose(world)
    _spoil(world)
    _list_documents(world)
    return world


def _seal_by_authority(keystore: Keystore, authority: Authority) -> None:
    record = keystore.rotate(Purpose.PDF_SEAL)
    request = keystore.certificate_request(record.kid, "示例鉴定中心 样例 SAMPLE", "示例鉴定中心")
    keystore.import_chain(record.kid, authority.answer(request))


def _issue(world: World, kind: str, person: Person) -> None:
    (issued,) = world.installation.issue(person)
    _keep(world, kind, issued.number)


def _keep(world: World, kind: str, number: str, version: int = 1) -> None:
    row = world.installation.row(number, version)
    assert row.credential is not None
    assert row.cose is not None
    assert row.leaf_index is not None
    world.numbers[kind] = number
    world.credentials[kind], world.codes[kind] = row.credential, row.cose
    world.leaves[kind] = row.leaf_index
    world.pdfs[kind] = world.installation.pdf(number, version)


def _supersede(world: World) -> None:
    correct(
        world.services,
        world.numbers["superseded"],
        Correction(name=RARE_NAME),
        reason="姓名录入有误",
        by="登记员",
        approved_by="审批员",
    )
    _keep(world, "successor", world.numbers["superseded"], version=2)


def _compose(world: World) -> None:
    """Kinds that no service issues today, signed by the installation's own key."""
    signer = world.services.keystore.signer(Purpose.CREDENTIAL)
    good = world.claims("good")
    past = world.services.today() - timedelta(days=30)
    for number, (kind, changes) in enumerate(
        {
            "expired": {"issued_on": past, "valid_until": past + timedelta(days=10)},
            "in force": {"issued_on": past, "valid_until": past + timedelta(days=3650)},
            "without status": {"status_entries": ()},
            "expired, without status": {
                "status_entries": (),
                "issued_on": past,
                "valid_until": past + timedelta(days=10),
            },
        }.items()
    ):
        claims = replace(good, token=format_token(bytes([number]) * 16), **changes)
        world.credentials[kind] = sign(world, claims, signer)


def sign(world: World, claims: CertificateClaims, signer: Signer, kind: str | None = None) -> bytes:
    """A credential with these claims by that key; under `kind` its QR code is kept too."""
    checked = check(compose(claims), drawable=None)
    compact = compact_claims(claims, checked.digest8)
    method = f"{world.trust.did}#{signer.kid}"
    if kind is not None:
        world.codes[kind] = sign_compact(compact, signer)
    return sign_credential(checked, signer, method, world.services.now())


def _spoil(world: World) -> None:
    """Forgeries: each keeps to the form, so only a proof can tell."""
    good, another = json.loads(world.credentials["good"]), json.loads(world.credentials["another"])

    def keep(kind: str, document: dict[str, object]) -> None:
        world.credentials[kind] = canonical_bytes(document)

    keep("another name", {**good, "credentialSubject": {**good["credentialSubject"], "name": "李四"}})
    keep("another day", {**good, "validFrom": "2024-01-01T00:00:00+08:00"})
    keep("another status place", {**good, "credentialStatus": another["credentialStatus"]})
    keep("proofs of another", {**good, "proof": another["proof"]})
    keep("another purpose", _with_proofs(good, proofPurpose="authentication"))
    keep("another time", _with_proofs(good, created="2025-01-01T00:00:00Z"))
    foreign = Keystore.open(world.folder / "foreign", None)
    foreign.create_development("certsvc.example", "冒名机构")
    signer = foreign.signer(Purpose.CREDENTIAL)
    world.credentials["foreign key"] = sign(world, world.claims("good"), signer, "foreign key")
    genuine = good["proof"][0]["verificationMethod"]
    forged = json.loads(world.credentials["foreign key"])
    keep("foreign key under our name", _with_proofs(forged, verificationMethod=genuine))
    log = world.services.keystore.signer(Purpose.LOG_CHECKPOINT)
    world.credentials["key of another purpose"] = sign(world, world.claims("good"), log, "key of another purpose")
    lists = world.services.keystore.signer(Purpose.STATUS_LIST)
    world.credentials["status list key"] = sign(world, world.claims("good"), lists, "status list key")


def _with_proofs(document: dict[str, object], **changes: str) -> dict[str, object]:
    proofs = document["proof"]
    assert isinstance(proofs, list)
    return {**document, "proof": [{**proof, **changes} for proof in proofs]}


FORGERIES = (
    "another name",
    "another day",
    "another status place",
    "proofs of another",
    "another purpose",
    "another time",
    "foreign key",
    "foreign key under our name",
    "key of another purpose",
)
"""Kinds that every verifier must refuse."""


def _list_documents(world: World) -> None:
    """What the Node scripts may load, by address: documents.json beside the files."""
    files = {
        world.trust.did: world.published / ".well-known" / "did.json",
        "jwks": world.published / ".well-known" / "jwks.json",
        OPEN_BADGES: CONTEXTS / "open-badges-3.0.3.json",
    }
    base = world.services.base_url
    files |= {f"{base}/status/{path.name}": path for path in (world.published / "status").iterdir()}
    (world.folder / "documents.json").write_text(
        json.dumps({address: str(path.resolve()) for address, path in files.items()})
    )


def root_pem(certificates: tuple[x509.Certificate, ...]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
