"""JSON for people: objects over several lines, lists of plain values filled into lines."""

import json
from typing import Any

WIDTH = 120


def compact_json(value: Any, indent: str = "") -> str:
    """The value as JSON text; a list that holds no object takes as few lines as it needs.

    >>> print(compact_json({"x_shape": [1, 8, 8], "fit": {"lr": 0.001}}))
    {
      "x_shape": [1, 8, 8],
      "fit": {
        "lr": 0.001
      }
    }
    """
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        items = [
            f"{deeper}{json.dumps(str(key), ensure_ascii=False)}: {compact_json(v, deeper)}" for key, v in value.items()
        ]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if not isinstance(value, list | tuple) or not value:
        return json.dumps(value, ensure_ascii=False)
    if _holds_object(value):
        return "[\n" + ",\n".join(deeper + compact_json(v, deeper) for v in value) + f"\n{indent}]"
    lines = [deeper]
    for k, item in enumerate(value):
        text = json.dumps(item, ensure_ascii=False) + ("," if k + 1 < len(value) else "")
        if len(lines[-1]) + len(text) > WIDTH and lines[-1] != deeper:
            lines.append(deeper)
        lines[-1] += text if lines[-1] == deeper else f" {text}"
    return f"[{lines[0].strip()}]" if len(lines) == 1 else "[\n" + "\n".join(lines) + f"\n{indent}]"


def _holds_object(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list | tuple) and any(map(_holds_object, value)))
