"""Output types of Outlines: what they mean to Outlines is what may be written, and of JSON Schemas all they demand."""

import datetime as dt
import enum
import json
import random
import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, NewType, Union

import jsonschema
import outlines
import pytest
from genson import SchemaBuilder
from hypothesis import given, settings
from hypothesis import strategies as st
from outlines import types
from outlines.types import CFG, Choice, JsonSchema, Regex, dsl
from pydantic import (
    UUID4,
    BaseModel,
    Field,
    FilePath,
    HttpUrl,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
    validate_call,
)
from pydantic.json_schema import SkipJsonSchema
from schemas_made import schemas, values
from typing_extensions import TypedDict
from walking import accepts, sample

from fcgen import Grammar, Masks, Vocabulary
from fcgen.errors import (
    FcgenError,
    GrammarError,
    GrammarTooLarge,
    OptionError,
    OutOfSteps,
    PatternError,
    Unsatisfiable,
    UnsupportedKeyword,
)


def root(output_type, **options):
    return Grammar.from_output_type(output_type, **options).root


def takes(output_type, text, **options):
    return accepts(root(output_type, **options), text.encode())


def samples(output_type, count=20):
    return [sample(root(output_type), random.Random(seed)).decode() for seed in range(count)]


PATTERNS = ["a", "b*", "a|b", "[^a]", "(a|bc){1,2}", "b+?", "(?:ab)?", "", r"\.", "(?<x>a)c"]
AROUND = ["^a", "c$", "a(?=b)", "(?!ab)[abc]{2}", "(?<=a)b", r"\ba", "(?<!b)c"]

counts = st.integers(0, 3)
plain = st.text("abc.", max_size=3).map(dsl.String) | st.sampled_from(PATTERNS).map(Regex)
looking = st.sampled_from(AROUND).map(Regex)


def built_of(inner):
    return st.one_of(
        st.lists(inner, max_size=3).map(dsl.Sequence),
        st.lists(inner, min_size=1, max_size=3).map(dsl.Alternatives),
        st.lists(inner | st.sampled_from(["a", 3, "c."]), min_size=1, max_size=3).map(Choice),
        inner.map(dsl.Optional),
        inner.map(dsl.KleeneStar),
        inner.map(dsl.KleenePlus),
        st.builds(dsl.QuantifyExact, inner, counts),
        st.builds(dsl.QuantifyMinimum, inner, counts),
        st.builds(dsl.QuantifyMaximum, inner, counts),
        st.builds(lambda one, low, more: dsl.QuantifyBetween(one, low, low + more), inner, counts, counts),
    )


terms = st.recursive(plain, built_of, max_leaves=5)
texts = st.text("abc.3", max_size=6)


def without_names(pattern):
    """Python knows groups' names in another spelling, and each of them once."""
    return pattern.replace("(?<x>", "(?:")


@given(terms, texts)
def test_a_term_means_what_its_regular_expression_does(term, text):
    assert takes(term, text) == bool(re.fullmatch(without_names(dsl.to_regex(term)), text))


@given(st.recursive(plain | looking, built_of, max_leaves=3), texts)
def test_also_where_patterns_look_at_what_is_around_them(term, text):
    assert takes(term, text) == bool(re.fullmatch(without_names(dsl.to_regex(term)), text))


class Colour(enum.Enum):
    RED = "red"
    DARK = "dark red"
    NUMBER = 3


Metres = NewType("Metres", int)

numbers_and_names = [int, float, bool, str, Metres, Annotated[int, "metres"], Colour, Literal["a", "b c"]]
leaf_types = st.sampled_from([*numbers_and_names, Literal[1, 2.5, True], dt.date, dt.time, dt.datetime])
python_types = st.recursive(
    leaf_types,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda kinds: Union[tuple(kinds)]),  # noqa: UP007  the older spelling
        inner.map(lambda kind: kind | None),
        inner.map(lambda kind: list[kind]),
        inner.map(lambda kind: tuple[kind, ...]),
        st.lists(inner, max_size=2).map(lambda kinds: tuple[tuple(kinds)] if kinds else tuple[()]),
        st.tuples(st.sampled_from([str, int, Literal["a"]]), inner).map(lambda pair: dict[pair]),
    ),
    max_leaves=3,
)


@settings(max_examples=60)
@given(python_types, st.integers(0, 2**32), st.sampled_from(["", "0", " ", '"', "a"]))
def test_a_python_type_means_what_outlines_reads_it_as(kind, seed, more):
    pattern = re.compile(dsl.to_regex(dsl.python_types_to_terms(kind)))
    text = sample(root(kind), random.Random(seed)).decode()
    assert pattern.fullmatch(text)
    place = seed % (len(text) + 1)
    for changed in (text[:place] + more + text[place:], text[:place] + text[place + 1 :]):
        assert takes(kind, changed) == bool(pattern.fullmatch(changed))


@pytest.mark.parametrize("name", [name for name in types.__all__ if isinstance(getattr(types, name), Regex)])
def test_every_type_that_outlines_defines(name):
    pattern = re.compile(getattr(types, name).pattern)
    assert all(pattern.fullmatch(text) for text in samples(getattr(types, name), 5))


@settings(max_examples=50)
@given(schemas, values)
def test_a_json_schema_is_compiled_with_all_that_it_demands(schema, value):
    try:
        expected = Grammar.from_json_schema(schema, whole_fraction=False)
    except FcgenError as error:
        with pytest.raises(type(error)):
            root(JsonSchema(json.dumps(schema)))
        return
    assert root(JsonSchema(json.dumps(schema))) is expected.root
    between = root(dsl.Sequence([dsl.String("<"), dsl.KleeneStar(JsonSchema(json.dumps(schema))), dsl.String(">")]))
    text = json.dumps(value, ensure_ascii=False)
    assert accepts(between, f"<{text}>".encode()) == accepts(expected.root, text.encode())


def test_what_a_regular_expression_would_leave_out_is_demanded():
    schema = {"type": "array", "items": {"type": "integer", "multipleOf": 3}, "uniqueItems": True, "minItems": 2}
    judge = jsonschema.Draft202012Validator(schema)
    for text in samples(JsonSchema(schema)):
        judge.validate(json.loads(text))
    assert not takes(JsonSchema(schema), "[3, 3]")


class Address(BaseModel):
    street: str
    number: types.digit


class Person(BaseModel):
    name: str = Field(pattern="^A", max_length=9)
    born: dt.date
    address: Address | None = None
    plate: Annotated[str, Regex("[A-Z]{2}|x")] = "x"
    properties: dict[str, int] = {}


@dataclass
class Order:
    size: Literal["S", "L"]
    to: list[Person]
    count: Annotated[int, Field(ge=1, le=20)] = 1


class Trip(TypedDict):
    to: Address
    days: int


def call(who: str) -> None:
    pass


def book(trip: Trip, when: dt.date, note: str = "") -> None:
    pass


@pytest.mark.parametrize("kind", [Address, Person, Order, Trip, list[Trip]])
def test_classes_are_written_so_that_pydantic_takes_them(kind):
    judge = TypeAdapter(kind)
    for text in samples(kind):
        judge.validate_json(text)


@pytest.mark.parametrize("kind", [Address, Person, Order, Trip])
def test_classes_have_the_fields_that_they_declare(kind):
    schema = TypeAdapter(kind).json_schema()
    for text in samples(kind):
        assert set(json.loads(text)) <= set(schema["properties"])


class Described(BaseModel):
    code: Annotated[str, StringConstraints(min_length=2, max_length=3)]
    size: Annotated[int, WithJsonSchema({"enum": [1, 2]})]
    note: Annotated[str, SkipJsonSchema()] = ""


def test_what_describes_a_field_may_be_any_object():
    assert takes(Described, '{"code": "ab", "size": 2}')
    assert not takes(Described, '{"code": "a", "size": 2}')
    assert not takes(Described, '{"code": "ab", "size": 3}')


def test_a_field_of_a_term_is_all_of_the_term():
    assert takes(Address, '{"street": "", "number": "7"}')
    assert not takes(Address, '{"street": "", "number": "77"}')
    assert not takes(list[Trip], '[{"to": {"street": "", "number": "a7"}, "days": 1}]')
    assert takes(Person, '{"name": "Ann", "born": "2000-01-01", "plate": "AB"}')
    assert not takes(Person, '{"name": "Ann", "born": "2000-01-01", "plate": "ABC"}')


def test_integers_have_no_point():
    assert takes(Trip, '{"to": {"street": "", "number": "7"}, "days": 2}')
    assert not takes(Trip, '{"to": {"street": "", "number": "7"}, "days": 2.0}')
    assert not takes(JsonSchema({"type": "integer"}), "2.0")


def test_a_class_that_takes_more_than_it_declares_may_get_more():
    class Loose(BaseModel, extra="allow"):
        a: int

    assert takes(Loose, '{"a": 1, "b": 2}')
    assert not takes(Address, '{"street": "", "number": "7", "b": 2}')
    assert takes(JsonSchema(Address), '{"street": "", "number": "7", "b": 2}')


def test_patterns_of_a_class_are_read_as_pydantic_reads_them():
    class Coded(BaseModel):
        code: str = Field(pattern=r"(?i)^a\w$")
        key: str = Field(pattern=re.compile(r"^\w\Z", re.ASCII))
        plate: Annotated[str, Regex("[a-cA-C]{2}")]

    assert takes(Coded, '{"code": "Aé", "key": "b", "plate": "aB"}')
    assert not takes(Coded, '{"code": "Aé", "key": "é", "plate": "aB"}')
    assert not takes(Coded, '{"code": "a-", "key": "b", "plate": "aB"}')
    assert not takes(Coded, '{"code": "aa", "key": "b", "plate": "aBc"}')


def test_a_class_within_itself():
    assert takes(Tree, '{"value": 1, "children": [{"value": 2, "children": []}]}')
    assert not takes(Tree, '{"value": 1, "children": [{"value": 2, "children": [], "x": 0}]}')


class Tree(BaseModel):
    value: int
    children: list["Tree"]


@pytest.mark.filterwarnings("ignore:The function name could not be determined")
@pytest.mark.parametrize("call", [book, partial(book)])
def test_a_function_gets_arguments_that_it_takes(call):
    for text in samples(call):
        call(**json.loads(text))


@pytest.mark.filterwarnings("ignore:The function name could not be determined")
def test_an_enum_of_functions():
    class Either(enum.Enum):
        BOOK = partial(book)
        CALL = partial(call)

    assert takes(Either, '{"trip": {"to": {"street": "", "number": "7"}, "days": 1}, "when": "2020-02-03"}')
    assert takes(Either, '{"who": "Ann"}')
    assert not takes(Either, '{"who": "Ann", "when": "2020-02-03"}')


def test_a_genson_builder():
    builder = SchemaBuilder()
    builder.add_object({"a": 1, "b": "x"})
    assert takes(builder, '{"a": 7, "b": ""}')
    assert not takes(builder, '{"a": "7", "b": ""}')


def test_a_grammar():
    assert takes(CFG('start: "(" start ")" | WORD\nWORD: /[a-z]+/'), "((ab))")
    assert takes(CFG('start: "(" start ")" | "x"') + "!", "(x)!")
    assert not takes(CFG('start: "(" start ")" | "x"'), "(x")


@pytest.mark.parametrize("kind", [dict, CFG(outlines.grammars.json)])
def test_any_json(kind):
    assert takes(kind, '{"a": [1, null]}')
    assert not takes(kind, "{'a': 1}")


@pytest.mark.parametrize(
    ("pattern", "wanted", "written"),
    [
        (None, "json.dumps", '{"a": 1, "b": 2}'),
        (None, "compact", '{"a":1,"b":2}'),
        ("[ ]?", "json.dumps", '{"a": 1, "b": 2}'),
        (r"[\n\t ]*", "json.dumps", '{"a": 1, "b": 2}'),
        ("", "json.dumps", '{"a":1,"b":2}'),
        ("(  )?", "json.dumps", '{"a":1,"b":2}'),
        ("[ ]?", "flexible", '{"a": 1, "b": 2}'),
        (r"[\n\t\r ]*", "flexible", '{  "a": 1,\n"b": 2}'),
        (r"[\n\t ]*", "flexible", '{"a": 1, "b": 2}'),
        ("[ ]?", "indent=2", '{"a": 1, "b": 2}'),
    ],
)
def test_whitespace_is_held_to_a_pattern(pattern, wanted, written):
    schema = {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}}, "required": ["a", "b"]}
    schema = JsonSchema({**schema, "additionalProperties": False}, whitespace_pattern=pattern)
    assert takes(schema, written, whitespace=wanted)
    if wanted != "flexible":
        found = {sample(root(schema, whitespace=wanted), random.Random(seed)).decode() for seed in range(9)}
        assert found == {written}


def test_options_of_the_text_are_those_of_json_schemas():
    kind = JsonSchema({"type": "string", "nullable": True})
    assert takes(kind, "null", nullable=True)
    assert not takes(kind, "null")
    assert takes(Trip, '{"days": 1, "to": {"street": "", "number": "7"}}', order="any")
    with pytest.raises(OptionError, match="whitespace 'none'"):
        root(kind, whitespace="none")


def test_notes_are_those_of_the_json_schemas():
    schema = {"type": "string", "format": "unknown"}
    assert Grammar.from_output_type(JsonSchema(schema)).notes == Grammar.from_json_schema(schema).notes != ()


class Visit(BaseModel):
    id: UUID4
    site: HttpUrl
    day: Annotated[dt.date, Field(ge=dt.date(2020, 1, 1))]


class Report(BaseModel):
    file: FilePath


@dataclass
class Stay:
    id: UUID4


def visit(key: UUID4, site: HttpUrl = "https://a.org", days: int = 1): ...


@pytest.mark.parametrize("kind", [Visit, Stay, list[Visit], Visit | Stay], ids=str)
def test_what_pydantic_would_refuse_of_a_class_is_not_written(kind):
    for text in samples(kind):
        TypeAdapter(kind).validate_json(text)
    assert Grammar.from_output_type(kind).notes == ()


def test_what_pydantic_would_refuse_of_a_function_is_not_written():
    for text in samples(visit):
        validate_call(visit)(**json.loads(text))
    assert takes(visit, '{"key": "9b2a5c0e-8f0a-4d0b-9f6c-2b1f0f6f7a55"}')
    assert not takes(visit, '{"key": "x"}')


def test_what_is_left_to_pydantic_is_noted():
    note = "at /properties/file: that it is a file that is there is left to Pydantic"
    assert note in Grammar.from_output_type(Report).notes


@pytest.mark.parametrize(
    "kind", [None, Any, object(), int | Any, {"type": "object"}, Literal[1j], dict[str], list[3, 4], 1j, b"x"]
)
def test_what_is_no_output_type(kind):
    with pytest.raises(OptionError, match=r"is no output type: .* Output types are Literal"):
        root(kind)


def test_a_function_without_types():
    with pytest.raises(OptionError, match="must have a type annotation"):
        root(lambda x: x)


def test_a_term_of_another_kind():
    class Mine(dsl.Term):
        pass

    with pytest.raises(OptionError, match="Mine is no term that is known"):
        root(Mine())
    with pytest.raises(OptionError, match="str is no term that is known"):
        root(dsl.Sequence(["a"]))
    with pytest.raises(OptionError, match="is no output type"):
        root(Choice([None]))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (Regex("(a"), PatternError),
        (Regex("(?>a)"), PatternError),
        (list[Regex(r"(a)\1")], PatternError),
        (dsl.Sequence([Regex("^a"), JsonSchema("{}")]), PatternError),
        (dsl.Sequence([Regex("a(?!b)"), CFG('start: "a"')]), PatternError),
        (CFG("x: x"), GrammarError),
        (CFG(outlines.grammars.arithmetic), GrammarError),
        (Literal["\ud800"], GrammarError),
        (JsonSchema({"type": "string", "minLength": 3, "maxLength": 1}), Unsatisfiable),
        (JsonSchema({"extends": {}}), UnsupportedKeyword),
        (JsonSchema("{}", whitespace_pattern="x"), OptionError),
    ],
)
def test_what_cannot_be_compiled(kind, error):
    with pytest.raises(error):
        root(kind)


def test_work_and_depth_are_limited():
    with pytest.raises(OutOfSteps):
        root(Literal[tuple(map(str, range(10_000)))], max_steps=20)
    term = dsl.String("a")
    for _ in range(100_000):
        term = dsl.Optional(term)
    with pytest.raises(GrammarTooLarge):
        root(term)


def test_masks_are_made_of_it():
    vocabulary = Vocabulary([*(bytes([byte]) for byte in range(128)), b"yes", None], stop_ids={129})
    cursor = Masks(Grammar.from_output_type(Literal["yes", "yet"]), vocabulary).cursor()
    cursor.advance(128)
    assert cursor.can_stop
