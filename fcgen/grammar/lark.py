"""Reads grammars written in Lark's notation into terms.

Lark's own grammar of its notation parses the text; each rule and terminal becomes a term. Both kinds mean the same
here, a language over bytes: there is no lexer, so nothing is longest-match, and `%ignore`, templates, priorities that
decide and left recursion have no meaning and are refused. `/.../` are patterns of Python's `re`, as Lark has them, with
the flags i, m, s, u and x (`python_patterns.py`). Names declared with `%declare` are holes that the caller fills.

`grammars/*.lark` are the grammars that fcgen itself reads: `read_grammar("json")`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fcgen.errors import GrammarError, excerpt
from fcgen.grammar.cases import any_case
from fcgen.grammar.characters import CharSet, utf8
from fcgen.grammar.expr import alt_of, literal, optional, reference, repeat, seq
from fcgen.grammar.python_patterns import ecma_pattern
from fcgen.grammar.regex import read_pattern
from fcgen.grammar.terms import Expr, Scope

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

MAX_DEPTH = 100
MAX_SIZE = 1_000_000
MAX_REPEAT = 100_000


@lru_cache(maxsize=64)
def grammar_text(name: str) -> str:
    """The text of `grammars/<name>.lark`, from the wheel or from a source tree."""
    shipped = files("fcgen") / "grammars" / f"{name}.lark"
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "grammars" / f"{name}.lark").read_text(encoding="utf-8")


@lru_cache(maxsize=64)
def read_grammar(name: str) -> Mapping[str, Expr]:
    """Every rule and terminal of `grammars/<name>.lark`, which must have no holes."""
    return dict(read_lark(grammar_text(name)))


def read_lark(text: str, holes: Mapping[str, Expr] | None = None) -> Mapping[str, Expr]:
    """The rules and terminals of a grammar in Lark's notation, by name; each is built when it is asked for.

    Args:
        text: the grammar.
        holes: what the names that the text declares (`%declare NAME`) stand for.

    Raises:
        GrammarError: the text cannot be read; says where. (Of a rule that is never asked for: only if it cannot be
            parsed.)
        PatternError: one of its patterns cannot be read.
    """
    return _Rules(_definitions(text), dict(holes or {}))


def read_start(text: str) -> Expr:
    """The rule `start` of a grammar, whose rules are all built.

    Raises as `read_lark`, and GrammarError where it is no text, has no such rule, or has left recursion.
    """
    if not isinstance(text, str):
        raise GrammarError(
            f"a grammar must be a string in Lark's notation, found {excerpt(text)}",
            hint="Of a file, give the text: path.read_text().",
        )
    rules = _Rules(_definitions(text), {})
    built = dict(rules)
    if "start" not in built:
        raise GrammarError("the grammar has no rule `start`", hint=f"It has {', '.join(built) or 'no rules'}.")
    rules.check_left_recursion("start")
    return built["start"]


@lru_cache(maxsize=1)
def _notation() -> Lark:
    from lark import Lark

    return Lark.open_from_package("lark", "lark.lark", ["grammars"], parser="lalr", maybe_placeholders=False)


@lru_cache(maxsize=64)
def _parse(text: str) -> Tree[Token]:
    from lark.exceptions import UnexpectedInput

    if len(text) > MAX_SIZE:
        raise GrammarError("the grammar text is too long", limit=MAX_SIZE, given=len(text))
    try:
        return _notation().parse(text + "\n")
    except UnexpectedInput as error:
        line = getattr(error, "line", "?")
        found = text.splitlines()[line - 1 : line] if isinstance(line, int) else []
        raise GrammarError(
            f"line {line}, column {getattr(error, 'column', '?')}: not in Lark's notation: {excerpt(''.join(found))}"
        ) from None


def _definitions(text: str) -> dict[str, Any]:
    """Rules and terminals by name: their tree, or None for a hole."""
    found: dict[str, Any] = {}

    def define(name: str, tree: Any) -> None:
        if name in found:
            raise GrammarError(f"{excerpt(name)} is defined twice")
        found[name] = tree

    for item in _parse(text).children:
        match item.data:  # type: ignore[union-attr]
            case "rule" | "token":
                head, params, *_, body = item.children  # type: ignore[union-attr]
                if params.children:  # type: ignore[union-attr]
                    raise GrammarError(f"{excerpt(head)} is a template, which has no meaning here")
                define(head.lstrip("!?"), body)  # type: ignore[union-attr]
            case "declare":
                for name in item.children:  # type: ignore[union-attr]
                    define(str(name.children[0]), None)  # type: ignore[union-attr]
            case "import" | "multi_import":
                _import(item, define)
            case other:
                raise GrammarError(
                    f"%{str(other).removesuffix('_rule')} has no meaning here: there is no lexer",
                    hint="Write whitespace where it may stand.",
                )
    return found


def _import(item: Any, define: Any) -> None:
    path, *names = item.children
    parts = [str(part.children[0]) for part in path.children if not isinstance(part, str)]
    if item.data == "multi_import":
        module, wanted = parts, {str(name.children[0]): str(name.children[0]) for name in names[0].children}
    else:
        module, wanted = parts[:-1], {str(names[0].children[0]) if names else parts[-1]: parts[-1]}
    if module != ["json"]:
        raise GrammarError(f"%import of {excerpt('.'.join(module))}: only `json` can be imported")
    shipped = read_grammar("json")
    for alias, name in wanted.items():
        if name not in shipped:
            raise GrammarError(f"`json` has no {excerpt(name)}: it has {', '.join(shipped)}")
        define(alias, shipped[name])


class _Rules(Mapping[str, Expr]):
    """Builds the terms of definitions; names that lead back to themselves become references."""

    def __init__(self, definitions: dict[str, Any], holes: dict[str, Expr]) -> None:
        self._definitions = definitions
        self._scope = Scope()
        self._built: dict[str, Expr] = {}
        self._open: dict[str, bool] = {}
        for name, tree in definitions.items():
            if tree is None and name not in holes:
                raise GrammarError(f"{excerpt(name)} is declared, and nothing was given for it")
            if tree is None:
                self._built[name] = holes[name]
            elif isinstance(tree, Expr):
                self._built[name] = tree
        self._empty = self._nullable_names()

    def __getitem__(self, name: str) -> Expr:
        if name not in self._definitions:
            raise KeyError(name)
        return self._named(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._definitions)

    def __len__(self) -> int:
        return len(self._definitions)

    def _named(self, name: str) -> Expr:
        if name in self._built:
            return self._built[name]
        if name not in self._definitions:
            raise GrammarError(f"{excerpt(name)} is used, and not defined")
        if name in self._open:
            self._open[name] = True
            return reference(self._scope, name, can_stop=name in self._empty)
        if len(self._open) > MAX_DEPTH:
            raise GrammarError("rules lead through too many others", limit=MAX_DEPTH)
        self._open[name] = False
        term = self._build(self._definitions[name])
        if self._open.pop(name):
            self._scope.define(name, term)
        self._built[name] = term
        return term

    def check_left_recursion(self, start: str) -> None:
        """Raise GrammarError where a rule that `start` leads to can begin with itself; all rules have been built."""
        first: dict[str, list[str]] = {}
        ahead = [start]
        while ahead:
            name = ahead.pop()
            tree = self._definitions[name]
            if name not in first and isinstance(tree, Expr | None):
                first[name] = []
            elif name not in first:
                first[name] = list(self._first_names(tree))
                ahead += [_name_of(node) for node in tree.find_data("name")]
        try:
            TopologicalSorter(first).prepare()
        except CycleError as error:
            around = error.args[1][::-1]  # each rule begins with the next one
            through = f", through {excerpt(', '.join(around[1:-1]), 200)}" if around[1:-1] else ""
            raise GrammarError(
                f"rule {excerpt(around[0])} refers to itself before any character of it{through}",
                hint='Remove the left recursion: what repeats is written as in list: item ("," item)*.',
            ) from None

    def _first_names(self, node: Any) -> Iterator[str]:
        """The names that the texts of a node can begin with."""
        parts = node.children
        match node.data:
            case "expansions":
                for part in parts:
                    yield from self._first_names(part)
            case "expansion":
                for part in parts:
                    yield from self._first_names(part)
                    if not self._nullable(part, self._empty):
                        return
            case "maybe" | "alias":
                yield from self._first_names(parts[0])
            case "expr" if _times(parts[1:])[1] != 0:
                yield from self._first_names(parts[0])
            case "name":
                yield _name_of(node)

    def _build(self, node: Any, depth: int = 0) -> Expr:
        if depth > MAX_DEPTH:
            raise GrammarError("parentheses are nested too deeply", limit=MAX_DEPTH)
        parts = node.children
        match node.data:
            case "expansions":
                return alt_of(self._build(part, depth + 1) for part in parts)
            case "expansion":
                return seq(*(self._build(part, depth + 1) for part in parts))
            case "alias":
                return self._build(parts[0], depth + 1)
            case "maybe":
                return optional(self._build(parts[0], depth + 1))
            case "expr":
                return _repeated(self._build(parts[0], depth + 1), parts[1:])
            case "name":
                return self._named(_name_of(node))
            case "literal":
                return _literal(str(parts[0]))
            case "literal_range":
                return _character_range(str(parts[0]), str(parts[1]))
            case other:
                raise GrammarError(f"{excerpt(str(other))} has no meaning here")

    def _nullable_names(self) -> set[str]:
        """The names that accept the empty string: the least solution, by iteration."""
        empty = {name for name, term in self._built.items() if term.can_stop}
        open_names = [name for name in self._definitions if name not in self._built]
        while True:
            found = {name for name in open_names if self._nullable(self._definitions[name], empty)}
            if found <= empty:
                return empty
            empty |= found

    def _nullable(self, node: Any, empty: set[str], depth: int = 0) -> bool:
        if depth > MAX_DEPTH:
            raise GrammarError("parentheses are nested too deeply", limit=MAX_DEPTH)
        parts = node.children
        match node.data:
            case "expansions":
                return any(self._nullable(part, empty, depth + 1) for part in parts)
            case "expansion":
                return all(self._nullable(part, empty, depth + 1) for part in parts)
            case "maybe":
                return True
            case "expr":
                least = _times(parts[1:])[0]
                return least == 0 or self._nullable(parts[0], empty, depth + 1)
            case "alias":
                return self._nullable(parts[0], empty, depth + 1)
            case "name":
                return _name_of(node) in empty
            case "literal":
                return _literal(str(parts[0])).can_stop
            case _:
                return False


def _name_of(node: Any) -> str:
    return str(node.children[0]).lstrip("!?")


def _times(operators: list[Any]) -> tuple[int, int | None]:
    match [str(operator) for operator in operators]:
        case ["?"]:
            return 0, 1
        case ["*"]:
            return 0, None
        case ["+"]:
            return 1, None
        case [count]:
            return int(count), int(count)
        case [least, most]:
            return int(least), int(most)
    return 1, 1


def _repeated(inner: Expr, operators: list[Any]) -> Expr:
    least, most = _times(operators)
    if least < 0 or (most is not None and (most < least or most > MAX_REPEAT)):
        raise GrammarError(f"a repeat of {least} to {most} is not possible", limit=MAX_REPEAT, given=most)
    return repeat(inner, least, most)


@lru_cache(maxsize=1024)
def _literal(token: str) -> Expr:
    if token.startswith("/"):
        body, _, flags = token[1:].rpartition("/")
        unknown = "".join(sorted(set(flags) - set("imsux")))
        if unknown:
            raise GrammarError(f"the flags {excerpt(unknown)} of {excerpt(token)} have no meaning here")
        return read_pattern(ecma_pattern(body, flags=flags))
    if token.endswith("i"):
        return seq(*(utf8(any_case(CharSet.of(char))) for char in _unquoted(token[:-1])))
    return literal(_unquoted(token).encode())


def _character_range(low: str, high: str) -> Expr:
    first, last = _unquoted(low), _unquoted(high)
    if len(first) != 1 or len(last) != 1 or first > last:
        raise GrammarError(f"{low}..{high} is not a range of characters")
    return utf8(CharSet.of((ord(first), ord(last))))


def _unquoted(token: str) -> str:
    """What a quoted string stands for: Lark's strings are Python's."""
    try:
        text = str(ast.literal_eval(token))
        text.encode()
    except (SyntaxError, ValueError):
        raise GrammarError(f"{excerpt(token)} is not a string of characters") from None
    return text
