"""An answer's bytes."""

from __future__ import annotations

import json

from certsvc.web.answers import json_answer


def test_whatever_was_typed_can_be_answered() -> None:
    said = {"name": "欧阳明月 𠮷", "typed": "half a pair: \ud800", "count": 2**70}
    assert json.loads(json_answer(said).body) == said | {"typed": "half a pair: ?"}
    assert json.loads(json_answer({"name": "𠮷"}).body) == {"name": "𠮷"}
