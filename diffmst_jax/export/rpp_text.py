"""The text of REAPER projects: lines of words, in chunks between angle brackets."""

from collections.abc import Iterator


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
    """Leave out line ends and other control characters, which would end or hide a line."""
    return "".join(character if character.isprintable() else " " for character in text)


def _words(name: str, *words: str | float) -> str:
    return " ".join([name, *map(_word, words)])


def _word(value: str | float) -> str:
    """A number, or text in quotes that it does not hold itself."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value + 0.0:.9f}".rstrip("0").rstrip(".")  # no minus before zero
    text = one_line(value)
    if text and not set(text) & set(" \"'`#;<>|"):
        return text
    for quote in "\"'`":
        if quote not in text:
            return f"{quote}{text}{quote}"
    return f"`{text.replace('`', chr(39))}`"
