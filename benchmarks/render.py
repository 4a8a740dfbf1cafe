"""Sealed certificates a second on one core: the straightforward pipeline beside ours, in one run, distinct records.

The straightforward way, kept here as code: reportlab with its fonts cached and rl_accel, qrcode, pyHanko's defaults
with a P-256 key. It draws an equal page (pattern, fields in two languages, portrait, QR) but no PDF/A, no tags, no
attached files: ours does all of these besides. Read the ratio, not the milliseconds.

    python benchmarks/render.py [RECORDS]
"""

from __future__ import annotations

import gc
import io
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from math import cos, pi, sin

import qrcode
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from asn1crypto.keys import PrivateKeyInfo
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from PIL import Image, ImageDraw, ImageFilter
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore
from qrcode.util import MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from certsvc.rendering.face import CertificateFace, FaceRow
from certsvc.rendering.layout import Layout
from certsvc.rendering.layout_file import load_layout
from certsvc.rendering.press import Attachment, open_press
from certsvc.resources import fonts_folder
from certsvc.signing.pdf import PdfSeal, seal

NOW = datetime(2025, 4, 20, 3, 0, tzinfo=UTC)
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国文辉力佳志鹏宇浩凯"
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def make_portrait(number: int) -> bytes:
    """A drawn portrait of no one, as large as the largest that is kept (`roster.photo`)."""
    image = Image.effect_noise((295, 413), 15).filter(ImageFilter.GaussianBlur(0.7)).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.ellipse((82, 80, 213, 275), fill=(233, 198, 160 + number % 40))
    written = io.BytesIO()
    image.save(written, "JPEG", quality=60)
    return written.getvalue()


def made_up_name(number: int) -> str:
    """A usual name; those of many share their characters, as people's do."""
    return SURNAMES[number % 20] + GIVEN[number * 7 % len(GIVEN)] + GIVEN[(number * 11 + number // 40) % len(GIVEN)]


def make_face(number: int, layout: Layout, portrait: bytes | None) -> CertificateFace:
    """The record of that number: name, numbers and QR all its own."""
    name = made_up_name(number)
    serial = f"25630100015{number:05d}"
    token, payload = (
        "".join(BASE32[(number * 31 + at * at * 17 + number * at) % 32] for at in range(length)) for length in (26, 208)
    )
    values = {
        "name": (name, ""),
        "id_type": ("居民身份证", "Resident identity card"),
        "id_number": (f"63010519{1960 + number % 45}1231{number % 1000:03d}X", ""),
        "occupation": ("应急救援员", "Emergency Rescuer"),
        "direction": ("--", ""),
        "level": ("五级/初级工", "Level 5 / Junior Worker"),
        "number": (serial, ""),
        "issued_on": ("2025年4月13日", "13 April 2025"),
        "issuer": ("示例职业技能鉴定中心", "Example Vocational Skill Assessment Centre"),
    }
    return CertificateFace(
        title_zh="职业资格证书",
        title_en="Certificate of Vocational Qualification",
        statement_zh="经考核合格\uff0c特发此证。",
        statement_en="The holder has passed the examination and is awarded this certificate.",
        rows=tuple(
            FaceRow(field.key, field.zh, field.en, *values[field.key]) for field in layout.field if field.key in values
        ),
        number=serial,
        holder=name,
        issuer_zh=values["issuer"][0],
        qr_text=f"HTTPS://CERTSVC.EXAMPLE/V/{token}#{payload}",
        domain="certsvc.example",
        issued_on=date(2025, 4, 13),
        portrait=portrait,
        sample=True,
    )


def make_chain() -> tuple[ec.EllipticCurvePrivateKey, tuple[x509.Certificate, ...]]:
    """A P-256 seal key and its self-made chain."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("Benchmark seal", "Benchmark root")
    ]
    usage = dict.fromkeys(("key_encipherment", "data_encipherment", "key_agreement", "crl_sign"), False)
    chain = []
    for at, (name, key) in enumerate(zip(names, keys, strict=True)):
        builder = x509.CertificateBuilder(
            names[1], name, key.public_key(), 1000 + at, NOW - timedelta(9), NOW + timedelta(9)
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=at == 1, path_length=None), critical=True)
        builder = builder.add_extension(
            x509.KeyUsage(at == 0, at == 0, key_cert_sign=at == 1, encipher_only=False, decipher_only=False, **usage),
            critical=True,
        )
        chain.append(builder.sign(keys[1], SHA256()))
    return keys[0], tuple(chain)


class Straightforward:
    """What one writes first, with its fonts cached: reportlab, qrcode, pyHanko as they come."""

    def __init__(self, layout: Layout, key: ec.EllipticCurvePrivateKey, chain: tuple[x509.Certificate, ...]) -> None:
        pdfmetrics.registerFont(TTFont("Kai", str(fonts_folder() / "LXGWWenKai-Regular.ttf")))
        pdfmetrics.registerFont(TTFont("Song", str(fonts_folder() / "CertsvcSong-Bold.ttf")))
        self.layout = layout
        certificates = []
        for entry in chain:
            _, _, der = pem.unarmor(entry.public_bytes(Encoding.PEM))
            certificates.append(asn1_x509.Certificate.load(der))
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        store.register_multiple(certificates)
        private = PrivateKeyInfo.load(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
        self.signer = signers.SimpleSigner(signing_cert=certificates[0], signing_key=private, cert_registry=store)

    def make(self, face: CertificateFace) -> bytes:
        out = io.BytesIO()
        canvas = Canvas(out, pagesize=(841.89, 595.28))
        self._draw_pattern(canvas)
        canvas.setFont("Song", 35)
        canvas.drawCentredString(421, 480, face.title_zh)
        canvas.setFont("Kai", 11)
        canvas.drawCentredString(421, 456, face.title_en)
        canvas.drawCentredString(421, 410, face.statement_zh)
        canvas.drawCentredString(421, 390, face.statement_en)
        for at, row in enumerate(face.rows):
            y = 335 - 26 * at
            canvas.setFont("Kai", 10)
            canvas.drawString(221, y, row.label_zh)
            canvas.drawString(303, y, row.value)
            canvas.setFont("Kai", 7)
            canvas.drawString(221, y - 10, row.label_en)
            canvas.drawString(303, y - 10, row.value_en)
        if face.portrait is not None:
            canvas.drawImage(ImageReader(io.BytesIO(face.portrait)), 91, 254, 71, 99)
        self._draw_code(canvas, face.qr_text)
        canvas.drawCentredString(126, 95, face.domain)
        canvas.showPage()
        canvas.save()
        writer = IncrementalPdfFileWriter(io.BytesIO(out.getvalue()))
        metadata = signers.PdfSignatureMetadata(
            field_name="seal",
            md_algorithm="sha256",
            certify=True,
            docmdp_permissions=fields.MDPPerm.NO_CHANGES,
            subfilter=fields.SigSeedSubFilter.PADES,
        )
        place = fields.SigFieldSpec("seal", box=(640, 60, 754, 174))
        signed = signers.PdfSigner(metadata, signer=self.signer, new_field_spec=place).sign_pdf(writer)
        return bytes(signed.getbuffer())

    def _draw_pattern(self, canvas: Canvas) -> None:
        canvas.setStrokeColorRGB(0.94, 0.91, 0.85)
        canvas.setLineWidth(0.4)
        for strand in range(8):
            path = canvas.beginPath()
            for step in range(289):
                angle = 2 * pi * step / 288
                radius = 170 + 42 * sin(24 * angle + strand * pi / 4)
                point = (421 + radius * cos(angle), 300 + radius * sin(angle))
                if step:
                    path.lineTo(*point)
                else:
                    path.moveTo(*point)
            canvas.drawPath(path)
        canvas.rect(24, 24, 794, 547)

    def _draw_code(self, canvas: Canvas, text: str) -> None:
        code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=0)
        address, payload = text.split("#")
        for part, mode in ((address, MODE_ALPHA_NUM), ("#", MODE_8BIT_BYTE), (payload, MODE_ALPHA_NUM)):
            code.add_data(QRData(part.encode(), mode=mode))
        code.make(fit=True)
        matrix = code.get_matrix()
        module = 93.5 / len(matrix)
        for row, modules in enumerate(matrix):
            for column, dark in enumerate(modules):
                if dark:
                    canvas.rect(79 + column * module, 218 - (row + 1) * module, module, module, stroke=0, fill=1)


def median_ms(make: Callable[[CertificateFace], bytes], faces: list[CertificateFace]) -> tuple[float, float]:
    """(median milliseconds a certificate, mean KB of a file); the first ten warm up and are not counted."""
    times, sizes = [], []
    for face in faces:
        started = time.perf_counter()
        pdf = make(face)
        times.append(time.perf_counter() - started)
        sizes.append(len(pdf))
    return 1000 * statistics.median(times[10:]), statistics.mean(sizes) / 1024


def main() -> None:
    """Print both medians and the ratio; exits with an error when ours is not twice as fast."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    layout = load_layout()
    portraits = [make_portrait(number) for number in range(20)]
    faces = [make_face(number, layout, portraits[number % 20]) for number in range(records + 10)]
    key, chain = make_chain()
    straightforward = Straightforward(layout, key, chain)
    ours_seal = PdfSeal(lambda message: key.sign(message, ec.ECDSA(SHA256())), chain)
    press = open_press(layout, room=ours_seal.room(stamped=False))
    credential = b'{"@context":["https://www.w3.org/ns/credentials/v2"]}' * 60

    def ours(face: CertificateFace) -> bytes:
        attached = [Attachment("credential.json", "application/ld+json", credential + face.number.encode(), "Source")]
        return seal(press.press(face, attached), ours_seal, signed_at=NOW)

    gc.collect()
    slow, slow_kb = median_ms(straightforward.make, faces)
    fast, fast_kb = median_ms(ours, faces)
    print(f"records                                {records}")
    print(f"straightforward (reportlab + pyHanko)  {slow:8.2f} ms  {1000 / slow:8.1f}/s  {slow_kb:6.0f} KB")
    print(f"certsvc (PDF/A-3u, tagged, attached)   {fast:8.2f} ms  {1000 / fast:8.1f}/s  {fast_kb:6.0f} KB")
    print(f"ratio                                  {slow / fast:8.1f} x")
    if slow < 2 * fast:
        sys.exit("ours must be at least twice as fast")


if __name__ == "__main__":
    main()
