"""Names that no font of ours can draw, said when they come in, long before a certificate is stopped by one (R9).

Not here: the fonts (`rendering.fonts`), the stop itself (`credential.checked`).
"""

from __future__ import annotations

from certsvc.errors import MissingGlyph
from certsvc.rendering.fonts import missing_glyphs


def undrawable(name: str) -> MissingGlyph | None:
    """What to say of a name with a character that cannot be drawn, each with its code point; None for any other."""
    missing = missing_glyphs(name)
    if not missing:
        return None
    zh = "、".join(f"“{char}”（U+{ord(char):04X}）" for char in missing)
    en = ", ".join(f"{char} (U+{ord(char):04X})" for char in missing)
    return MissingGlyph(
        f"证书字体没有字符{zh}，带有它的证书不能签发；请与证件核对用字，确为本字的，请发证机构先安装有此字的字体（花园明朝）",
        f"the certificate's fonts do not have {en}, so no certificate with it can be issued: hold the name against the"
        " document; where it is right, the issuer first installs a font that has it (HanaMin)",
        rule="R9",
        where="name",
    )


def check_drawable(name: str) -> None:
    """Raises `MissingGlyph`."""
    error = undrawable(name)
    if error is not None:
        raise error
