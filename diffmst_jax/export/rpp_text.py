"""The text of REAPER projects: lines of words, in chunks between angle brackets."""

import re
from collections.abc import Iterator

BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What ends a line for one reader or another, hides it, or is no text."""

QUOTES = "\"'`"
"""Words stand in one of these that they do not hold themselves."""


class Chunk:
    """A chunk: `<NAME words`, its lines and chunks in order, `>`.

    Attributes:
        children: what it holds so far, lines as text.
    """

    def __init__(self, name: str, *words: str | float) -> None:
        self.head = _words(name, *words)
        self.children: list[str | Chunk] = []

    def line(self, name: str, *words: str | float) -> None:
        """Add a line of a name and its values."""
        self.children.append(_words(name, *words))

    def raw(self, text: str) -> None:
        """Add a line as it is."""
        self.children.append(text)

    def chunk(self, name: str, *words: str | float) -> "Chunk":
        """Add a chunk and return it."""
        child = Chunk(name, *words)
        self.children.append(child)
        return child

    def text(self) -> str:
        """The chunk as text, indented as REAPER does it."""
        return "\n".join(self._lines("")) + "\n"

    def _lines(self, indent: str) -> Iterator[str]:
        yield f"{indent}<{self.head}"
        for child in self.children:
            if isinstance(child, Chunk):
                yield from child._lines(indent + "  ")
            else:
                yield f"{indent}  {child}"
        yield f"{indent}>"


def one_line(text: str) -> str:
    """Put spaces for line ends and other control characters, which would end or hide a line."""
    return BREAKS.sub(" ", text)


def sayable(text: str) -> str:
    """What a project says for a text: one line, without the backtick where it has every quote."""
    line = one_line(text)
    return line.replace("`", "'") if set(QUOTES) <= set(line) else line


def _words(name: str, *words: str | float) -> str:
    return " ".join([name, *map(_word, words)])


def _word(value: str | float) -> str:
    """A number, or text in quotes that it does not hold itself."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value + 0.0:.9f}".rstrip("0").rstrip(".")  # no minus before zero
    text = sayable(value)
    if text and not re.search(r"[\s\"'`#;<>|]", text):
        return text
    quote = next(quote for quote in QUOTES if quote not in text)
    return f"{quote}{text}{quote}"
