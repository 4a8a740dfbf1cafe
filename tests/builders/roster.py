"""Files as they are handed in, built from one good row with changes."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence

from openpyxl import Workbook
from PIL import Image

from certsvc.person.identity import resident_check_character

Cells = Mapping[str, object]


def made_up_number(serial: int, *, born: str = "19900101", male: bool = True) -> str:
    first17 = f"990000{born}{2 * serial + male:03d}"
    return first17 + resident_check_character(first17)


NUMBER = made_up_number(1)

CANDIDATE: dict[str, object] = {
    "姓名": "张𬭊",
    "性别": "男",
    "证件类型": "居民身份证",
    "证件号码": NUMBER,
    "出生日期": "1990-01-01",
    "手机号码": "12000000001",
    "培训机构": "样例培训学校",
    "健康承诺": "是",
    "报名日期": "2025-03-01",
}
RESULT: dict[str, object] = {
    "证件号码": NUMBER,
    "姓名": "张𬭊",
    "科目": "理论知识考试",
    "考试日期": "2025-03-24",
    "考试性质": "初考",
    "成绩": "60",
}
PRACTICAL: dict[str, object] = {
    "证件号码": NUMBER,
    "姓名": "张𬭊",
    "科目": "技能考核",
    "考试日期": "2025-03-24",
    "考试性质": "初考",
    "安全评估": "15",
    "灭火器使用": "10.5",
    "心肺复苏": "20",
    "止血包扎": "10",
    "救援绳索": "10",
    "气道梗塞": "",
    "标识识别": "",
    "检伤分类": "5",
}
PAPER: dict[str, object] = {
    "证书编号": "2063010001500001",
    "姓名": "张𬭊",
    "证件类型": "居民身份证",
    "证件号码": NUMBER,
    "职业": "应急救援员",
    "等级": "五级/初级工",
    "发证日期": "2020-05-06",
    "发证机构": "样例鉴定中心",
}


def csv_file(*rows: Cells, encoding: str = "utf-8") -> bytes:
    """A CSV file whose header is that of the first row."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return text.getvalue().encode(encoding)


def xlsx_file(*rows: Cells) -> bytes:
    return sheet_file([list(rows[0]), *(list(row.values()) for row in rows)])


def sheet_file(*sheets: Sequence[Sequence[object]]) -> bytes:
    """An XLSX file with these sheets of raw cells."""
    workbook = Workbook()
    del workbook[workbook.sheetnames[0]]
    for cells in sheets:
        sheet = workbook.create_sheet()
        for row in cells:
            sheet.append(list(row))
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def rewrite_archive(content: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """The archive with each entry as `change` gives it; None leaves it out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            changed = change(name, source.read(name))
            if changed is not None:
                target.writestr(name, changed)
    return out.getvalue()


def picture(
    width: int = 295,
    height: int = 413,
    *,
    mode: str = "RGB",
    form: str = "JPEG",
    colour: object = "skyblue",
    **options: object,
) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), colour).save(out, form, **options)  # type: ignore[arg-type]
    return out.getvalue()
