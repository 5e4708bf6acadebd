"""fcgen and its peers, each behind the same few verbs: the engines that benchmarks compare.

An engine is made with a tokenizer of transformers, compiles a schema, starts a text, says which token may come next,
and takes one. The peers are optional. All run on one thread and let whitespace be any, as JSON does, unless the name
says otherwise:

    fcgen             properties in the order of the schema
    fcgen-any         properties in any order
    fcgen-functions   a union of functions as `Grammar.from_functions` reads it; other schemas as fcgen
    llguidance        as it comes
    xgrammar          `strict_mode=False`: properties and items that are not listed are free, as JSON Schema says
    xgrammar-strict   `any_whitespace=False, strict_mode=True`: whitespace is fixed, and what is not listed is refused
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

Schema = dict[str, Any] | bool
WARMING: Schema = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


class Engine:
    """One way of finding masks. Holds one grammar and one text at a time."""

    package: ClassVar[str]
    bits: Any  # the last mask: token t is bit t & 31 of word t >> 5

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.set_up()

    def set_up(self) -> None:
        """Read the tokenizer."""
        raise NotImplementedError

    def compile(self, schema: Schema) -> None:
        """Make the grammar of a schema; any exception is a refusal."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin a text."""
        raise NotImplementedError

    def mask(self) -> None:
        """Find what may come next, and leave it in `bits`."""
        raise NotImplementedError

    def advance(self, token: int) -> None:
        """Take a token that may come next."""
        raise NotImplementedError

    def allows(self, token: int) -> bool:
        """Whether the last mask has the token."""
        return bool(int(self.bits[token >> 5]) >> (token & 31) & 1)

    def allowed(self) -> np.ndarray:
        """The tokens of the last mask."""
        bits = np.unpackbits(np.ascontiguousarray(self.bits).view(np.uint8), bitorder="little")
        return np.flatnonzero(bits[: len(self.tokenizer)])

    def can_stop(self) -> bool:
        """Whether the last mask has the end."""
        return self.allows(self.tokenizer.eos_token_id)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def warm_up(self) -> None:
        """Do all that is done only once in a process: late imports, compiled code from the disk."""
        for _ in range(2):
            self.compile(WARMING)
            self.start()
            self.mask()
            for token in self.encode('{"a": "x", "b": 12}'):
                self.advance(token)
                self.mask()


class Fcgen(Engine):
    """fcgen, with properties in the order of the schema."""

    package = "fcgen"
    order = "schema"

    @override
    def set_up(self) -> None:
        import fcgen

        self.fcgen = fcgen
        self.vocabulary = fcgen.Vocabulary.from_tokenizer(self.tokenizer)

    @override
    def compile(self, schema: Schema) -> None:
        grammar = self.fcgen.Grammar.from_json_schema(schema, whitespace="flexible", order=self.order)
        self.masks = self.fcgen.Masks(grammar, self.vocabulary)

    @override
    def start(self) -> None:
        self.cursor = self.masks.cursor()

    @override
    def mask(self) -> None:
        self.bits = self.cursor.mask()

    @override
    def advance(self, token: int) -> None:
        self.cursor.advance(token)


class FcgenAnyOrder(Fcgen):
    """fcgen, with properties in any order."""

    order = "any"


class FcgenFunctions(Fcgen):
    """fcgen, with a union of calls read as functions."""

    @override
    def compile(self, schema: Schema) -> None:
        if not (isinstance(schema, dict) and "anyOf" in schema):
            super().compile(schema)
            return
        functions = [
            {"name": call["properties"]["function"]["const"], "parameters": call["properties"]["arguments"]}
            for call in schema["anyOf"]
        ]
        grammar = self.fcgen.Grammar.from_functions(functions, choice="required", whitespace="flexible")
        self.masks = self.fcgen.Masks(grammar, self.vocabulary)


class Llguidance(Engine):
    """llguidance, as it comes."""

    package = "llguidance"

    @override
    def set_up(self) -> None:
        import llguidance.hf
        import llguidance.numpy

        self.matcher_of = llguidance.LLMatcher
        self.fill = llguidance.numpy.fill_next_token_bitmask
        self.vocabulary = llguidance.hf.from_tokenizer(self.tokenizer)
        self.rows = llguidance.numpy.allocate_token_bitmask(1, self.vocabulary.vocab_size)
        self.bits = self.rows[0]

    @override
    def compile(self, schema: Schema) -> None:
        grammar = self.matcher_of.grammar_from_json_schema(json.dumps(schema))
        self.fresh = self.matcher_of(self.vocabulary, grammar)
        if self.fresh.is_error():
            raise ValueError(self.fresh.get_error())

    @override
    def start(self) -> None:
        self.matcher = self.fresh.deep_copy()

    @override
    def mask(self) -> None:
        self.fill(self.matcher, self.rows, 0)

    @override
    def advance(self, token: int) -> None:
        if not self.matcher.consume_token(token):
            raise ValueError(self.matcher.get_error())

    @override
    def allows(self, token: int) -> bool:
        if self.matcher.is_error():
            raise ValueError(self.matcher.get_error())
        return super().allows(token)


class Xgrammar(Engine):
    """xgrammar, with schemas that mean what JSON Schema says."""

    package = "xgrammar"
    options: ClassVar[dict[str, bool]] = {"any_whitespace": True, "strict_mode": False}

    @override
    def set_up(self) -> None:
        import xgrammar

        self.matcher_of = xgrammar.GrammarMatcher
        self.vocabulary = xgrammar.TokenizerInfo.from_huggingface(
            self.tokenizer, vocab_size=len(self.tokenizer), stop_token_ids=[self.tokenizer.eos_token_id]
        )
        self.compiler = xgrammar.GrammarCompiler(self.vocabulary, max_threads=1)
        self.rows = xgrammar.allocate_token_bitmask(1, self.vocabulary.vocab_size)
        self.bits = self.rows[0].numpy()

    @override
    def compile(self, schema: Schema) -> None:
        self.compiled = self.compiler.compile_json_schema(json.dumps(schema), **self.options)

    @override
    def start(self) -> None:
        self.matcher = self.matcher_of(self.compiled)

    @override
    def mask(self) -> None:
        if not self.matcher.fill_next_token_bitmask(self.rows):
            self.bits.fill(-1)  # all may come next, and the row was left as it was

    @override
    def advance(self, token: int) -> None:
        if not self.matcher.accept_token(token):
            raise ValueError(f"token {token} is in the mask and was not taken")


class XgrammarStrict(Xgrammar):
    """xgrammar, with whitespace fixed and what is not listed refused."""

    options: ClassVar[dict[str, bool]] = {"any_whitespace": False, "strict_mode": True}


ENGINES: dict[str, type[Engine]] = {
    "fcgen": Fcgen,
    "fcgen-any": FcgenAnyOrder,
    "fcgen-functions": FcgenFunctions,
    "llguidance": Llguidance,
    "xgrammar": Xgrammar,
    "xgrammar-strict": XgrammarStrict,
}


def make_engine(name: str, folder: Path) -> Engine:
    """The engine of that name over the tokenizer in a folder, in use already."""
    import torch

    torch.set_num_threads(1)
    engine = ENGINES[name](read_tokenizer(folder))
    engine.warm_up()
    return engine


def read_tokenizer(folder: Path) -> Any:
    """The tokenizer that transformers finds in a folder."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def find_tokenizer(folder: Path | None) -> Path:
    """The folder, or that of the embedded model, which is fetched on first use."""
    if folder is not None:
        return folder
    from fcgen.embedded import embedded_path

    return embedded_path()


def option_parser(description: str | None, engines: Iterable[str]) -> argparse.ArgumentParser:
    """A parser that has the options which choose the engines and what they read."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(engines))
    parser.add_argument("--tokenizer", type=Path, help="a tokenizer's folder; without it, the embedded model's")
    parser.add_argument("--out", type=Path, help="write the results here, as JSON")
    return parser


def parse_options(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options given; of the engines those that are installed."""
    options = parser.parse_args()
    options.engines = installed(options.engines)
    return options


def installed(names: Iterable[str]) -> list[str]:
    """Those of the engines that are installed; says which are not."""
    found = []
    for name in names:
        if importlib.util.find_spec(ENGINES[name].package):
            found.append(name)
        else:
            print(f"{name} is skipped: it is not installed", file=sys.stderr)
    return found
