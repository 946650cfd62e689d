"""Every classic small change of a module: a comparison off by one, a statement left out.

`mutations(text)` lists them. The sweep makes each in turn and looks for a test that notices.

    compare     <  becomes <=, == becomes !=, `in` becomes `not in` ...
    arithmetic  +  becomes -, * becomes //, & becomes | ..., also in +=
    constant    a number becomes one more and one less; True becomes False; a text becomes empty
    condition   if, while and `x if c else y` get the opposite condition; `and` becomes `or`;
                `not` and minus go
    statement   a call, a change of a variable, a raise or a del is left out;
                break becomes continue
    return      the value becomes None
    slice       an end of [first:last] goes
    except      the handler raises again

Annotations, docstrings, and code for the type checker only, are left alone.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_SWAPPED = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
    ast.Add: "-", ast.Sub: "+", ast.Mult: "//", ast.FloorDiv: "*", ast.Div: "*", ast.Mod: "//",
    ast.Pow: "*", ast.LShift: ">>", ast.RShift: "<<", ast.BitAnd: "|", ast.BitOr: "&",
    ast.BitXor: "&", ast.And: "or", ast.Or: "and",
}  # fmt: skip
_Change = tuple[str, ast.AST, str]  # kind, what is replaced, by what


@dataclass(frozen=True)
class Mutation:
    """One change: the bytes of the file from `start` to `end` become `new`."""

    kind: str
    function: str  # in which it is; "" for the module itself
    line: int
    start: int
    end: int
    new: bytes

    def applied(self, text: bytes) -> bytes:
        """The text of the whole file, changed."""
        return text[: self.start] + self.new + text[self.end :]

    def shown(self, text: bytes) -> tuple[str, str]:
        """The line that changes (the first, of several), before and after."""
        begin = text.rfind(b"\n", 0, self.start) + 1
        changed = self.applied(text)
        return _line(text, begin), _line(changed, begin)


def _line(text: bytes, begin: int) -> str:
    return text[begin:].partition(b"\n")[0].strip().decode()


def mutations(text: bytes) -> list[Mutation]:
    """Every change of the module with this text, by place."""
    tree = ast.parse(text)
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    ends = [0, *(starts[statement.end_lineno or 0] for statement in tree.body)]
    found: dict[tuple[int, int, bytes], Mutation] = {}
    for function, node in _code(tree, ""):
        for kind, old, new in _changes(node, text, starts):
            start, end = _span(old, starts)
            mutation = Mutation(kind, function, old.lineno, start, end, new.encode())  # type: ignore[attr-defined]
            if _can_be_read(mutation, text, ends):
                found.setdefault((start, end, mutation.new), mutation)
    return sorted(found.values(), key=lambda one: (one.start, one.end, one.new))


def _can_be_read(mutation: Mutation, text: bytes, ends: list[int]) -> bool:
    """Whether the statement around the change is one; to read the whole module takes longer."""
    begin = max(end for end in ends if end <= mutation.start)
    left = len(text) - min(end for end in ends if end > mutation.start)
    try:
        ast.parse(mutation.applied(text)[begin : -left or None])
    except SyntaxError:
        return False
    return True


def _span(node: ast.AST, starts: list[int]) -> tuple[int, int]:
    """The first byte of the node, and the one after its last."""
    at: ast.expr = node  # type: ignore[assignment]
    assert at.end_lineno is not None
    assert at.end_col_offset is not None
    return starts[at.lineno - 1] + at.col_offset, starts[at.end_lineno - 1] + at.end_col_offset


def _code(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node that runs, with the function that it is in."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.arg() | ast.Import() | ast.ImportFrom():
                continue
            case ast.Expr(value=ast.Constant()):  # a docstring
                continue
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.Assign(targets=[ast.Name(id="TYPE_CHECKING" | "__slots__")]):
                continue
            case ast.AnnAssign(value=value):
                if value is not None:
                    yield function, value
                    yield from _code(value, function)
            case ast.FunctionDef(name=name):
                for part in [*child.args.defaults, *filter(None, child.args.kw_defaults)]:
                    yield function, part
                    yield from _code(part, function)
                body = ast.Module(child.body, [])
                yield from _code(body, f"{function}.{name}".lstrip("."))
            case _:
                yield function, child
                yield from _code(child, function)


def _changes(node: ast.AST, text: bytes, starts: list[int]) -> Iterator[_Change]:
    """The changes of one node."""

    def source(part: ast.AST) -> str:
        start, end = _span(part, starts)
        return text[start:end].decode()

    match node:
        case ast.Compare(left=left, ops=ops, comparators=right):
            for op, before, after in zip(ops, [left, *right[:-1]], right, strict=True):
                swapped = f"{source(before)} {_SWAPPED[type(op)]} {source(after)}"
                yield "compare", _between(before, after), swapped
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _SWAPPED:
            swapped = f"{source(left)} {_SWAPPED[type(op)]} {source(right)}"
            yield "arithmetic", node, f"({swapped})"
        case ast.BoolOp(op=op, values=values):
            yield "condition", node, f"({f' {_SWAPPED[type(op)]} '.join(map(source, values))})"
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield "condition", node, f"({source(operand)})"
        case ast.Constant(value=value):
            yield from (("constant", node, new) for new in _other_values(value))
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield "condition", test, f"(not ({source(test)}))"
        case ast.comprehension(ifs=tests):
            yield from (("condition", test, f"(not ({source(test)}))") for test in tests)
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in _SWAPPED:
            yield "arithmetic", node, f"{source(target)} {_SWAPPED[type(op)]}= {source(value)}"
            yield "statement", node, "pass"
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.Delete() | ast.Assign():
            yield "statement", node, "pass"
        case ast.Break():
            yield "statement", node, "continue"
        case ast.Continue():
            yield "statement", node, "break"
        case ast.Return(value=ast.expr() as value) if source(value) != "None":
            yield "return", value, "None"
        case ast.Slice(lower=lower, upper=upper):
            yield from (("slice", end, "") for end in (lower, upper) if end)
        case ast.ExceptHandler(body=[first, *rest]):
            yield "except", _between(first, rest[-1] if rest else first), "raise"


def _between(first: ast.AST, last: ast.AST) -> ast.AST:
    """Something that begins where `first` begins and ends where `last` ends."""
    whole = ast.Pass(lineno=first.lineno, col_offset=first.col_offset)  # type: ignore[attr-defined]
    whole.end_lineno, whole.end_col_offset = last.end_lineno, last.end_col_offset  # type: ignore[attr-defined]
    return whole


def _other_values(value: object) -> list[str]:
    match value:
        case bool():
            return [str(not value)]
        case int():
            return [str(value + 1), f"({value - 1})"]
        case bytes() | str() if value:
            return [repr(type(value)())]
        case _:
            return []
