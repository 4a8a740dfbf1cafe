"""Make `certsvc/web/static/pinyin.txt`: how the characters of Chinese names are read, for the English pages' aid.

Run where pypinyin is installed: `python -m examples.make_pinyin`; the service does not need it.

One line for each syllable with its tone, then the characters read so: those of GBK, by the reading most used. Readings
that a surname alone has stand in `romanise.js`.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

TARGET = Path(__file__).parent.parent / "certsvc" / "web" / "static" / "pinyin.txt"
HEAD = "# Readings from pinyin-data by mozillazg, MIT licence (pinyin-LICENSE.txt). Made by examples/make_pinyin.py\n"


def main() -> None:
    from pypinyin import Style, pinyin  # type: ignore[import-not-found]  # noqa: PLC0415 - not a dependency

    read: defaultdict[str, list[str]] = defaultdict(list)
    for character in characters():
        (readings,) = pinyin(character, style=Style.TONE, errors="ignore") or ([],)
        if readings:
            read[readings[0]].append(character)
    lines = (f"{syllable} {''.join(found)}\n" for syllable, found in sorted(read.items()))
    TARGET.write_text(HEAD + "".join(lines), encoding="utf-8")


def characters() -> list[str]:
    """The ideographs of GBK, and 〇."""
    ideographs = (chr(point) for point in (0x3007, *range(0x4E00, 0xA000)))
    return [one for one in ideographs if one.encode("gbk", "ignore")]


if __name__ == "__main__":
    main()
