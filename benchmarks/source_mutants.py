"""Single changes to our own source, as a slip of the hand would make them: what `mutation` asks the tests to notice.

One change each, spliced into the text, lines kept. The kinds, and what is dropped or turned:

    operand  one side of an `and` or `or`        bound     < and <=, > and >=
    raise    a `raise`                           equality  == and !=, is and is not, in and not in
    guard    an `if` that leaves, with its body  number    a whole number, by one
    call     a call made for its effect          sum       + and -, * and //, << and >>, & and |
    not      a `not`                             choice    the two sides of `… if … else …`
    element  one of a set, list or dict          word      True and False, any and all, min and max, break and continue

Not here: sentences for people, annotations, decorators, assertions, patterns of `match` (a fault there shows by itself
or says nothing about a rule), and whether a mutant is noticed (`mutation_session`).
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

# How much likelier a kind is drawn: by experience these are what tests leave out.
WEIGHTS: Final = {"operand": 3.0, "raise": 3.0, "guard": 2.0, "bound": 2.0}
_OUTSIDE: Final = 0.3  # outside functions a mutant needs a whole process of its own

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[str, str, str]]] = {
    ast.Lt: ("<", "<=", "bound"),
    ast.LtE: ("<=", "<", "bound"),
    ast.Gt: (">", ">=", "bound"),
    ast.GtE: (">=", ">", "bound"),
    ast.Eq: ("==", "!=", "equality"),
    ast.NotEq: ("!=", "==", "equality"),
    ast.Is: ("is", "is not", "equality"),
    ast.IsNot: ("is not", "is", "equality"),
    ast.In: ("in", "not in", "equality"),
    ast.NotIn: ("not in", "in", "equality"),
}
_SUMS: Final[dict[type[ast.operator], str]] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "//",
    ast.FloorDiv: "*",
    ast.Mod: "+",
    ast.LShift: ">>",
    ast.RShift: "<<",
    ast.BitAnd: "|",
    ast.BitOr: "&",
}
_WORDS: Final = {"any": "all", "all": "any", "min": "max", "max": "min"}


@dataclass(frozen=True, slots=True)
class SourceMutant:
    """One change: `before` becomes `after` (each on one line, for reading) in a function, by its qualified name.

    `first` and `last` are the lines of the statement that it is in, without the body of a compound one; `start` and
    `end` places in the file's bytes, `text` what comes there. `nth` counts equal changes in one function. `inside`:
    within a function's body, so that exchanging the code of live functions makes it.
    """

    path: str
    function: str
    kind: str
    line: int
    first: int
    last: int
    before: str
    after: str
    start: int
    end: int
    text: str
    inside: bool
    nth: int = 0

    @property
    def weight(self) -> float:
        return WEIGHTS.get(self.kind, 1.0) * (1.0 if self.inside else _OUTSIDE)

    @property
    def key(self) -> str:
        """What it is drawn by: stays the same where the file moves, or lines come in above."""
        return "\0".join((self.function, self.kind, self.before, self.after, str(self.nth)))

    def apply(self, source: bytes) -> bytes:
        return source[: self.start] + self.text.encode() + source[self.end :]

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.function or 'module'}: {self.kind}: {self.before}  →  {self.after}"


def mutants_of(path: Path, root: Path) -> list[SourceMutant]:
    """Every mutant of a file, in the order of its text; each can be compiled."""
    source = path.read_bytes()
    maker = _Maker(source, path.relative_to(root).as_posix())
    maker.visit(ast.parse(source))
    seen: Counter[str] = Counter()
    counted = []
    for mutant in maker.made:
        counted.append(replace(mutant, nth=seen[mutant.key]))
        seen[mutant.key] += 1
    return counted


class _Maker(ast.NodeVisitor):
    def __init__(self, source: bytes, path: str) -> None:
        self.made: list[SourceMutant] = []
        self._source = source
        self._path = path
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._names: list[str] = []
        self._depth = 0  # of functions' bodies around
        self._statement = (0, 0)

    def visit(self, node: ast.AST) -> None:
        if not isinstance(node, ast.stmt):
            super().visit(node)
            return
        around, self._statement = self._statement, _own_lines(node)
        super().visit(node)
        self._statement = around

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._lines[node.lineno - 1] + node.col_offset, self._lines[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr | ast.stmt) -> str:
        start, end = self._span(node)
        return self._source[start:end].decode()

    def _put(self, node: ast.expr | ast.stmt, kind: str, text: str, shown: tuple[str, str] | None = None) -> None:
        """`text` in the place of a node, with as many lines as the node had."""
        start, end = self._span(node)
        before, after = shown or (self._text(node), text)
        missing = "\n" * (self._source[start:end].count(b"\n") - text.count("\n"))
        written = f"({text}{missing})" if isinstance(node, ast.expr) else text + missing
        self.made.append(
            SourceMutant(
                path=self._path,
                function=".".join(self._names),
                kind=kind,
                line=node.lineno,
                first=self._statement[0],
                last=self._statement[1],
                before=" ".join(before.split()),
                after=" ".join(after.split()),
                start=start,
                end=end,
                text=written,
                inside=self._depth > 0,
            )
        )

    # What is walked, and what is passed by.

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(default)
        self._names.append(node.name)
        self._depth += 1
        for statement in node.body:
            self.visit(statement)
        self._depth -= 1
        self._names.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast's own name

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._names.append(node.name)
        for statement in node.body:
            self.visit(statement)
        self._names.pop()

    def visit_Assign(self, node: ast.Assign) -> None:
        if not _is_name(node.targets[0], "__all__"):
            self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Assert(self, node: ast.Assert) -> None:
        pass  # asserts state what mypy cannot see

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pass  # sentences for people; and Python 3.11 does not tell where in a file their parts stand

    def visit_match_case(self, node: ast.match_case) -> None:
        if node.guard is not None:
            self.visit(node.guard)
        for statement in node.body:
            self.visit(statement)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if self._depth:  # elsewhere it is the name of a type
            self.generic_visit(node)

    # What is changed.

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        word = " and " if isinstance(node.op, ast.And) else " or "
        for dropped in range(len(node.values)):
            kept = [f"({self._text(value)})" for at, value in enumerate(node.values) if at != dropped]
            shown = self._text(node), f"without {self._text(node.values[dropped])}"
            self._put(node, "operand", word.join(kept), shown)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for changed, op in enumerate(node.ops):
            parts = [f"({self._text(operands[0])})"]
            shown = [self._text(operands[0])]
            for at, other in enumerate(node.ops):
                word = _COMPARISONS[type(other)][1 if at == changed else 0]
                parts += [word, f"({self._text(operands[at + 1])})"]
                shown += [word, self._text(operands[at + 1])]
            self._put(node, _COMPARISONS[type(op)][2], " ".join(parts), (self._text(node), " ".join(shown)))
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        if node.exc is not None:
            self._put(node, "raise", "pass")
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        leaves = isinstance(node.body[-1], ast.Return | ast.Continue | ast.Break | ast.Raise)
        only_raises = len(node.body) == 1 and isinstance(node.body[0], ast.Raise)
        if leaves and not only_raises and not _is_name(node.test, "TYPE_CHECKING"):
            self._put(node.test, "guard", "False", (f"if {self._text(node.test)}", "if False"))
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._put(node, "call", "pass")
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._put(node, "call", "pass")
        self.visit(node.value)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._put(node, "not", self._text(node.operand))
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        turned = f"({self._text(node.orelse)}) if ({self._text(node.test)}) else ({self._text(node.body)})"
        self._put(node, "choice", turned, (self._text(node), "the other way round"))
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        word = _SUMS.get(type(node.op))
        if word is not None and not _is_text(node):
            self._put(node, "sum", f"({self._text(node.left)}) {word} ({self._text(node.right)})")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._put(node, "word", str(not node.value))
        elif isinstance(node.value, int):
            self._put(node, "number", str(node.value + 1))

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in _WORDS:
            self._put(node.func, "word", _WORDS[node.func.id])
        self.generic_visit(node)

    def visit_Break(self, node: ast.Break) -> None:
        self._put(node, "word", "continue")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._put(node, "word", "break")

    def visit_Set(self, node: ast.Set) -> None:
        self._drop_each(node, node.elts, [self._text(one) for one in node.elts])
        self.generic_visit(node)

    def visit_List(self, node: ast.List) -> None:
        self._drop_each(node, node.elts, [self._text(one) for one in node.elts])
        self.generic_visit(node)

    def visit_Tuple(self, node: ast.Tuple) -> None:
        if not self._depth and not any(isinstance(one, ast.Starred) for one in node.elts):
            self._drop_each(node, node.elts, [self._text(one) for one in node.elts])
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if isinstance(node.type, ast.Tuple):
            self._drop_each(node.type, node.type.elts, [self._text(one) for one in node.type.elts])
        for statement in node.body:
            self.visit(statement)

    def visit_Dict(self, node: ast.Dict) -> None:
        if not self._depth and None not in node.keys:
            texts = [f"{self._text(k)}: {self._text(v)}" for k, v in zip(node.keys, node.values, strict=True) if k]
            self._drop_each(node, node.values, texts)
        for value in node.values:
            self.visit(value)

    def _drop_each(self, node: ast.expr, held: Sequence[ast.expr], texts: Sequence[str]) -> None:
        if len(held) < 2:
            return
        opening, closing = {ast.List: ("[", "]"), ast.Tuple: ("(", ")")}.get(type(node), ("{", "}"))
        for dropped in range(len(held)):
            kept = "".join(f"{text}, " for at, text in enumerate(texts) if at != dropped)
            shown = self._text(node)[:60], f"without {texts[dropped]}"
            self._put(node, "element", f"{opening}{kept}{closing}", shown)


def _own_lines(node: ast.stmt) -> tuple[int, int]:
    """The first and the last line of a statement; of a compound one, of what stands before its body."""
    assert node.end_lineno is not None
    body = getattr(node, "body", None) or getattr(node, "cases", None)
    if not body:
        return node.lineno, node.end_lineno
    begins = body[0].pattern.lineno if isinstance(body[0], ast.match_case) else body[0].lineno
    return node.lineno, max(node.lineno, begins - 1)


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_text(node: ast.BinOp) -> bool:
    """Texts and lists put together: with another sign between them that is an error of itself."""
    sides = (node.left, node.right)
    return any(
        isinstance(side, ast.JoinedStr | ast.List | ast.Tuple)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str | bytes))
        for side in sides
    )


def all_mutants(root: Path, patterns: Sequence[str]) -> Iterator[SourceMutant]:
    """Those of every file that one of the patterns finds below `root`, each file once."""
    for path in sorted({path for pattern in patterns for path in root.glob(pattern)}):
        yield from mutants_of(path, root)
