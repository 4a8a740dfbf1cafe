"""Reading a certificate's layout from its TOML, strictly: an unknown key, a missing one or a value of the wrong kind is
refused with its name. Not here: what a layout holds (`layout`), how it is drawn (`press`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import NoReturn, TypeVar

from certsvc.errors import InvalidLayout
from certsvc.rendering.fonts import Style, missing_glyphs
from certsvc.rendering.layout import (
    FIELD_KEYS,
    Closing,
    Code,
    Colours,
    Field,
    Frame,
    Grid,
    Heading,
    Hint,
    Layout,
    Page,
    Picture,
    Rule,
    Sample,
    Seal,
    TextBox,
    Words,
)
from certsvc.resources import templates_folder

T = TypeVar("T")


def load_layout(folder: Path | None = None) -> Layout:
    """The layout in a folder (`layout.toml`), or the shipped one; raises `InvalidLayout` naming the key at fault."""
    folder = folder or templates_folder() / "certificate" / "default"
    try:
        text = (folder / "layout.toml").read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidLayout(f"无法读取版式文件：{error}", f"the layout cannot be read: {error}") from error
    return parse_layout(text, folder)


def parse_layout(text: str, folder: Path) -> Layout:
    """Check a layout's TOML; raises `InvalidLayout` whose `where` is the key, such as "grid.pitch_mm"."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidLayout(f"版式文件不是有效的 TOML:{error}", f"the layout is not TOML: {error}") from error
    layout = Layout(
        folder=folder,
        name=_take(tree, "name", _text),
        **{  # type: ignore[arg-type]  # each kind is read by the same reader, keyed by its name
            key: _record(_take(tree, key, _table), kind, key)
            for key, kind in (
                ("page", Page),
                ("colours", Colours),
                ("frame", Frame),
                ("rule", Rule),
                ("footnote", TextBox),
                ("portrait", Picture),
                ("code", Code),
                ("hint", Hint),
                ("seal", Seal),
                ("grid", Grid),
                ("sample", Sample),
                ("words", Words),
            )
        },
        title=_heading(tree, "title"),
        statement=_heading(tree, "statement"),
        field=_fields(tree),
        closing=_record(_take(tree, "closing", _table), Closing, "closing") if "closing" in tree else None,
    )
    unknown = sorted(set(tree) - {field.name for field in fields(Layout)} | ({"folder"} & set(tree)))
    if unknown:
        _refuse(unknown[0], "未知的键", "is not a key of a layout")
    _check(layout)
    return layout


def _check(layout: Layout) -> None:
    for key, kind in (("seal", layout.seal), ("portrait", layout.portrait)):
        if (
            min(kind.x_mm, kind.y_mm) < 0
            or kind.x_mm + kind.width_mm > layout.page.width_mm
            or kind.y_mm + kind.height_mm > layout.page.height_mm
        ):
            _refuse(key, "超出页面", "lies outside the page")
    closing = layout.closing
    if closing is not None and not (
        0 <= closing.x_mm <= layout.page.width_mm - closing.width_mm
        and 0 <= closing.y_mm <= layout.page.height_mm - 2 * closing.pitch_mm
        and closing.width_mm > layout.grid.label_mm
        and closing.pitch_mm > 0
    ):
        _refuse("closing", "超出页面或过窄", "lies outside the page or leaves no room")
    if not 32 <= layout.code.side_mm <= 35:
        _refuse("code.side_mm", "须为 32–35 毫米", "must be 32 to 35 mm (R7.2)")
    quiet = 4 * layout.code.side_mm / 57
    left, top = layout.code.x_mm - quiet, layout.code.y_mm - quiet
    right, bottom = layout.code.x_mm + 35 + quiet, layout.code.y_mm + 35 + quiet
    seal = layout.seal
    if (
        left < seal.x_mm + seal.width_mm
        and seal.x_mm < right
        and top < seal.y_mm + seal.height_mm
        and seal.y_mm < bottom
    ):
        _refuse("seal", "印章不得压住二维码", "the seal would cover the QR code (R7.2)")
    if seal.image and (Path(seal.image).name != seal.image or not (layout.folder / seal.image).is_file()):
        _refuse("seal.image", "版式文件夹中没有该文件", "is not a file beside the layout")
    words = [getattr(layout.words, field.name) for field in fields(Words)]
    words += [part for field in layout.field for part in (field.zh, field.en)]
    words += [layout.hint.zh, layout.hint.en, layout.sample.zh, layout.sample.en, seal.signed_zh, seal.signed_en]
    for text in words:
        for char in missing_glyphs(text):
            _refuse("words", f"字体缺少字符 {char!r}", f"the fonts cannot draw {char!r}")


def _refuse(where: str, zh: str, en: str) -> NoReturn:
    raise InvalidLayout(f"版式“{where}”：{zh}", f'layout key "{where}" {en}', rule="R7.2", where=where)


def _heading(tree: Mapping[str, object], key: str) -> Heading:
    table = _take(tree, key, _table)
    heading = {part: _record(_take(table, part, _table, key), TextBox, f"{key}.{part}") for part in ("zh", "en")}
    for extra in sorted(set(table) - set(heading)):
        _refuse(f"{key}.{extra}", "未知的键", "is not a key of a layout")
    return Heading(**heading)


def _fields(tree: Mapping[str, object]) -> tuple[Field, ...]:
    tables = tree.get("field")
    if not isinstance(tables, list) or not tables:
        _refuse("field", "缺少字段表", "must be a list of [[field]] tables")
    found = tuple(_record(_table(table, f"field[{at}]"), Field, f"field[{at}]") for at, table in enumerate(tables))
    for at, field in enumerate(found):
        if field.key not in FIELD_KEYS:
            _refuse(f"field[{at}].key", f"没有字段 {field.key!r}", f"names no field of a certificate: {field.key!r}")
        if field.column not in (1, 2) or field.span not in (1, 2) or field.column + field.span > 3:
            _refuse(f"field[{at}].column", "列或跨列数不对", "and span must stay within two columns")
    doubled = [field.key for field in found if [other.key for other in found].count(field.key) > 1]
    if doubled:
        _refuse("field", f"字段重复：{doubled[0]}", f"is there twice: {doubled[0]}")
    needed = set(FIELD_KEYS) - {"sex", "birth_date", "scores", "identifier"}
    absent = sorted(needed - {field.key for field in found})
    if absent:
        _refuse("field", f"缺少字段 {absent[0]}", f"lacks {absent[0]}, which stands on every certificate (R7.2)")
    return found


def _take(table: Mapping[str, object], key: str, read: Callable[[object, str], T], parent: str = "") -> T:
    where = f"{parent}.{key}" if parent else key
    if key not in table:
        _refuse(where, "缺少", "is missing")
    return read(table[key], where)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        _refuse(where, "应为文字", "must be text")
    return value


def _table(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        _refuse(where, "应为一张表", "must be a table")
    return value


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1000 < value < 10000:
        _refuse(where, "应为数字", "must be a number")
    return float(value)


def _whole(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        _refuse(where, "应为整数", "must be a whole number")
    return value


def _style(value: object, where: str) -> Style:
    try:
        return Style(_text(value, where))
    except ValueError:
        _refuse(where, "应为 kai、song 或 latin", "must be kai, song or latin")


_READERS: Mapping[str, Callable[[object, str], object]] = {
    "str": _text,
    "float": _number,
    "int": _whole,
    "Style": _style,
}


def _record(table: Mapping[str, object], kind: type[T], where: str) -> T:
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]  # every kind here is a dataclass
    for key in sorted(set(table) - set(known)):
        _refuse(f"{where}.{key}", "未知的键", "is not a key of a layout")
    values: dict[str, object] = {}
    for name, field in known.items():
        place = f"{where}.{name}"
        if name in table:
            values[name] = _READERS[str(field.type)](table[name], place)
        elif field.default is MISSING:
            _refuse(place, "缺少", "is missing")
        else:
            values[name] = field.default
        if kind is Colours and not re.fullmatch(r"#[0-9A-Fa-f]{6}", str(values[name])):
            _refuse(place, "应为 #RRGGBB", "must be #RRGGBB")
        if name == "colour" and str(values[name]) not in {entry.name for entry in fields(Colours)}:
            _refuse(place, "没有这种颜色", "must be the name of one of the colours")
        if name == "align" and values[name] not in ("centre", "left"):
            _refuse(place, "应为 centre 或 left", "must be centre or left")
    return kind(**values)
