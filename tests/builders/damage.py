"""What happens to a certificate's PDF on its way, and what forgers make of one: each kind as a function of the file.

None of the first changes what was issued; the file is no original any more, and nothing worse. Each of the second shows
another person, or takes the seal, the credential or the code for something they were not made for.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import cache
from types import MappingProxyType
from typing import Final

import pikepdf
import pypdfium2
from asn1crypto import keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from cryptography.x509.oid import NameOID
from PIL import Image
from pyhanko.pdf_utils.generic import ArrayObject, DictionaryObject, FloatObject, NameObject, TextStringObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import SimpleSigner, fields, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore
from reportlab.pdfgen import canvas

Specimen = Callable[[bytes, bytes], bytes]
"""The file, and that of another certificate."""


def saved(pdf: pikepdf.Pdf, **how: object) -> bytes:
    target = io.BytesIO()
    pdf.save(target, **how)
    return target.getvalue()


def rewritten(pdf: bytes, **how: object) -> bytes:
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        return saved(opened, **how)


def commented(pdf: bytes) -> bytes:
    """A reader's comment, as an incremental update."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    page = writer.root["/Pages"]["/Kids"][0]
    note = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Annot"),
            NameObject("/Subtype"): NameObject("/FreeText"),
            NameObject("/Contents"): TextStringObject("收到"),
            NameObject("/Rect"): ArrayObject([FloatObject(at) for at in (50, 50, 200, 80)]),
        }
    )
    annotations = page.get("/Annots", ArrayObject())
    page["/Annots"] = ArrayObject([*annotations, writer.add_object(note)])
    writer.update_container(page)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def resaved(pdf: bytes) -> bytes:
    """A reader's "save": new metadata in an incremental update."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    writer.set_info(writer.add_object(DictionaryObject({NameObject("/Producer"): TextStringObject("Reader 9")})))
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def merged(*files: bytes) -> bytes:
    whole = pikepdf.new()
    for file in files:
        with pikepdf.open(io.BytesIO(file)) as part:
            whole.add_pages_from(part)
    return saved(whole)


def portfolio(*files: bytes) -> bytes:
    whole = pikepdf.open(io.BytesIO(drawn_page("cover")))
    for number, file in enumerate(files):
        whole.attachments[f"{number}.pdf"] = pikepdf.AttachedFileSpec(whole, file)
    return saved(whole)


def mailed(pdf: bytes) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "hr@example.org", "me@example.org", "证书"
    mail.set_content("见附件")
    mail.add_attachment(pdf, maintype="application", subtype="pdf", filename="证书.pdf")
    return mail.as_bytes()


def mailed_and_signed(pdf: bytes) -> bytes:
    key, certificate = stranger("Post Office")
    builder = PKCS7SignatureBuilder().set_data(mailed(pdf)).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(Encoding.SMIME, [PKCS7Options.DetachedSignature])


def in_cms(content: bytes) -> bytes:
    """A file signed with CMS around it: .p7m."""
    key, certificate = stranger("Post Office")
    return (
        PKCS7SignatureBuilder()
        .set_data(content)
        .add_signer(certificate, key, hashes.SHA256())
        .sign(Encoding.DER, [PKCS7Options.Binary])
    )


def zipped(*files: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, file in enumerate(files):
            archive.writestr(f"{number}.pdf", file)
        archive.writestr("__MACOSX/._0.pdf", b"%PDF- litter")
    return target.getvalue()


def printed(pdf: bytes, dpi: int = 150) -> bytes:
    """Drawn again as a picture, page by page: printed and scanned, or flattened."""
    with pypdfium2.PdfDocument(pdf) as document:
        pictures = [page.render(scale=dpi / 72).to_pil() for page in document]
    target = io.BytesIO()
    pictures[0].save(target, "PDF", resolution=dpi, save_all=True, append_images=pictures[1:])
    return target.getvalue()


def photographed(pdf: bytes) -> bytes:
    with pypdfium2.PdfDocument(pdf) as document:
        picture = document[0].render(scale=2).to_pil().convert("RGB")
    target = io.BytesIO()
    picture.rotate(4, Image.Resampling.BICUBIC, expand=True, fillcolor=(90, 90, 90)).save(target, "JPEG", quality=60)
    return target.getvalue()


@cache
def stranger(name: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A key of somebody who calls themselves so."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def sealed_by(pdf: bytes, name: str) -> bytes:
    """Signed by that stranger, as PDF programs sign: an incremental update."""
    key, certificate = stranger(name)

    signer = SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)),
        signing_key=keys.PrivateKeyInfo.load(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())),
        cert_registry=SimpleCertificateStore(),
    )
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    fields.append_signature_field(writer, fields.SigFieldSpec("Theirs"))
    metadata = signers.PdfSignatureMetadata(field_name="Theirs", md_algorithm="sha256")
    return signers.sign_pdf(writer, metadata, signer=signer).getvalue()


def drawn_page(text: str, picture: Image.Image | None = None) -> bytes:
    """A page that somebody drew."""
    target = io.BytesIO()
    page = canvas.Canvas(target)
    page.drawString(100, 700, text)
    if picture is not None:
        page.drawInlineImage(picture, 100, 300, 200, 200)
    page.save()
    return target.getvalue()


def unsealed(pdf: bytes, content: bytes | None = None) -> bytes:
    """The seal thrown away, everything else as it was, but for the page's content where another is given."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        page = opened.pages[0]
        if content is not None:
            page.Contents = opened.make_stream(content)
        page.Annots = pikepdf.Array([note for note in page.Annots if note.Subtype != "/Widget"])
        del opened.Root.AcroForm, opened.Root.Perms
        return saved(opened)


def with_another_face(pdf: bytes) -> bytes:
    return unsealed(pdf, b"BT /F1 12 Tf 100 700 Td (ZHANG SAN) Tj ET")


def overlaid(pdf: bytes) -> bytes:
    """Another name over the page, by an incremental update."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Rotate"] = writer.root["/Pages"]["/Count"]
    writer.update_container(page)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def attached(pdf: bytes, name: str) -> bytes:
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        return opened.attachments[name].get_file().read_bytes()


def with_attached(pdf: bytes, name: str, content: bytes) -> bytes:
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        if name in opened.attachments:
            del opened.attachments[name]
        opened.attachments[name] = pikepdf.AttachedFileSpec(opened, content)
        return saved(opened)


def with_link(pdf: bytes, change: Callable[[str], str]) -> bytes:
    """The link over the printed code leads elsewhere, its picture too where there is none to see."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        (note,) = (note for note in opened.pages[0].Annots if note.Subtype == "/Link")
        note.A.URI = pikepdf.String(change(str(note.A.URI)))
        return saved(opened)


def link_of(pdf: bytes) -> str:
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        (note,) = (note for note in opened.pages[0].Annots if note.Subtype == "/Link")
        return str(note.A.URI)


def code_of(pdf: bytes) -> Image.Image:
    import qrcode

    made = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, box_size=6)
    made.add_data(link_of(pdf))
    return made.make_image().get_image().convert("RGB")


def flipped(pdf: bytes) -> bytes:
    middle = len(pdf) // 2
    return pdf[:middle] + bytes([pdf[middle] ^ 1]) + pdf[middle + 1 :]


def with_anothers_seal(pdf: bytes, other: bytes) -> bytes:
    start, theirs = pdf.index(b"/Contents<") + 10, other.index(b"/Contents<") + 10
    end = pdf.index(b">", start)
    return pdf[:start] + other[theirs : theirs + end - start] + pdf[end:]


def _forged_code(address: str) -> str:
    """The same address, its payload changed within the signature."""
    at = len(address) - 12
    return address[:at] + ("A" if address[at] != "A" else "B") + address[at + 1 :]


HARMLESS: Final[Mapping[str, Specimen]] = MappingProxyType(
    {
        "a mail gateway's line break": lambda pdf, _: pdf + b"\r\n",
        "blanks before and behind": lambda pdf, _: b"\n\n" + pdf + b"\0" * 40,
        "a reader's comment": lambda pdf, _: commented(pdf),
        "a reader's save": lambda pdf, _: resaved(pdf),
        "an employer's own signature": lambda pdf, _: sealed_by(unsealed(pdf), "Employer Ltd"),
        "written anew": lambda pdf, _: rewritten(pdf),
        "packed": lambda pdf, _: rewritten(pdf, object_stream_mode=pikepdf.ObjectStreamMode.generate),
        "made fit for the web": lambda pdf, _: rewritten(pdf, linearize=True),
        "a password against changes": lambda pdf, _: rewritten(
            pdf, encryption=pikepdf.Encryption(owner="secret", user="")
        ),
        "behind a letter": lambda pdf, _: merged(drawn_page("Dear Sir or Madam"), pdf),
        "with another certificate": merged,
        "two files in a row": lambda pdf, other: pdf + other,
        "in a portfolio": lambda pdf, _: portfolio(pdf),
        "in a mail": lambda pdf, _: mailed(pdf),
        "in a signed mail": lambda pdf, _: mailed_and_signed(pdf),
        "in a signed file": lambda pdf, _: in_cms(pdf),
        "in an archive": lambda pdf, _: zipped(pdf),
        "cut off": lambda pdf, _: pdf[:-300],
        "printed and scanned": lambda pdf, _: printed(pdf),
    }
)

FORGING: Final[Mapping[str, Specimen]] = MappingProxyType(
    {
        "a changed byte": lambda pdf, _: flipped(pdf),
        "another's seal": with_anothers_seal,
        "another face, the seal thrown away": lambda pdf, _: with_another_face(pdf),
        "another name over the page": lambda pdf, _: overlaid(pdf),
        "another's credential": lambda pdf, other: with_attached(
            pdf, "credential.json", attached(other, "credential.json")
        ),
        "a changed credential": lambda pdf, _: with_attached(
            pdf, "credential.json", attached(pdf, "credential.json").replace("测试".encode(), "张三".encode())
        ),
        "a drawn page with a genuine credential": lambda pdf, _: with_attached(
            drawn_page("ZHANG SAN"), "credential.json", attached(pdf, "credential.json")
        ),
        "a drawn page with a genuine code": lambda pdf, _: drawn_page("ZHANG SAN", code_of(pdf)),
        "a seal in the issuer's name": lambda pdf, _: sealed_by(with_another_face(pdf), "示例发证机构（样例）"),
        "a changed code": lambda pdf, _: with_link(with_attached(pdf, "credential.json", b"{}"), _forged_code),
        "a genuine code under another address": lambda pdf, _: with_link(
            pdf, lambda address: address.replace("CERTSVC.EXAMPLE", "CERTSVC.EXAMPLE.EVIL.TEST")
        ),
        "another's code on it": lambda pdf, other: with_link(pdf, lambda _: link_of(other)),
        "another face, flattened": lambda pdf, _: printed(drawn_page("ZHANG SAN", code_of(pdf))),
        "another face, in a mail": lambda pdf, _: mailed(with_another_face(pdf)),
    }
)
