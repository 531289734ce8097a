"""JSFX files and the code in them, taken apart: header, sliders, sections, syntax trees.

Written from REAPER's public JSFX reference and the language's published grammar; whatever is beyond
the subset that the effects use is an error.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

SECTIONS = ("init", "slider", "block", "sample")
TOKEN = re.compile(
    r"\s+|//[^\n]*|(?P<number>\d+\.?\d*|\.\d+)|(?P<name>\$?[A-Za-z_]\w*)"
    r"|(?P<operator>[-+*/]=|[<>=!]=|&&|\|\||[-+*/%<>=!?:;,()\[\]])"
)


@dataclass
class Slider:
    """What a `sliderN:` line says."""

    default: float
    low: float
    high: float
    name: str
    choices: tuple[str, ...] = ()


@dataclass
class Source:
    """The parts of a JSFX file."""

    description: str = ""
    sliders: dict[int, Slider] = field(default_factory=dict)
    imports: list[str] = field(default_factory=list)
    sections: dict[str, str] = field(default_factory=dict)


def parse_source(path):
    source, section = Source(), None
    for line in Path(path).read_text(encoding="ascii").splitlines():
        if line.startswith("@"):
            section = line[1:].strip()
            assert section in SECTIONS, line
            assert section not in source.sections, line
            source.sections[section] = ""
        elif section is not None:
            source.sections[section] += line + "\n"
        elif line.startswith("desc:"):
            source.description = line[5:]
        elif line.startswith("import "):
            source.imports.append(line[7:].strip())
        elif line.startswith("slider"):
            number, slider = parse_slider(line)
            assert number not in source.sliders, line
            source.sliders[number] = slider
    return source


def parse_slider(line):
    match = re.fullmatch(r"slider(\d+):([-\d.]+)<([-\d.]+),([-\d.]+),[-\d.]+(\{.*\})?>(.+)", line)
    assert match, line
    number, default, low, high, choices, name = match.groups()
    names = tuple(choices[1:-1].split(",")) if choices else ()
    return int(number), Slider(float(default), float(low), float(high), name, names)


class Parser:
    """Recursive descent; gives nested tuples."""

    def __init__(self, text):
        self.tokens = []
        at = 0
        while at < len(text):
            match = TOKEN.match(text, at)
            assert match, f"unknown text {text[at : at + 30]!r}"
            at = match.end()
            if match.lastgroup:
                self.tokens.append(match.group(match.lastgroup).lower())
        self.at = 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected=None):
        token = self.peek()
        assert token, f"text ends where {expected} is expected"
        assert expected in (None, token), f"{token!r} where {expected!r} is expected"
        self.at += 1
        return token

    def accept(self, token):
        if self.peek() == token:
            self.at += 1
            return True
        return False

    def statements(self, end):
        found = []
        while self.peek() != end:
            if self.accept(";"):
                continue
            found.append(self.function() if self.peek() == "function" else self.expression())
            assert self.peek() in (";", end), f"{self.peek()!r} after an expression"
        return ("sequence", found)

    def function(self):
        self.take("function")
        name, arguments, locals_ = self.take(), self.names(), []
        if self.accept("local"):
            locals_ = self.names()
        self.take("(")
        body = self.statements(")")
        self.take(")")
        return ("function", name, arguments, locals_, body)

    def names(self):
        self.take("(")
        names = []
        while not self.accept(")"):
            names.append(self.take())
            self.accept(",")
        return names

    def expression(self):
        target = self.ternary()
        if self.peek() in ("=", "+=", "-=", "*=", "/="):
            operator = self.take()
            assert target[0] in ("name", "memory"), f"{target} cannot be set"
            return ("set", operator[:-1], target, self.expression())
        return target

    def ternary(self):
        condition = self.binary(0)
        if not self.accept("?"):
            return condition
        yes = self.ternary()
        no = self.ternary() if self.accept(":") else ("number", "0")
        return ("if", condition, yes, no)

    # EEL2's own order, lowest first: a minus binds tighter than a plus, a division than a product.
    LEVELS = (
        ("||", "&&"),
        ("==", "!=", "<", ">", "<=", ">="),
        ("+",),
        ("-",),
        ("*",),
        ("/",),
        ("%",),
    )

    def binary(self, level):
        if level == len(self.LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in self.LEVELS[level]:
            left = ("binary", self.take(), left, self.binary(level + 1))
        return left

    def unary(self):
        if self.peek() in ("-", "!"):
            return ("unary", self.take(), self.unary())
        value = self.primary()
        while self.accept("["):
            value = ("memory", value, self.expression())
            self.take("]")
        return value

    def primary(self):
        if self.accept("("):
            inside = self.statements(")")
            self.take(")")
            return inside
        token = self.take()
        if token == "while":
            self.take("(")
            condition = self.statements(")")
            self.take(")")
            self.take("(")
            body = self.statements(")")
            self.take(")")
            return ("while", condition, body)
        if self.accept("("):
            if token == "loop":
                count = self.expression()
                self.take(",")
                body = self.statements(")")
                self.take(")")
                return ("loop", count, body)
            arguments = []
            while not self.accept(")"):
                arguments.append(self.expression())
                self.accept(",")
            return ("call", token, arguments)
        if token[0].isdigit() or token[0] == ".":
            return ("number", token)
        assert re.fullmatch(r"\$pi|[a-z_]\w*", token), f"{token!r} is no value"
        return ("name", token)
