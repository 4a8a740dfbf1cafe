"""The RDF form of a credential as canonical N-Quads (RDFC-1.0), written directly instead of by a JSON-LD processor.

eddsa-rdfc-2022 signs this form. Every node of our documents has an IRI (see `document`), so there is no blank node to
label and the canonical form is the sorted set of statements; the tests compare it with a JSON-LD processor's on every
kind of document. It is a hundred times as fast, and no JSON-LD processor meets hostile input.
Only documents that `read_claims` accepts have a form here: `compose` decides what there is to say.
Source: JSON-LD 1.1 API 8 (to RDF), RDFC-1.0 4 and 5 (canonical N-Quads), VC DI EdDSA 3.2.
"""

from __future__ import annotations

from typing import Final, cast

from certsvc.credential.document import OWN

_XSD: Final = "http://www.w3.org/2001/XMLSchema#"
_TYPE: Final = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
_VC: Final = "https://www.w3.org/2018/credentials#"
_STATUS: Final = "https://www.w3.org/ns/credentials/status#"
_OB: Final = "https://purl.imsglobal.org/spec/vc/ob/vocab.html#"
_SCHEMA: Final = "https://schema.org/"
_SECURITY: Final = "https://w3id.org/security#"

_CLASSES: Final = {
    "VerifiableCredential": _VC + "VerifiableCredential",
    "OpenBadgeCredential": _OB + "OpenBadgeCredential",
    "Profile": _OB + "Profile",
    "AchievementSubject": _OB + "AchievementSubject",
    "Achievement": _OB + "Achievement",
    "Result": _OB + "Result",
    "BitstringStatusListEntry": _STATUS + "BitstringStatusListEntry",
    OWN + "Certificate": OWN + "Certificate",
}
# Member name → (predicate, datatype): None for a plain string, "@id" for an IRI.
_PREDICATES: Final[dict[str, tuple[str, str | None]]] = {
    "issuer": (_VC + "issuer", "@id"),
    "credentialSubject": (_VC + "credentialSubject", "@id"),
    "credentialStatus": (_VC + "credentialStatus", "@id"),
    "validFrom": (_VC + "validFrom", _XSD + "dateTime"),
    "validUntil": (_VC + "validUntil", _XSD + "dateTime"),
    "statusPurpose": (_STATUS + "statusPurpose", None),
    "statusListIndex": (_STATUS + "statusListIndex", None),
    "statusListCredential": (_STATUS + "statusListCredential", "@id"),
    "name": (_SCHEMA + "name", None),
    "description": (_SCHEMA + "description", None),
    "value": (_SCHEMA + "value", None),
    "licenseNumber": (_OB + "licenseNumber", None),
    "achievement": (_OB + "achievement", "@id"),
    "achievementType": (_OB + "achievementType", None),
    "criteria": (_OB + "Criteria", "@id"),
    "narrative": (_OB + "narrative", None),
    "result": (_OB + "result", "@id"),
}
_HEADS: Final = {
    name: (f"<{predicate}>", "" if datatype in (None, "@id") else f"^^<{datatype}>", datatype == "@id")
    for name, (predicate, datatype) in _PREDICATES.items()
}
_INTEGER: Final = f"^^<{_XSD}integer>"
_BOOLEAN: Final = f"^^<{_XSD}boolean>"


def canonical_quads(document: dict[str, object]) -> bytes:
    """The canonical N-Quads of a document that `read_claims` accepts, in UTF-8."""
    statements: list[str] = []
    _state(document, statements)
    statements.sort()
    return "".join(statements).encode()


def _state(node: dict[str, object], statements: list[str]) -> None:
    subject = f"<{node['id']}>"
    for name, value in node.items():
        if name == "type":
            kinds = [value] if isinstance(value, str) else cast("list[str]", value)
            statements += [f"{subject} {_TYPE} <{_CLASSES[kind]}> .\n" for kind in kinds]
        elif name not in ("@context", "id"):
            # A member of our own vocabulary is its own predicate.
            predicate, datatype, is_iri = _HEADS.get(name) or (f"<{name}>", "", False)
            several: list[object] = value if isinstance(value, list) else [value]
            for each in several:
                if isinstance(each, dict):
                    statements.append(f"{subject} {predicate} <{each['id']}> .\n")
                    _state(each, statements)
                else:
                    statements.append(f"{subject} {predicate} {_object(each, datatype, is_iri)} .\n")


def _object(value: object, datatype: str, is_iri: bool) -> str:
    if isinstance(value, str):
        return f"<{value}>" if is_iri else f'"{_escaped(value)}"{datatype}'
    if isinstance(value, bool):
        return f'"{"true" if value else "false"}"{_BOOLEAN}'
    return f'"{value}"{_INTEGER}'


def _escaped(text: str) -> str:
    """The escapes of canonical N-Quads; the format has no control characters (`fields.check_text`)."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def canonical_proof_quads(created: str, cryptosuite: str, verification_method: str) -> bytes:
    """The canonical N-Quads of a proof configuration: one blank node, already in sorted order."""
    return (
        f'_:c14n0 <http://purl.org/dc/terms/created> "{created}"^^<{_XSD}dateTime> .\n'
        f"_:c14n0 {_TYPE} <{_SECURITY}DataIntegrityProof> .\n"
        f'_:c14n0 <{_SECURITY}cryptosuite> "{cryptosuite}"^^<{_SECURITY}cryptosuiteString> .\n'
        f"_:c14n0 <{_SECURITY}proofPurpose> <{_SECURITY}assertionMethod> .\n"
        f"_:c14n0 <{_SECURITY}verificationMethod> <{verification_method}> .\n"
    ).encode()
