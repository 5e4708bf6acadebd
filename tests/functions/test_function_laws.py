"""Laws of reading: every form says the same, nothing is changed by reading it, and nothing but FcgenError comes out."""

import copy
import json
import pickle

import pytest
from changes_made import places, replaced
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from fcgen.errors import FcgenError, ManyErrors
from fcgen.functions import Function, card_metadata, openai_tool, read_functions, read_functions_file

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)
NAMES = WORDS.filter(bool)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))
TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")


def with_keywords(inner):
    """Schemas that hold `inner` ones, `name`, `optional` and `required` among the keywords."""
    keywords = {
        "type": st.sampled_from(TYPES) | st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True),
        "description": WORDS,
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "default": VALUES,
        "items": inner,
        "properties": st.dictionaries(NAMES, inner, max_size=2),
        "required": st.lists(NAMES, max_size=2, unique=True),
        "anyOf": st.lists(inner, min_size=1, max_size=2),
        "name": WORDS,
        "optional": st.booleans(),
        "x-note": VALUES,
    }
    return st.fixed_dictionaries({}, optional=keywords)


SCHEMAS = st.recursive(st.booleans() | st.just({}), with_keywords, max_leaves=4)


@st.composite
def functions(draw, names=NAMES):
    properties = draw(st.dictionaries(WORDS, SCHEMAS, max_size=4))
    parameters = {"type": "object", "properties": properties}
    required = draw(st.lists(st.sampled_from(sorted(properties)), unique=True)) if properties else []
    if required or draw(st.booleans()):
        parameters["required"] = required
    more = {"additionalProperties": SCHEMAS, "$defs": st.dictionaries(NAMES, SCHEMAS), "title": WORDS}
    parameters |= draw(st.fixed_dictionaries({}, optional=more))
    return Function(draw(names), draw(WORDS), parameters)


def several():
    return st.lists(functions(), min_size=1, max_size=3, unique_by=lambda function: function.name)


def flat(function):
    return {"type": "function", **openai_tool(function)["function"]}


def renamed(key):
    def form(function):
        tool = flat(function)
        return {"name": tool["name"], "description": tool["description"], key: tool["parameters"]}

    return form


FORMS = [openai_tool, flat, renamed("parameters"), renamed("inputSchema"), renamed("input_schema")]


@given(functions(), st.sampled_from(FORMS))
def test_reading_a_tool_gives_the_function_it_was_made_from(function, form):
    assert read_functions(form(function)) == (function,)
    assert read_functions(json.dumps(form(function))) == (function,)


@given(functions())
def test_a_function_reads_as_itself(function):
    assert read_functions(function) == (function,)
    assert read_functions((function,))[0] is function


def as_the_card_means_it(parameters):
    """`parameters` in the card's terms: closed unless it says otherwise, `required` as a set."""
    required = set(parameters.get("required", []))
    return {**parameters, "additionalProperties": parameters.get("additionalProperties", False), "required": required}


def can_be_spelled(schema):
    """Whether an argument can have exactly this schema: not so if one of its keys is the card's own."""
    return not isinstance(schema, bool) and not {"name", "optional"} & set(schema)


@given(functions())
def test_reading_a_card_gives_the_function_it_was_made_from(function):
    (read,) = read_functions(card_metadata(function))
    assert (read.name, read.description) == (function.name, function.description)
    assert list(read.parameters["properties"]) == list(function.parameters["properties"])
    expected, found = as_the_card_means_it(function.parameters), as_the_card_means_it(read.parameters)
    for name, schema in expected["properties"].items():
        if not can_be_spelled(schema):
            found["properties"][name] = schema
    assert found == expected


@given(functions(), st.data())
def test_a_card_allows_the_same_arguments(function, data):
    (read,) = read_functions(card_metadata(function))
    keys = st.sampled_from([*function.parameters["properties"], "other"])
    arguments = data.draw(st.dictionaries(keys, VALUES, max_size=4))
    given_schema = {"additionalProperties": False, **function.parameters}
    assert Draft202012Validator(read.parameters).is_valid(arguments) == Draft202012Validator(given_schema).is_valid(
        arguments
    )


@given(functions())
def test_writing_a_card_again_changes_nothing(function):
    card = card_metadata(function)
    assert card_metadata(*read_functions(card)) == card
    assert card_metadata(*read_functions(json.dumps(card, indent=4))) == card


@settings(max_examples=40)
@given(several(), st.data())
def test_objects_one_after_another_are_a_list(given_functions, data):
    cards = [card_metadata(function) for function in given_functions]
    separators = st.sampled_from(["", " ", "\n", "\r\n\t", ",", ", ", ",\n", "\n ,"])
    indent = data.draw(st.sampled_from([None, 4]))
    text = "".join(json.dumps(card, indent=indent) + data.draw(separators) for card in cards)
    expected = read_functions(cards)
    assert read_functions(text) == expected
    assert read_functions(json.dumps(cards)) == expected
    assert read_functions([json.dumps(card) for card in cards]) == expected
    assert read_functions(tuple(cards)) == expected


@settings(max_examples=40)
@given(several(), st.sampled_from(["tools", "functions"]))
def test_a_request_stands_for_its_tools(given_functions, key):
    request = {"model": "m", "messages": [], key: [openai_tool(function) for function in given_functions]}
    assert read_functions(request) == tuple(given_functions)
    assert read_functions(json.dumps(request)) == tuple(given_functions)


@settings(max_examples=40)
@given(several(), st.sampled_from([*FORMS, card_metadata]))
def test_reading_changes_nothing_and_shares_nothing(given_functions, form):
    source = [form(function) for function in given_functions]
    before = copy.deepcopy(source)
    read = read_functions(source)
    assert source == before
    kept = copy.deepcopy(read)
    spoil(source)
    assert read == kept
    spoil([form(function) for function in read])
    assert read == kept


def spoil(value):
    """Change every object and list in it."""
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        spoil(item)
    if isinstance(value, dict):
        value["spoiled"] = True
    elif isinstance(value, list):
        value.append("spoiled")


@given(functions())
def test_a_function_is_a_value(function):
    same = Function(function.name, function.description, copy.deepcopy(function.parameters))
    assert same == function
    assert hash(same) == hash(function)
    assert pickle.loads(pickle.dumps(function)) == function


def read_or_refuse(source):
    """What comes out: functions, or the mistakes as a list."""
    try:
        found = read_functions(source)
    except ManyErrors as several_errors:
        return list(several_errors.errors)
    except FcgenError as error:
        return [error]
    assert all(isinstance(function, Function) for function in found)
    return []


def resolve(value, pointer):
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


ODD = SCALARS | VALUES | st.sampled_from([float("nan"), float("inf"), "\ud800", {3: 4}, (), b"x", {1}, 10**5000, []])


@settings(max_examples=40)
@given(several(), st.sampled_from([*FORMS, card_metadata]), st.data())
def test_whatever_is_changed_in_metadata_only_an_fcgen_error_comes_out(given_functions, form, data):
    source = [form(function) for function in given_functions]
    path = data.draw(st.sampled_from(list(places(source))))
    changed = replaced(source, path, data.draw(ODD))
    for error in read_or_refuse(changed):
        assert str(error)
        if isinstance(changed, list) and error.pointer is not None:
            resolve(changed, error.pointer)


@given(VALUES | st.lists(st.dictionaries(st.sampled_from(["name", "function", "arguments", "parameters"]), VALUES)))
def test_any_json_value_is_read_or_refused(value):
    for error in [*read_or_refuse(value), *read_or_refuse(json.dumps(value))]:
        assert str(error)


@given(st.text() | st.text('{}[]",:\\n 1eau'))
def test_any_text_is_read_or_refused(text):
    assert all(str(error) for error in read_or_refuse(text))


MALFORMED = {
    ("function",): [None, 3, "", [], "a\n", "x" * 257],
    ("description",): [3, [], {}],
    ("arguments",): [3, "query", {}, {"query": "x"}, [[]], [None], ["query"]],
    ("arguments", 0, "name"): [None, 3, [], {}],
    ("arguments", 0, "type"): [3, "strin", "", [], ["integer", "x"], {}, None],
    ("arguments", 0, "required"): ["yes", 1, {}],
    ("arguments", 0, "items"): [3, "string", None],
    ("arguments", 0, "properties"): [3, [], {"a": 3}],
    ("arguments", 0, "anyOf"): [3, {}, [3]],
    ("required",): [True, "query", ["other"], [3], ["query", "query"]],
    ("parameters",): [3, [], {"properties": {}}, {"type": "array"}, {"$defs": 3}],
}


@pytest.mark.parametrize(("path", "bad"), [(path, bad) for path, values in MALFORMED.items() for bad in values])
def test_what_is_malformed_in_a_card_is_refused_where_it_is(path, bad):
    card = {"function": "f", "description": "d", "arguments": [{"name": "query", "type": "string"}]}
    target = card
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = bad
    errors = read_or_refuse([card])
    assert errors
    pointer = "".join(f"/{part}" for part in (0, *path))
    assert all((error.pointer or "").startswith(pointer) for error in errors)


@settings(max_examples=40)
@given(several())
def test_files_hold_what_lists_hold(tmp_path_factory, given_functions):
    folder = tmp_path_factory.mktemp("functions")
    cards = [card_metadata(function) for function in given_functions]
    (folder / "list.json").write_text(json.dumps(cards), "utf-8")
    (folder / "joined.json").write_text("".join(json.dumps(card, indent=4) for card in cards), "utf-8-sig")
    (folder / "lines.jsonl").write_text("\n\n".join(map(json.dumps, cards)), "utf-8")
    expected = read_functions(cards)
    assert [read_functions_file(folder / name) for name in ("list.json", "joined.json", "lines.jsonl")] == [
        expected
    ] * 3
