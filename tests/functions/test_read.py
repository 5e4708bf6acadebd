"""read_functions: what is recognised as what, and what its refusals say."""

import json

import pytest

from fcgen.errors import FunctionError, ManyErrors
from fcgen.functions import Function, read_functions
from fcgen.functions.tools import PARAMETERS

QUERY = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"], "additionalProperties": False}
ALLOWED = (
    "Allowed: array, boolean, integer, null, number, object, string, any; also arraylist, bigint, bool, byte, char, "
    "dict, double, float, hashmap, hashtable, int, list, long, map, queue, short, stack, str, tuple, "
    "list[...], set[...], tuple[...], dict[str, ...], optional[...], union[...], literal[...]"
)


def message(source):
    with pytest.raises((FunctionError, ManyErrors)) as caught:
        read_functions(source)
    return str(caught.value)


@pytest.mark.parametrize(
    "metadata",
    [
        {"function": "f", "description": "d", "arguments": [{"name": "q", "type": "string"}]},
        {"name": "f", "description": "d", "arguments": [{"name": "q", "type": "String"}]},
        {"function": "f", "description": "d", "parameters": QUERY},
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": QUERY, "strict": True}},
        {"function": {"name": "f", "description": "d", "parameters": QUERY}},
        {"type": "function", "name": "f", "description": "d", "parameters": QUERY, "strict": False},
        {"name": "f", "title": "F", "description": "d", "inputSchema": QUERY, "outputSchema": {}, "annotations": {}},
        {"type": "custom", "name": "f", "description": "d", "input_schema": QUERY, "cache_control": {}},
        {"name": "f", "description": "d", "parameters": QUERY | {"type": "dict"}},
    ],
)
def test_each_form_describes_the_same_function(metadata):
    assert read_functions(metadata) == (Function("f", "d", QUERY),)


@pytest.mark.parametrize(
    "metadata",
    [
        {"function": "f"},
        {"function": "f", "arguments": []},
        {"function": "f", "description": None, "arguments": None},
        {"name": "f"},
        {"type": "function", "function": {"name": "f", "parameters": None}},
    ],
)
def test_without_parameters_there_are_no_arguments(metadata):
    assert read_functions(metadata) == (Function("f"),)


def test_forms_can_be_mixed_and_nested():
    def c(x: int):
        """A callable."""

    source = [Function("a"), {"tools": [{"name": "b"}]}, c, '{"function": "d"}{"function": "e"}', [({"name": "f"},)]]
    assert [function.name for function in read_functions(source)] == list("abcdef")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("functions", "at the root: not JSON at column 1: expecting value, found 'functions'"),
        (
            "my.json",
            (
                "at the root: not JSON at column 1: expecting value, found 'my.json'. "
                "A file is read by read_functions_file."
            ),
        ),
        (
            '{"function": "f",\n "arguments": [{]}',
            "at the root: not JSON at line 2, column 17: expecting property name enclosed in double quotes, found ']}'",
        ),
        ('{"function": "f"', "at the root: not JSON at column 17: expecting ',' delimiter, the text ends"),
        ("[" * 100_000, "at the root: nested too deeply (limit 128)"),
        ('{"name": "f", "name": "g"}', "function 'g', at the root: the key 'name' stands more than once in one object"),
        ('{"name": "f", "x": NaN}', "function 'f', at /x: NaN cannot be written as JSON"),
        ('{"name": "f", "x": [-Infinity]}', "function 'f', at /x/0: an infinite number cannot be written as JSON"),
        ('{"name": "f", "x": 1e999}', "function 'f', at /x: an infinite number cannot be written as JSON"),
        (
            '{"name": "\\ud800"}',
            r"function '\ud800', at /name: the string holds the lone surrogate U+D800, which UTF-8 cannot write",
        ),
        (
            '{"name": "f", "\\ud800": 1}',
            r"function 'f', at the root: the key '\ud800' holds a lone surrogate, which UTF-8 cannot write",
        ),
        (
            {"name": "f", "x": 10**5000},
            "function 'f', at /x: an integer of too many bits (limit 4096, given 16610)",
        ),
        ({"name": "f", 3: 4}, "function 'f', at the root: a key is 3: keys must be strings"),
        (
            [{"name": "f"}, {"description": "d", "arguments": []}],
            'at /1: no name: it belongs in "function"',
        ),
        ({}, 'at the root: no name: it belongs in "name", or in the model card\'s form in "function"'),
        (
            [{"name": "f"}, {"function": "g"}, {"function": "f"}],
            "function 'f', at /2: a second function of this name; the first is at /0",
        ),
        (
            [{"function": "f", "arguments": [{"name": "q", "type": "strin"}]}],
            f"function 'f', at /0/arguments/0/type: unknown type 'strin'. {ALLOWED}",
        ),
        (
            {"function": {"name": "f", "parameters": {"properties": {"a/b": {"type": "strin"}}}}},
            f"function 'f', at /function/parameters/properties/a~1b/type: unknown type 'strin'. {ALLOWED}",
        ),
        (
            {"function": "f", "arguments": [{"name": "q"}, {"name": "p"}, {"name": "q"}]},
            "function 'f', at /arguments/2/name: a second argument 'q'; names must differ",
        ),
        (
            {"name": "f", "parameters": {"properties": {"q": {}}, "required": ["p"]}},
            "function 'f', at /parameters/required/0: 'required' lists 'p', which is no argument. Its arguments: 'q'",
        ),
        (
            {"name": "f", "parameters": {"properties": {"q": {"items": "string"}}}},
            "function 'f', at /parameters/properties/q/items: a schema must be an object or a boolean, found 'string'",
        ),
        (
            [{"name": "f"}, None],
            (
                "at /1: a function is described by a Function, metadata (an object or JSON text), a Python callable, "
                "a class, or a list of these; found null"
            ),
        ),
        (
            {"type": "web_search", "name": "f"},
            "function 'f', at /type: a tool of type 'web_search' is not a function; allowed: 'function'",
        ),
        (
            {"function": "f", "arguments": {"q": "x"}},
            (
                "function 'f', at /arguments: "
                '\'arguments\' must be a list of {"name", "type", "description"}, found an object. '
                "A call has an object there; what is needed is what describes the function."
            ),
        ),
        (
            {"name": "f", "properties": {"q": {}}},
            (
                "function 'f', at /properties: 'properties' holds an object, and is not where arguments are described. "
                "Arguments are described under arguments, parameters, inputSchema, input_schema, parametersJsonSchema, "
                "parameters_json_schema, parameter_definitions, inputs, required_parameters, optional_parameters; "
                "leave out what says nothing of them."
            ),
        ),
        (
            {"name": "f", "parameters": {}, "inputSchema": {}},
            (
                "function 'f', at the root: "
                "the arguments are described more than once: in 'parameters' and in 'inputSchema'"
            ),
        ),
        (
            [],
            (
                "no functions. At least one is needed: "
                "a Function, metadata (an object or JSON text), a Python callable, a class, or a list of these."
            ),
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_place_and_reason(source, expected):
    assert message(source) == expected


@pytest.mark.parametrize(
    "key", ["parametres", "paramters", "input", "Parameters", "schema", "args", "arguments_schema", "options"]
)
@pytest.mark.parametrize("value", [QUERY, {"type": "object"}, {"properties": {}}, {}, [], ["q"], [{"name": "q"}]])
@pytest.mark.parametrize("more", [{}, {"parameters": QUERY}, {"inputSchema": QUERY}])
def test_what_holds_an_object_or_a_list_under_an_unknown_key_is_never_left_out_in_silence(key, value, more):
    kind = "an object" if isinstance(value, dict) else "a list"
    expected = f"{key!r} holds {kind}, and is not where arguments are described. Arguments are described under argu"
    for source, pointer in [
        ({"name": "f", key: value, **more}, ""),
        ({"function": "f", key: value, **more}, ""),
        ({"function": "f", "arguments": [], key: value}, ""),
        ({"type": "function", "function": {"name": "f", key: value, **more}}, "/function"),
        ({"type": "function", "function": {"name": "f", **more}, key: value}, ""),
        ({"toolSpec": {"name": "f", key: value, **more}}, "/toolSpec"),
        ({"toolSpec": {"name": "f", **more}, key: value}, ""),
    ]:
        assert message(source).startswith(f"function 'f', at {pointer}/{key}: {expected}")


@pytest.mark.parametrize("key", PARAMETERS)
def test_arguments_that_are_described_beside_the_function_are_never_left_out_in_silence(key):
    beside = {"type": "function", "function": {"name": "f"}, key: QUERY}
    assert message(beside).startswith(f"function 'f', at /{key}: {key!r} holds an object, and is not where")


@pytest.mark.parametrize(
    "key", ["outputSchema", "response", "returns", "annotations", "_meta", "strict", "cache_control"]
)
@pytest.mark.parametrize("value", [QUERY, True, {"type": "ephemeral"}])
def test_what_is_known_to_be_of_servers_is_ignored(key, value):
    assert read_functions({"name": "f", key: value}) == (Function("f"),)
    assert read_functions({"name": "f", "parameters": QUERY, key: value}) == (Function("f", "", QUERY),)


def test_all_mistakes_are_told_together_each_with_its_function():
    source = [{"function": "f", "arguments": [3, {"type": "int"}]}, "{", {"function": "g"}, {"name": "g"}]
    with pytest.raises(ManyErrors) as caught:
        read_functions(source)
    assert [(error.function, error.pointer) for error in caught.value.errors] == [
        ("f", "/0/arguments/0"),
        ("f", "/0/arguments/1"),
        (None, "/1"),
        ("g", "/3"),
    ]


@pytest.mark.parametrize("depth", [100, 129, 500, 5000])
def test_depth_never_exhausts_the_stack(depth):
    value: object = {}
    for _ in range(depth):
        value = {"x": value}
    if depth < 128:
        assert read_functions({"name": "f", "metadata": value})
    else:
        assert "nested too deeply (limit 128)" in message({"name": "f", "x": value})
        assert "nested too deeply (limit 128)" in message(
            '{"name": "f", "x": ' + '{"x":' * depth + "1" + "}" * depth + "}"
        )


def test_lists_that_hold_themselves_are_refused():
    endless = []
    endless.append(endless)
    assert message(endless).endswith("nested too deeply (limit 128)")


def test_a_number_of_too_many_digits_is_refused():
    assert "too many" in message('{"name": "f", "x": ' + "1" * 5000 + "}")


def test_a_separator_joins_and_nothing_else():
    assert len(read_functions(' {"name": "f"} , {"name": "g"},\n')) == 2
    for text in (',{"name": "f"}', '{"name": "f"},,{"name": "g"}', '{"name": "f"};{"name": "g"}'):
        assert "expecting value" in message(text)


def test_a_pointer_into_concatenated_objects_counts_them():
    assert message('{"name": "f"}\n{"name": ""}').startswith("function '', at /1/name")
    assert message(json.dumps([{"name": "f"}, {"name": ""}])).startswith("function '', at /1/name")
