"""The survival kit's own page: any web server that serves the folder answers a scan, with nothing of ours running.

Decides which files make the page and the words of its states: R11's, said "as of" the signed status lists, since after
the service is gone no one knows later. The same page stands three times, for what servers do with `/v/TOKEN`:
`index.html`, `v/index.html`, and `404.html`, which most hosts answer an unknown address with.
Not here: what the page checks (`templates/kit`, and the site's own `qr.js`, `scan.js` and `reader.js`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from certsvc.credential.wording import say
from certsvc.files.folder import write_if_changed
from certsvc.resources import static_folder, templates_folder

# Where the page stands, and the way from there to the kit's folder; a 404 page is shown under any address.
_PAGES: Final[Mapping[str, str]] = MappingProxyType({"index.html": "", "v/index.html": "../", "404.html": "/"})
_OWN: Final = ("page.js", "credential.js", "kit.css")
_SITE: Final = ("qr.js", "scan.js", "reader.js", "site.css", "verify.css", "icon.svg", "zxing")
_SHOWN: Final = ("offline", "suspended", "revoked", "superseded", "expired", "forged", "unknown", "unavailable")
_FULL_WIDTH: Final = str.maketrans({",": "，", ";": "；", ":": "："})
# The lists say that, not when or why: R11's words without what the archive cannot know.
_AS_OF: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "suspended": {
            "zh": "已暂停使用；状态截至{date}；曾真实签发",
            "en": "Suspended; status as of {date}; it was genuinely issued",
        },
        "revoked": {
            "zh": "已撤销；状态截至{date}；曾真实签发",
            "en": "Revoked; status as of {date}; it was genuinely issued",
        },
        "superseded": {
            "zh": "已被更新的版本替代；状态截至{date}",
            "en": "Replaced by a newer version; status as of {date}",
        },
        "offline": {
            "means_zh": "签名由发证机构作出，内容未被改动。此后是否被暂停、撤销或更换，存档只知道到上面的时间为止。",
            "means_en": "The issuer signed it and nothing was altered. Whether it was suspended, revoked or replaced "
            "after the moment above, this archive cannot know.",
            "next_zh": "发证机构仍在服务的，请再到其网站查验。请核对姓名、照片与证件。",
            "next_en": "If the issuer still answers, check on its own site as well. Compare the name and photo with "
            "the person's identity document.",
        },
        "unknown": {
            "zh": "存档中未查到该证书，请核对输入",
            "en": "No such certificate in this archive; check the input",
        },
    }
)


def write_page(folder: Path) -> int:
    """Write or update the page in the kit's folder; how many files were written."""
    written = 0
    for name in _OWN:
        written += write_if_changed(folder / "kit" / name, (templates_folder() / "kit" / name).read_bytes())
    for source in sorted(_site_files()):
        written += write_if_changed(folder / "kit" / source.relative_to(static_folder()), source.read_bytes())
    states = {state: _words(state) for state in _SHOWN}
    environment = Environment(
        loader=FileSystemLoader(templates_folder()), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("kit/index.html")
    for name, root in _PAGES.items():
        written += write_if_changed(folder / name, page.render(root=root, states=states).encode())
    return written


def _words(state: str) -> dict[str, str]:
    """A state's words; the Chinese with full-width punctuation, as pages have it."""
    words = {"means_zh": "", "means_en": ""} | asdict(say(state, date="{date}")) | dict(_AS_OF.get(state, {}))
    return {
        name: text.translate(_FULL_WIDTH).replace("截至{", "截至 {") if name.endswith("zh") else text
        for name, text in words.items()
    }


def _site_files() -> list[Path]:
    whole = [static_folder() / name for name in _SITE]
    return [file for path in whole for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]
