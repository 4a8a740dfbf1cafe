"""Make the shipped "Certsvc Song" fonts out of Noto Serif SC: a subset each, under a name of its own.

Noto Serif SC is under the SIL Open Font License 1.1, which allows subsets; they are renamed so that no one takes them
for the whole font. Bold keeps GB 2312, Latin and punctuation (titles); Regular keeps Latin and punctuation alone (the
English beneath, digits).

    npm pack @expo-google-fonts/noto-serif-sc@0.4.3 && tar xzf expo-google-fonts-noto-serif-sc-0.4.3.tgz
    python examples/make_song_fonts.py package certsvc/rendering/fonts
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FAMILY = "Certsvc Song"
LATIN = {*range(0x20, 0x7F), *range(0xA0, 0x250), *range(0x2B0, 0x370), *range(0x1E00, 0x1F00), *range(0x2010, 0x2040)}
PUNCTUATION = {0x2116, 0x2122, 0x2190, 0x2192, 0x25CB, *range(0x3000, 0x3020), *range(0xFF01, 0xFF5F)}


def gb2312() -> set[int]:
    """Every character of GB 2312, by decoding its whole plane."""
    found = set()
    for high in range(0xA1, 0xF8):
        for low in range(0xA1, 0xFF):
            found.update(ord(c) for c in bytes((high, low)).decode("gb2312", "ignore"))
    return found


def make(source: Path, target: Path, style: str, keep: set[int]) -> None:
    """Write the subset of `source` that `keep` names to `target`, renamed."""
    options = subset.Options(layout_features=["kern"], hinting=False, name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14])
    font = TTFont(source, recalcTimestamp=False)
    chooser = subset.Subsetter(options)
    chooser.populate(unicodes=keep)
    chooser.subset(font)
    names = {1: FAMILY, 2: style, 3: f"{FAMILY} {style}; subset of Noto Serif SC", 4: f"{FAMILY} {style}"}
    names[6] = f"{FAMILY.replace(' ', '')}-{style}"
    for record in list(font["name"].names):
        if record.nameID in names:
            font["name"].setName(
                names[record.nameID], record.nameID, record.platformID, record.platEncID, record.langID
            )
    font.save(target)


if __name__ == "__main__":
    package, folder = Path(sys.argv[1]), Path(sys.argv[2])
    bold = package / "700Bold" / "NotoSerifSC_700Bold.ttf"
    regular = package / "400Regular" / "NotoSerifSC_400Regular.ttf"
    make(bold, folder / "CertsvcSong-Bold.ttf", "Bold", gb2312() | LATIN | PUNCTUATION)
    make(regular, folder / "CertsvcSong-Regular.ttf", "Regular", LATIN | PUNCTUATION)
