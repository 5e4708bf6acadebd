"""The forms of tools that people have: each is read as the same function, and none is read as one without arguments."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pytest
from changes_made import places, replaced
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from fcgen.errors import FunctionError, ManyErrors
from fcgen.functions import Function, read_functions
from fcgen.functions.tools import PARAMETERS

TYPES = ("array", "boolean", "integer", "number", "object", "string")
PYTHON = {"array": "list", "boolean": "bool", "integer": "int", "number": "float", "object": "Dict", "string": "str"}
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)
# Of an object whose only member is one of these, it cannot be told that it is no JSON Schema.
KEYWORDS = {"not", "if", "then", "else", "additionalProperties", "unevaluatedProperties", "propertyNames", "properties"}
NAMES = WORDS.filter(lambda name: name and name not in KEYWORDS)


@st.composite
def functions(draw):
    """Functions whose arguments every form can describe: one type each, all of them listed."""
    described = st.fixed_dictionaries({"type": st.sampled_from(TYPES), "description": WORDS})
    properties = draw(st.dictionaries(NAMES, described, min_size=1, max_size=4))
    required = [name for name in properties if draw(st.booleans())]
    schema = {"type": "object", "properties": properties, **({"required": required} if required else {})}
    return Function(draw(NAMES), draw(WORDS), {**schema, "additionalProperties": False})


def head(function):
    return {"name": function.name, "description": function.description}


def members(function):
    """Each argument's name, its schema, and whether it must be given."""
    must = function.parameters.get("required", [])
    return [(name, schema, name in must) for name, schema in function.parameters["properties"].items()]


def cohere(function):
    named = {
        name: {**schema, "type": PYTHON[schema["type"]], "required": must} for name, schema, must in members(function)
    }
    return {**head(function), "parameter_definitions": named}


def toolbench(function):
    lists: dict[str, Any] = {"required_parameters": [], "optional_parameters": []}
    for name, schema, must in members(function):
        lists["required_parameters" if must else "optional_parameters"].append(
            {"name": name, **schema, "type": schema["type"].upper()}
        )
    about = {"api_name": function.name, "api_description": function.description}
    return {**about, **lists, "method": "GET", "category_name": "Data", "template_response": {"type": "object"}}


def named(function):
    """As datasets and Phi-4 have it."""
    marked = {name: {**schema, "required": must} for name, schema, must in members(function)}
    return {**head(function), "parameters": marked}


def listed(function):
    described = [{"name": name, **schema, "required": must} for name, schema, must in members(function)]
    return {**head(function), "parameters": described}


def xlam(function):
    named = {
        name: {**schema, "type": PYTHON[schema["type"]] + ("" if must else ", optional")}
        for name, schema, must in members(function)
    }
    return {**head(function), "parameters": named}


def capitals(schema):
    return {**schema, "type": schema["type"].upper()}


def gemini(function):
    properties = {name: capitals(schema) for name, schema in function.parameters["properties"].items()}
    parameters = {**capitals(function.parameters), "properties": properties}
    return {"functionDeclarations": [{**head(function), "parameters": parameters}]}


def gemini_json(function):
    return {"function_declarations": [{**head(function), "parameters_json_schema": function.parameters}]}


def bedrock(function):
    tool = {"toolSpec": {**head(function), "inputSchema": {"json": function.parameters}}}
    return {"toolConfig": {"tools": [tool, {"cachePoint": {"type": "default"}}], "toolChoice": {"auto": {}}}}


def mcp(function):
    tool = {**head(function), "inputSchema": function.parameters, "annotations": {"readOnlyHint": True}}
    return {"jsonrpc": "2.0", "id": 1, "result": {"tools": [tool], "nextCursor": None}}


def anthropic(function):
    return {**head(function), "input_schema": function.parameters, "cache_control": {"type": "ephemeral"}}


def agents(function):
    return _Agents(function.name, function.description, function.parameters)


@dataclass
class _Agents:
    name: str
    description: str
    params_json_schema: dict[str, Any]
    strict_json_schema: bool = True


FORMS = [cohere, toolbench, named, listed, xlam, gemini, gemini_json, bedrock, mcp, anthropic, agents]


def as_sets(function):
    """What a function says, in whichever order a form lists it."""
    parameters = function.parameters
    return function.name, function.description, parameters["properties"], set(parameters.get("required", []))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_reading_a_form_gives_the_function_it_was_made_from(form):
    @given(functions())
    def agree(function):
        is_told = form not in (named, listed) or "required" in function.parameters
        if not is_told:  # where nothing is marked, all without a default must be given
            return
        source = form(function)
        assert [as_sets(read) for read in read_functions(source)] == [as_sets(function)]
        if isinstance(source, dict):
            assert read_functions(json.dumps(source)) == read_functions(source)

    agree()


@given(functions(), st.sampled_from([True, False, None]))
def test_inputs_that_may_be_null_may_be_left_out(function, nullable):
    described = {
        name: {**schema, **({} if must else {"nullable": True}), **({"nullable": False} if must and nullable else {})}
        for name, schema, must in members(function)
    }
    (read,) = read_functions({**head(function), "inputs": described, "output_type": "string"})
    assert read.parameters.get("required") == function.parameters.get("required")
    for name, schema, must in members(function):
        kind = schema["type"] if must else [schema["type"], "null"]
        assert read.parameters["properties"][name] == {**schema, "type": kind}


ONE = Function("f", "d", {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]})
DESCRIBED = {
    "parameters": ONE.parameters,
    "inputSchema": ONE.parameters,
    "input_schema": ONE.parameters,
    "parametersJsonSchema": ONE.parameters,
    "parameters_json_schema": ONE.parameters,
    "parameter_definitions": {"q": {"type": "str", "required": True}},
    "inputs": {"q": {"type": "string"}},
    "required_parameters": [{"name": "q", "type": "STRING"}],
    "optional_parameters": [{"name": "q", "type": "STRING"}],
    "arguments": [{"name": "q", "type": "string"}],
}


def refused(source):
    with pytest.raises((FunctionError, ManyErrors)) as caught:
        read_functions(source)
    return list(getattr(caught.value, "errors", [caught.value]))


def test_each_key_of_the_table_is_tried():
    assert set(DESCRIBED) == {*PARAMETERS, "arguments"}


@given(st.sampled_from(sorted(DESCRIBED)), st.data())
def test_a_misspelt_key_is_refused_by_its_name(key, data):
    at = data.draw(st.integers(0, len(key) - 1))
    changes = [key[:at] + key[at + 1 :], key[:at] + key[at] + key[at:], key[:at] + key[at].swapcase() + key[at + 1 :]]
    wrong = data.draw(st.sampled_from([each for each in changes if each not in DESCRIBED]))
    for wrap in (
        lambda tool: tool,
        lambda tool: {"type": "function", "function": tool},
        lambda tool: {"toolSpec": tool},
    ):
        errors = refused(wrap({"name": "f", wrong: DESCRIBED[key]}))
        assert [error.pointer.rsplit("/", 1)[1] for error in errors] == [wrong]
        assert repr(wrong) in str(errors[0])


@pytest.mark.parametrize(("one", "other"), list(combinations(sorted(DESCRIBED), 2)))
def test_two_forms_at_once_are_refused(one, other):
    if {one, other} == {"required_parameters", "optional_parameters"}:
        assert "a second argument 'q'" in str(refused({"name": "f", one: DESCRIBED[one], other: DESCRIBED[other]})[0])
    elif {one, other} == {"arguments", "parameters"}:
        found = refused({"name": "f", one: DESCRIBED[one], other: DESCRIBED[other]})[0].found
        assert found == "arguments are listed in 'arguments' and in 'parameters'"
    else:
        found = refused({"name": "f", one: DESCRIBED[one], other: DESCRIBED[other]})[0].found
        assert one in found or other in found
        # null is nothing
        assert read_functions({"name": "f", one: DESCRIBED[one], other: None})[0].parameters["properties"]


ODD = [None, True, 3, 0.5, "", "x", "List[", [], {}, [3], [{}], {"x": {}}, {"type": 3}, float("nan"), "\ud800", b"x"]


@given(functions(), st.sampled_from([form for form in FORMS if form is not agents]), st.data())
def test_whatever_is_changed_in_a_form_it_is_read_or_an_error_says_where(function, form, data):
    source = form(function)
    path = data.draw(st.sampled_from(list(places(source))))
    try:
        read_functions(replaced(source, path, data.draw(st.sampled_from(ODD))))
    except (FunctionError, ManyErrors) as error:
        for each in getattr(error, "errors", [error]):
            assert each.found
            assert each.pointer is not None or each.found == "no functions"


@pytest.mark.parametrize(
    "source",
    [
        {"tools": [{"functionDeclarations": [{"name": "f"}]}]},
        {
            "contents": [],
            "tools": [{"function_declarations": [{"name": "f"}]}],
            "toolConfig": {"functionCallingConfig": {}},
        },
        {"id": "simple_0", "question": [[{"role": "user", "content": "q"}]], "function": [{"name": "f"}]},
        {"tool_name": "t", "api_list": [{"name": "f"}]},
        [{"toolSpec": {"name": "f"}}, {"cachePoint": {"type": "default"}}],
        {"tools": [{"name": "f"}], "functions": []},
    ],
)
def test_lists_of_functions_are_found_where_they_are(source):
    assert [function.name for function in read_functions(source)] == ["f"]


def test_two_lists_of_functions_at_once_are_refused():
    (error,) = refused({"tools": [{"name": "f"}], "functions": [{"name": "g"}]})
    assert str(error) == "at the root: functions are listed more than once: in 'tools' and in 'functions'"


def schema_of(schema, **more):
    return read_functions({"functionDeclarations": [{"name": "f", "parameters": schema, **more}]})[0].parameters


def test_geminis_dialect_is_read_as_gemini_means_it():
    assert schema_of(
        {
            "type": "OBJECT",
            "properties": {
                "b": {"type": "STRING", "nullable": True, "minLength": "2", "description": "B."},
                "a": {"type": "ARRAY", "items": {"type": "INTEGER", "format": "int32"}, "max_items": 3},
                "c": {"any_of": [{"type": "STRING"}, {"type": "TYPE_UNSPECIFIED"}], "nullable": True},
                "d": {"type": "STRING", "enum": ["x"], "nullable": True},
                "e": {"nullable": True},
            },
            "propertyOrdering": ["a", "b"],
            "required": ["a"],
        }
    ) == {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": "integer", "format": "int32"}, "maxItems": 3},
            "b": {"description": "B.", "minLength": 2, "type": ["string", "null"]},
            "c": {"anyOf": [{"anyOf": [{"type": "string"}, {}]}, {"type": "null"}]},
            "d": {"anyOf": [{"type": "string", "enum": ["x"]}, {"type": "null"}]},
            "e": {},
        },
        "required": ["a"],
    }
    assert list(schema_of({"properties": {"b": {}, "a": {}}, "property_ordering": ["a"]})["properties"]) == ["a", "b"]


def test_outside_of_declarations_nullable_stays_what_an_option_decides():
    nullable = {"type": "object", "properties": {"q": {"type": "string", "nullable": True}}}
    assert read_functions({"name": "f", "parameters": nullable})[0].parameters == nullable
    assert schema_of(nullable)["properties"]["q"] == {"type": ["string", "null"]}


@pytest.mark.parametrize(
    ("described", "schema"),
    [
        ({"type": "List[str]"}, {"type": "array", "items": {"type": "string"}}),
        ({"type": "Dict"}, {"type": "object"}),
        ({"type": "Dict[str, int]"}, {"type": "object", "additionalProperties": {"type": "integer"}}),
        ({"type": "Optional[float]"}, {"type": ["number", "null"]}),
        ({"type": "int | None"}, {"type": ["integer", "null"]}),
        (
            {"type": "typing.List[typing.List[int]]"},
            {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
        ),
        (
            {"type": "Tuple[int, str]"},
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        ),
        ({"type": "tuple[int, ...]"}, {"type": "array", "items": {"type": "integer"}}),
        ({"type": "Set[int]"}, {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}),
        ({"type": "Literal['a', 1]"}, {"enum": ["a", 1]}),
        (
            {"type": "Union[int, List[str]]"},
            {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "string"}}]},
        ),
        ({"type": "ArrayList<String>"}, {"type": "array", "items": {"type": "string"}}),
        ({"type": "string[]"}, {"type": "array", "items": {"type": "string"}}),
        ({"type": "List[Any]"}, {"type": "array"}),
        (
            {"type": ["List[str]", "null"]},
            {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
        ),
        ({"type": "List[str]", "items": {"type": "str"}}, {"type": "array", "items": {"type": "string"}}),
    ],
)
def test_types_as_programs_write_them(described, schema):
    for source in (
        {"name": "f", "parameter_definitions": {"q": described}},
        {"name": "f", "parameters": {"type": "object", "properties": {"q": described}}},
    ):
        assert read_functions(source)[0].parameters["properties"]["q"] == schema


@pytest.mark.parametrize(
    "kind", ["List[foo]", "List[", "List]", "Dict[int, str]", "Literal[x]", "Literal[]", "[str]", "str,"]
)
def test_types_that_nobody_knows_are_refused(kind):
    (error,) = refused({"name": "f", "parameter_definitions": {"q": {"type": kind}}})
    assert error.found.startswith(f"unknown type {kind!r}. Allowed: array, boolean, ")
    assert error.pointer == "/parameter_definitions/q/type"


@given(st.text("List[str]<>|?,. 'Dict\"()") | st.text())
def test_any_text_is_a_type_or_refused(text):
    try:
        read_functions({"name": "f", "parameter_definitions": {"q": {"type": text}}})
    except FunctionError as error:
        assert str(error)


def test_rapid_apis_types():
    properties = read_functions(
        {
            "name": "f",
            "required_parameters": [
                {"name": "day", "type": "DATE (YYYY-MM-DD)", "default": ""},
                {"name": "at", "type": "TIME (24-hour HH:MM)"},
                {"name": "where", "type": "GEOPOINT (latitude, longitude)"},
                {"name": "count", "type": "NUMBER", "description": "How many.", "default": "3"},
            ],
            "optional_parameters": None,
        }
    )[0].parameters["properties"]
    assert properties["day"]["format"] == "date"
    assert properties["at"]["pattern"]
    assert properties["where"] == {"type": "string"}
    assert properties["count"] == {"type": "number", "description": "How many.", "default": "3"}


UNNAMED = 'an argument must be an object {"type", "description"}, found'
OF_INPUT = "says nothing of an argument that is known"


@pytest.mark.parametrize(
    ("tool", "pointer", "found"),
    [
        ({"parameter_definitions": []}, "/parameter_definitions", "arguments must be an object, each"),
        ({"parameter_definitions": "q: str"}, "/parameter_definitions", "arguments must be an object, each"),
        ({"parameter_definitions": {"q": "str"}}, "/parameter_definitions/q", f"{UNNAMED} 'str'"),
        (
            {"parameter_definitions": {"q": {"type": "str", "required": "yes"}}},
            "/parameter_definitions/q/required",
            "'required' must be true or false, found 'yes'",
        ),
        (
            {"parameter_definitions": {"q": {"type": 3}}},
            "/parameter_definitions/q/type",
            "a type must be a name, found 3",
        ),
        (
            {"parameter_definitions": {"q": {"options": ["a"]}}},
            "/parameter_definitions/q/options",
            f"'options' {OF_INPUT}",
        ),
        ({"inputs": ["q"]}, "/inputs", "arguments must be an object, each"),
        ({"inputs": {"q": None}}, "/inputs/q", f"{UNNAMED} null"),
        ({"inputs": {"q": {"type": "image"}}}, "/inputs/q/type", "unknown type 'image'. Allowed: array"),
        (
            {"inputs": {"q": {"type": "string", "nullable": 1}}},
            "/inputs/q/nullable",
            "'nullable' must be true or false, found 1",
        ),
        (
            {"required_parameters": {"q": {}}},
            "/required_parameters",
            "'required_parameters' must be a list of arguments, found an object",
        ),
        (
            {"required_parameters": ["q"]},
            "/required_parameters/0",
            'an argument must be an object {"name", "type"}, found \'q\'',
        ),
        ({"required_parameters": [{}]}, "/required_parameters/0", "an argument without a name"),
        ({"required_parameters": [{"name": 3}]}, "/required_parameters/0/name", "a name must be a string, found 3"),
        (
            {"optional_parameters": [{"name": "q", "required": True}]},
            "/optional_parameters/0/required",
            "'required' contradicts the list",
        ),
        ({"parameters": "q"}, "/parameters", "a schema must be an object or a boolean, found 'q'"),
        ({"parameters": [{"type": "string"}]}, "/parameters/0", "an argument without a name"),
        ({"parameters": {"q": {"type": "str", "choices": {}}}}, "/parameters/q/choices", f"'choices' {OF_INPUT}"),
        (
            {"parameters": {"propertees": {"q": {}}}},
            "/parameters/propertees",
            "'propertees' is no keyword of JSON Schema, and there are no 'properties'",
        ),
        (
            {"parameters": {"q": "string", "p": "integer"}},
            "/parameters/q",
            "'q' is no keyword of JSON Schema, and there are no 'properties'",
        ),
        (
            {"parameters": {"type": "object", "q": {"type": "string"}}},
            "/parameters/q",
            "'q' is no keyword of JSON Schema, and there are no 'properties'",
        ),
        ({"inputSchema": {"json": "x"}}, "/inputSchema/json", "a schema must be an object or a boolean, found 'x'"),
        (
            {"parameters": {"type": "OBJECT", "properties": {"q": {}}, "propertyOrdering": ["p"]}},
            "/parameters/propertyOrdering/0",
            "'propertyOrdering' lists 'p', which is no property",
        ),
        (
            {"parameters": {"type": "OBJECT", "properties": {"q": {"max_items": 1, "maxItems": 2}}}},
            "/parameters/properties/q/max_items",
            "'max_items' and 'maxItems' are the same keyword",
        ),
    ],
)
def test_what_is_malformed_in_a_form_is_refused_where_it_is(tool, pointer, found):
    errors = refused({"name": "f", **tool})
    assert (errors[0].function, errors[0].pointer) == ("f", pointer)
    assert errors[0].found.startswith(found)


@pytest.mark.parametrize("name", [None, 3, "", [], {}])
@pytest.mark.parametrize("key", sorted(DESCRIBED))
def test_a_name_that_is_none_is_refused_in_every_form(name, key):
    assert any(error.pointer.endswith("/name") for error in refused({"name": name, key: DESCRIBED[key]}))


class Fields(BaseModel):
    """What LangChain and LlamaIndex make of a function's signature."""

    query: str = Field(description="What to search.")
    count: int = Field(default=3, ge=1)


class OldFields:
    """A class of Pydantic 1, as far as it is asked."""

    @classmethod
    def schema(cls):
        return {
            "title": "OldFields",
            "type": "object",
            "properties": {"query": {"type": "string"}},
            "required": ["query"],
        }


@dataclass
class LangChainTool:
    """BaseTool, without its Runnable."""

    name: Any
    description: Any
    args_schema: Any
    metadata: Any = None

    @property
    def args(self):
        return {"tool_input": {"type": "string"}}

    @property
    def tool_call_schema(self):
        return self.args_schema


@dataclass
class CrewTool:
    name: str
    description: str
    args_schema: Any

    def __call__(self, *args): ...


@dataclass
class Metadata:
    description: str
    name: str | None = None
    fn_schema: Any = None
    return_direct: bool = False


@dataclass
class LlamaIndexTool:
    """FunctionTool."""

    metadata: Metadata

    def __call__(self, *args, **kwargs): ...


class SmolTool:
    name = "search"
    description = "Search."
    inputs: dict[str, Any] = {"query": {"type": "string", "description": "What to search."}}  # noqa: RUF012
    output_type = "string"

    def __call__(self, *args, **kwargs): ...


class Dumped(BaseModel):
    """Objects of Pydantic models, as MCP, Cohere and Gemini have them."""

    model_config = ConfigDict(extra="allow", serialize_by_alias=True)
    name: str


@dataclass
class Plain:
    """Tools of Haystack and Qwen-Agent."""

    name: str
    description: str
    parameters: Any
    function: Any = None


class Request(BaseModel):
    function_declarations: list[Any] = Field(alias="functionDeclarations")
    other: Any = None


QUERY = {"type": "object", "properties": {"query": {"type": "string", "description": "What to search."}}}


@pytest.mark.parametrize(
    ("tool", "arguments", "required"),
    [
        (LangChainTool("search", "Search.", Fields), ["query", "count"], ["query"]),
        (LangChainTool("search", "Search.", OldFields), ["query"], ["query"]),
        (LangChainTool("search", "Search.", {**QUERY, "required": ["query"]}), ["query"], ["query"]),
        (LangChainTool("search", "Search.", None), ["tool_input"], ["tool_input"]),
        (CrewTool("search", "Search.", Fields), ["query", "count"], ["query"]),
        (LlamaIndexTool(Metadata("Search.", "search", Fields)), ["query", "count"], ["query"]),
        (LlamaIndexTool(Metadata("Search.", "search")), ["input"], ["input"]),
        (SmolTool(), ["query"], ["query"]),
        (SmolTool, ["query"], ["query"]),
        (_Agents("search", "Search.", {**QUERY, "required": ["query"]}), ["query"], ["query"]),
        (Plain("search", "Search.", QUERY), ["query"], None),
        (Plain("search", "Search.", [{"name": "q", "type": "string", "required": True}]), ["q"], ["q"]),
        (Dumped(name="search", description="Search.", inputSchema=QUERY), ["query"], None),
        (
            Dumped(
                name="search", description="Search.", parameter_definitions={"q": {"type": "str", "required": True}}
            ),
            ["q"],
            ["q"],
        ),
        (
            Request(functionDeclarations=[{"name": "search", "description": "Search.", "parameters": QUERY}]),
            ["query"],
            None,
        ),
    ],
)
def test_tool_objects_of_other_libraries_are_read_by_their_attributes(tool, arguments, required):
    for source in (tool, [tool]):
        (function,) = read_functions(source)
        assert (function.name, function.description) == ("search", "Search.")
        assert list(function.parameters["properties"]) == arguments
        assert function.parameters.get("required") == required
    if "count" in arguments:
        assert function.parameters["properties"]["count"] == {"type": "integer", "minimum": 1, "default": 3}


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        (LangChainTool(None, "d", Fields), "at /0: a function's name must be a string, found null"),
        (LangChainTool("f", 3, Fields), "function 'f', at /0: a description must be a string, found 3"),
        (
            LangChainTool("f", "d", 3),
            "function 'f', at /0/parameters: a schema must be an object or a boolean, found 3",
        ),
        (LangChainTool("f", "d", int), "function 'f', at /0/parameters: found a Python type, which is no JSON value"),
        (LlamaIndexTool(Metadata("d", None, Fields)), "at /0: a function's name must be a string, found null"),
    ],
)
def test_tool_objects_with_something_wrong_are_refused(tool, expected):
    assert str(refused([tool])[0]) == expected
