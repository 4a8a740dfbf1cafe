"""Names of coarse origins: ISO 3166-1 countries, and the provinces of China by ISO 3166-2:CN or their older numbers."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import Final

from babel import Locale

# Letters since 2017, the numbers of GB/T 2260 before; a proxy may name either.
_PROVINCES: Final = (
    ("BJ", "11", "北京", "Beijing"),
    ("TJ", "12", "天津", "Tianjin"),
    ("HE", "13", "河北", "Hebei"),
    ("SX", "14", "山西", "Shanxi"),
    ("NM", "15", "内蒙古", "Inner Mongolia"),
    ("LN", "21", "辽宁", "Liaoning"),
    ("JL", "22", "吉林", "Jilin"),
    ("HL", "23", "黑龙江", "Heilongjiang"),
    ("SH", "31", "上海", "Shanghai"),
    ("JS", "32", "江苏", "Jiangsu"),
    ("ZJ", "33", "浙江", "Zhejiang"),
    ("AH", "34", "安徽", "Anhui"),
    ("FJ", "35", "福建", "Fujian"),
    ("JX", "36", "江西", "Jiangxi"),
    ("SD", "37", "山东", "Shandong"),
    ("HA", "41", "河南", "Henan"),
    ("HB", "42", "湖北", "Hubei"),
    ("HN", "43", "湖南", "Hunan"),
    ("GD", "44", "广东", "Guangdong"),
    ("GX", "45", "广西", "Guangxi"),
    ("HI", "46", "海南", "Hainan"),
    ("CQ", "50", "重庆", "Chongqing"),
    ("SC", "51", "四川", "Sichuan"),
    ("GZ", "52", "贵州", "Guizhou"),
    ("YN", "53", "云南", "Yunnan"),
    ("XZ", "54", "西藏", "Xizang"),
    ("SN", "61", "陕西", "Shaanxi"),
    ("GS", "62", "甘肃", "Gansu"),
    ("QH", "63", "青海", "Qinghai"),
    ("NX", "64", "宁夏", "Ningxia"),
    ("XJ", "65", "新疆", "Xinjiang"),
    ("TW", "71", "台湾", "Taiwan"),
    ("HK", "91", "香港", "Hong Kong"),
    ("MO", "92", "澳门", "Macao"),
)
_NAMES: Final = MappingProxyType(
    {code: {"zh": zh, "en": en} for letters, number, zh, en in _PROVINCES for code in (f"CN-{letters}", f"CN-{number}")}
)
_UNKNOWN: Final = MappingProxyType({"zh": "不明", "en": "unknown"})


@lru_cache(maxsize=1000)
def region_name(origin: str, language: str) -> str:
    """The name of an origin as `web.figures` counts it; "-" is unknown, a code without a name is shown as it is."""
    if origin == "-":
        return _UNKNOWN[language]
    country, _, part = origin.partition("-")
    if country in {"HK", "MO", "TW"}:
        country, part = "CN", country
    if known := _NAMES.get(f"{country}-{part}"):
        return known[language]
    name: str | None = Locale.parse(language).territories.get(country)
    return name or origin
