"""What makes the page an archive document: XMP, sRGB output intent, attached files, tags (PDF/A-3u, ISO 19005-3).

The clauses met: 6.2.3 output intent, 6.6.2 metadata (no /Info dictionary, so none that could disagree), 6.8 embedded
files with /AFRelationship; 6.7 logical structure goes beyond what level U asks, for screen readers. Not here: the
fonts' ToUnicode (`fonts.truetype`), the signature's place (`press`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Literal
from xml.sax.saxutils import escape

from certsvc.rendering.objects import Objects, stream, text_string
from certsvc.resources import PACKAGE

Relationship = Literal["Source", "Data", "Alternative", "Supplement", "Unspecified"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to carry inside the PDF; `relationship` is its role to the page (ISO 32000-2, 14.13)."""

    name: str
    media_type: str
    content: bytes
    relationship: Relationship


@dataclass(slots=True)
class Element:
    """A node of the structure tree; a kid is an element or a marked-content number, `annotation` an object number.

    English within an element is marked in the content itself (`Ink.begin_span`), which takes a third of the octets.
    """

    tag: str
    kids: list[Element | int] = field(default_factory=list)
    alt: str = ""
    annotation: int = 0
    box: tuple[float, float, float, float] | None = None


@cache
def _profile() -> bytes:
    return (PACKAGE / "rendering" / "srgb.icc").read_bytes()


def add_output_intent(objects: Objects) -> int:
    """The sRGB output intent; returns its number."""
    profile = objects.add(stream(_profile(), "/N 3"))
    return objects.add(
        "<</Type/OutputIntent/S/GTS_PDFA1/OutputConditionIdentifier(sRGB IEC61966-2.1)"
        f"/Info(sRGB IEC61966-2.1)/RegistryName(http://www.color.org)/DestOutputProfile {profile} 0 R>>"
    )


def add_metadata(objects: Objects, *, title: str, author: str, subject: str, on: date, producer: str) -> int:
    """The XMP packet (PDF/A-3, level U), dated by the certificate so that the same face gives the same bytes."""
    moment = f"{on.isoformat()}T00:00:00+08:00"
    identity = hashlib.sha256("\0".join((title, author, subject, moment)).encode()).hexdigest()
    identity = f"{identity[:8]}-{identity[8:12]}-5{identity[13:16]}-8{identity[17:20]}-{identity[20:32]}"
    packet = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
 xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/">
<pdfaid:part>3</pdfaid:part><pdfaid:conformance>U</pdfaid:conformance>
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(title)}</rdf:li></rdf:Alt></dc:title>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(subject)}</rdf:li></rdf:Alt></dc:description>
<dc:creator><rdf:Seq><rdf:li>{escape(author)}</rdf:li></rdf:Seq></dc:creator>
<dc:language><rdf:Bag><rdf:li>zh-CN</rdf:li></rdf:Bag></dc:language>
<xmp:CreateDate>{moment}</xmp:CreateDate><xmp:ModifyDate>{moment}</xmp:ModifyDate>
<xmp:CreatorTool>certsvc</xmp:CreatorTool><pdf:Producer>{escape(producer)}</pdf:Producer>
<xmpMM:DocumentID>uuid:{identity}</xmpMM:DocumentID>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>""".encode()
    # 6.6.2.1: the packet stays readable without a PDF reader, so it is not compressed.
    return objects.add(b"<</Type/Metadata/Subtype/XML/Length %d>>\nstream\n%b\nendstream" % (len(packet), packet))


def add_attachments(objects: Objects, attachments: Sequence[Attachment], on: date) -> str:
    """Embed the files; returns the catalog entries that name them, or nothing."""
    if not attachments:
        return ""
    specs = []
    for file in sorted(attachments, key=lambda file: file.name):
        subtype = file.media_type.replace("/", "#2F")
        embedded = objects.add(
            stream(
                file.content,
                f"/Type/EmbeddedFile/Subtype/{subtype}/Params<</Size {len(file.content)}"
                f"/ModDate(D:{on:%Y%m%d}000000+08'00')>>",
            )
        )
        named = text_string(file.name)
        specs.append(
            (
                named,
                objects.add(
                    f"<</Type/Filespec/F {named}/UF {named}/Desc {named}/AFRelationship/{file.relationship}"
                    f"/EF<</F {embedded} 0 R/UF {embedded} 0 R>>>>"
                ),
            )
        )
    names = " ".join(f"{name} {spec} 0 R" for name, spec in specs)
    return f"/Names<</EmbeddedFiles<</Names[{names}]>>>>/AF[{' '.join(f'{spec} 0 R' for _, spec in specs)}]"


def add_structure(objects: Objects, page: int, document: Element, marks: int, annotations: Sequence[int]) -> int:
    """The structure tree; `marks` counts the page's marked content, `annotations` are in /StructParent order."""
    root = objects.reserve()
    owners: dict[int, int] = {}
    holders: dict[int, int] = {}

    def write(element: Element, parent: int) -> int:
        number = objects.reserve()
        kids = []
        for kid in element.kids:
            if isinstance(kid, int):
                owners[kid] = number
                kids.append(str(kid))
            else:
                kids.append(f"{write(kid, number)} 0 R")
        if element.annotation:
            holders[element.annotation] = number
            kids.append(f"<</Type/OBJR/Obj {element.annotation} 0 R/Pg {page} 0 R>>")
        box = element.box
        objects.fill(
            number,
            f"<</S/{element.tag}/P {parent} 0 R/Pg {page} 0 R/K[{' '.join(kids)}]"
            + (f"/Alt {text_string(element.alt)}" if element.alt else "")
            + (f"/A<</O/Layout/Placement/Block/BBox[{' '.join(f'{edge:.2f}' for edge in box)}]>>" if box else "")
            + ">>",
        )
        return number

    top = write(document, root)
    page_owners = " ".join(f"{owners[mark]} 0 R" for mark in range(marks))
    rest = " ".join(f"{at} {holders[number]} 0 R" for at, number in enumerate(annotations, 1))
    objects.fill(
        root,
        f"<</Type/StructTreeRoot/K {top} 0 R/ParentTree<</Nums[0[{page_owners}]{rest}]>>"
        f"/ParentTreeNextKey {len(annotations) + 1}>>",
    )
    return root
