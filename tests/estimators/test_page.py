"""The page about scikit-learn says what the code says: its examples run, in order, and print what stands there."""

import doctest
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "scikit-learn.md"


def test_the_examples_of_the_page_hold() -> None:
    blocks = re.findall(r"(?sm)^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"))
    assert len(blocks) >= 6
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(examples, out=said.append)
    assert not said, "".join(said)
