"""Runs JSFX effects as they are shipped: EEL2, as far as they use it, translated to Python.

Stricter than REAPER: an unknown function or a variable that nothing ever sets is an error.

Truth is a magnitude above 0.00001, `==` and memory addresses forgive as much, as EEL2 does.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from tests.export.eel2_syntax import Parser, parse_source

CLOSE = 1e-5
MEMORY = 1 << 17
BUILT_IN = {
    "abs": abs, "ceil": math.ceil, "cos": math.cos, "exp": math.exp, "floor": math.floor,
    "log": math.log, "log10": math.log10, "max": max, "min": min, "sin": math.sin,
    "sqrt": math.sqrt, "tan": math.tan,
}  # fmt: skip
HOST_VARIABLES = ("srate", "spl0", "spl1", "pdc_delay", "pdc_bot_ch", "pdc_top_ch")


class Translator:
    """Writes the Python of a function or section; expressions may leave statements before them."""

    def __init__(self, known_functions, locals_=()):
        self.functions, self.locals = known_functions, set(locals_)
        self.lines, self.depth, self.count = [], 1, 0
        self.read, self.written = set(), set()

    def emit(self, text):
        self.lines.append("    " * self.depth + text)

    def fresh(self):
        self.count += 1
        return f"t_{self.count}"

    def variable(self, name):
        return f"v_{name}"

    def expression(self, node):
        return getattr(self, f"on_{node[0]}")(*node[1:])

    def stored(self, node):
        name = self.fresh()
        self.emit(f"{name} = {self.expression(node)}")
        return name

    def truth(self, node):
        text = self.expression(node)
        is_comparison = node[0] == "binary" and node[1] in ("<", ">", "<=", ">=", "==", "!=")
        return text if is_comparison else f"(abs({text}) > {CLOSE})"

    def on_number(self, text):
        return repr(float(text))

    def on_name(self, name):
        if name == "$pi":
            return repr(math.pi)
        if name not in self.locals:
            self.read.add(name)
        return self.variable(name)

    def on_memory(self, base, offset):
        return f"M[int({self.expression(base)} + {self.expression(offset)} + {CLOSE})]"

    def on_set(self, operator, target, value):
        # The value first: it may call what moves the target.
        text = self.stored(value) if target[0] == "memory" else self.expression(value)
        if target[0] == "name" and target[1] not in self.locals:
            self.written.add(target[1])
            if operator:
                self.read.add(target[1])
        place = self.variable(target[1]) if target[0] == "name" else self.on_memory(*target[1:])
        self.emit(f"{place} {operator}= {text}")
        return place

    def on_binary(self, operator, left, right):
        if operator in ("&&", "||"):
            word = "and" if operator == "&&" else "or"
            before = len(self.lines)
            text = f"({self.truth(left)} {word} {self.truth(right)})"
            assert len(self.lines) == before, "a condition with effects of its own"
            return text
        first = self.expression(left)
        before = len(self.lines)
        second = self.expression(right)
        if len(self.lines) > before:  # the left side is worth what it was before these lines
            self.lines.insert(before, "    " * self.depth + f"{(name := self.fresh())} = {first}")
            first = name
        if operator in ("==", "!="):
            comparison = f"(abs({first} - {second}) < {CLOSE})"
            return comparison if operator == "==" else f"(not {comparison})"
        if operator == "%":
            return f"(int({first}) % int({second}))"
        return f"({first} {operator} {second})"

    def on_unary(self, operator, value):
        return f"(-{self.expression(value)})" if operator == "-" else f"(not {self.truth(value)})"

    def on_sequence(self, nodes):
        value = "0.0"
        for index, node in enumerate(nodes):
            value = self.expression(node)
            if index < len(nodes) - 1 and node[0] == "call":
                self.emit(value)
        return value

    def on_if(self, condition, yes, no):
        result = self.fresh()
        self.emit(f"if {self.truth(condition)}:")
        for node, otherwise in ((yes, None), (no, "else:")):
            if otherwise:
                self.emit(otherwise)
            self.depth += 1
            self.emit(f"{result} = {self.expression(node)}")
            self.depth -= 1
        return result

    def on_loop(self, count, body):
        self.emit(f"for {self.fresh()} in range(int({self.expression(count)})):")
        self.inside(body)
        return "0.0"

    def on_while(self, condition, body):
        self.emit("while True:")
        self.depth += 1
        self.emit(f"if not {self.truth(condition[1][0])}: break")
        self.depth -= 1
        self.inside(body)
        return "0.0"

    def inside(self, body):
        self.depth += 1
        self.emit(self.expression(body))
        self.depth -= 1

    def on_call(self, name, arguments):
        values = ", ".join(self.expression(argument) for argument in arguments)
        if name in ("slider", "memset"):
            return f"{name}({values})"
        if name in BUILT_IN:
            return f"{name}({values})"
        assert name in self.functions, f"there is no function {name!r}"
        assert len(arguments) == self.functions[name], f"{name} gets {len(arguments)} arguments"
        return f"f_{name}({values})"


class Effect:
    """A JSFX file, ready to run."""

    def __init__(self, path):
        path = Path(path)
        self.source = parse_source(path)
        self.sliders = self.source.sliders
        inits = [parse_source(path.parent / name).sections["init"] for name in self.source.imports]
        texts = {"imported": "".join(inits), **self.source.sections}
        trees = {name: Parser(text).statements("") for name, text in texts.items()}
        assert all(node[0] == "function" for node in trees["imported"][1]), "code in an import"
        self.functions: dict[str, int] = {}
        self.read: set[str] = set()
        self.written: set[str] = set()
        python = []
        for name, tree in trees.items():
            for node in tree[1]:
                if node[0] == "function":
                    assert node[1] not in self.functions, f"{node[1]} is defined twice"
                    python += self.translated(f"f_{node[1]}", node[2], node[3], node[4])
                    self.functions[node[1]] = len(node[2])
            code = ("sequence", [node for node in tree[1] if node[0] != "function"])
            python += self.translated(f"section_{name}", [], [], code)
        names = {f"slider{number}" for number in self.sliders}
        unset = self.read - self.written - set(HOST_VARIABLES) - names
        assert not unset, f"nothing sets {sorted(unset)}"
        self.code = compile("\n".join(python), str(path), "exec")

    def translated(self, name, arguments, locals_, body):
        translator = Translator(self.functions, [*arguments, *locals_])
        translator.emit(f"return {translator.expression(body)}")
        self.read |= translator.read
        self.written |= translator.written
        lines = [f"def {name}({', '.join(f'v_{a}' for a in arguments)}):"]
        if translator.written:
            lines.append(f"    global {', '.join(f'v_{n}' for n in sorted(translator.written))}")
        return [*lines, *(f"    v_{n} = 0.0" for n in locals_), *translator.lines]

    def run(self, audio, sliders, *, sample_rate=44100):
        """Play `(2, time)` through the effect with the sliders given, by number.

        Returns the output with its latency taken out, as REAPER does: `(2, time)`.
        """
        settings = {number: slider.default for number, slider in self.sliders.items()}
        assert set(sliders) <= set(settings), "a slider that the effect does not have"
        for number, value in sliders.items():
            low, high = self.sliders[number].low, self.sliders[number].high
            assert low <= value <= high, f"{self.sliders[number].name}: {value}"
            settings[number] = float(value)
        memory = [0.0] * MEMORY

        def memset(start, value, length):
            memory[int(start) : int(start) + int(length)] = [value] * int(length)
            return 0.0

        scope: dict[str, Any] = dict(
            BUILT_IN, M=memory, memset=memset, slider=lambda n: settings[int(n + CLOSE)]
        )
        scope.update({f"v_{name}": 0.0 for name in self.read | self.written | set(HOST_VARIABLES)})
        scope.update({f"v_slider{number}": value for number, value in settings.items()})
        scope["v_srate"] = float(sample_rate)
        exec(self.code, scope)
        for section in ("init", "slider"):
            if f"section_{section}" in scope:
                scope[f"section_{section}"]()
        latency = int(scope["v_pdc_delay"])
        step, out = scope["section_sample"], []
        silence = np.zeros((2, latency))
        for left, right in np.concatenate([audio, silence], axis=1).T.astype(float).tolist():
            scope["v_spl0"], scope["v_spl1"] = left, right
            step()
            out.append((scope["v_spl0"], scope["v_spl1"]))
        assert len(memory) == MEMORY
        return np.array(out).T[:, latency:]
