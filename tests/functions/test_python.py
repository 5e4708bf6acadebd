"""Python callables and classes: Pydantic and jsonschema agree on their arguments, docstrings describe them."""

from __future__ import annotations

import enum
import functools
import itertools
import math
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError, validate_call
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import NotRequired, TypedDict, Unpack

from fcgen.errors import FunctionError, ManyErrors
from fcgen.functions import read_functions


class Unit(enum.Enum):
    """Units."""

    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


class Place(BaseModel):
    """A place.

    Attributes:
        city: The city.
    """

    city: str
    tags: list[str] = []


@dataclass
class Point:
    x: int
    y: float = 0.5
    tags: list[str] = field(default_factory=list)


class Book(TypedDict):
    """A book."""

    title: str
    pages: NotRequired[int]


class Node(BaseModel):
    value: int
    next: Node | None = None


def weather(city: str, days: Annotated[int, Field(ge=1, le=14)] = 3, unit: Unit = Unit.CELSIUS): ...
def choose(one: Literal["a", 1], either: Union[int, str], old: Optional[bool], new: int | None = 1): ...  # noqa: UP007, UP045
def collect(items: list[int], table: dict[str, float], pair: tuple[int, str], some: set[int]): ...
def nested(place: Place, *, point: Point, book: Book = {"title": "t"}, more: list[Place] = []): ...  # noqa: B006
def recursive(node: Node): ...
def untyped(anything, other=None): ...
def open_ended(x: int, **more: int): ...
def nothing(): ...


CALLABLES = [weather, choose, collect, nested, recursive, untyped, open_ended, nothing]
SCALARS = st.sampled_from([None, True, False, 0, 1, 3, 20, -1, 0.5, "", "a", "celsius", "x"])
OBJECTS = [{"city": "c"}, {"city": 3}, {"x": 1}, {"x": 1, "y": "z"}, {"title": "t"}, {"title": "t", "pages": 1}, {}]
OBJECTS += [{"value": 1}, {"value": 1, "next": {"value": 2}}, {"value": 1, "next": {}}, {"a": 0.5}, {"a": "x"}]
LISTS = [[], [1], [1, 2], [1, "a"], [1, 1], ["a"], [{"city": "c"}], [{}]]
ARGUMENTS = SCALARS | st.sampled_from(OBJECTS) | st.sampled_from(LISTS)


def accepts(call, arguments):
    try:
        call(**arguments)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("function", CALLABLES, ids=lambda function: function.__name__)
def test_pydantic_accepts_what_the_schema_does_and_the_schema_what_strict_pydantic_does(function):
    schema = read_functions(function)[0].parameters
    validator = Draft202012Validator(schema)
    lax, strict = validate_call(function), validate_call(config=ConfigDict(strict=True))(function)

    @given(st.fixed_dictionaries({}, optional=dict.fromkeys([*schema["properties"], "other"], ARGUMENTS)))
    def agree(arguments):
        if validator.is_valid(arguments):
            assert accepts(lax, arguments)
        elif accepts(strict, arguments):
            raise AssertionError(arguments)

    agree()


def test_the_agreement_is_tested_on_both_answers():
    valid = {name: Draft202012Validator(read_functions(f)[0].parameters).is_valid for name, f in globals_of(CALLABLES)}
    assert valid["weather"]({"city": "c", "days": 3})
    assert not valid["weather"]({"city": "c", "days": 20})
    assert valid["nested"]({"place": {"city": "c"}, "point": {"x": 1}})
    assert not valid["nested"]({"place": {"city": "c"}, "point": {}})
    assert valid["recursive"]({"node": {"value": 1, "next": {"value": 2}}})
    assert not valid["recursive"]({"node": {"value": 1, "next": {}}})
    assert not valid["nothing"]({"other": 1})
    assert valid["open_ended"]({"x": 1, "other": 1})


def globals_of(functions):
    return [(function.__name__, function) for function in functions]


def read(source):
    (function,) = read_functions(source)
    return function


def test_types_constraints_and_defaults_become_json_schema():
    assert read(weather).parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "minimum": 1, "maximum": 14, "default": 3},
            "unit": {"$ref": "#/$defs/Unit", "default": "celsius"},
        },
        "required": ["city"],
        "additionalProperties": False,
        "$defs": {
            "Unit": {
                "title": "Unit",
                "description": "Units.",
                "enum": ["celsius", "fahrenheit"],
                "type": "string",
            }
        },
    }


def test_parameters_keep_their_order_and_unannotated_ones_take_any_value():
    parameters = read(untyped).parameters
    assert parameters["properties"] == {"anything": {}, "other": {"default": None}}
    assert list(parameters) == ["type", "properties", "required", "additionalProperties"]
    assert list(read(collect).parameters["properties"]) == ["items", "table", "pair", "some"]


GOOGLE = """Find books.

    In the catalogue.

    Args:
        title (str): Words of
            the title.
        year: The year.

    Returns:
        The books.
    """
NUMPY = """Find books.

    In the catalogue.

    Parameters
    ----------
    title : str
        Words of
        the title.
    year : int, optional
        The year.

    Returns
    -------
    list
        The books.
    """
SPHINX = """Find books.

    In the catalogue.

    :param str title: Words of
        the title.
    :param year: The year.
    :returns: The books.
    """


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_docstrings_describe_the_function_and_its_parameters(text):
    def find(title: str, year: int = 2000): ...

    find.__doc__ = text
    function = read(find)
    assert function.description == "Find books.\n\nIn the catalogue."
    about = {name: schema["description"] for name, schema in function.parameters["properties"].items()}
    assert about == {"title": "Words of\nthe title.", "year": "The year."}


def test_one_numpy_entry_can_describe_several_parameters():
    def add(a: int, b: int):
        """Add.

        Parameters
        ----------
        a, b : int
            A term.
        """

    properties = read(add).parameters["properties"]
    assert [properties[name]["description"] for name in "ab"] == ["A term.", "A term."]


def test_a_fields_own_description_wins():
    def find(title: Annotated[str, Field(description="From the field.")]):
        """Find.

        Args:
            title: From the docstring.
        """

    assert read(find).parameters["properties"]["title"]["description"] == "From the field."


@given(st.text(st.characters(exclude_categories=("Cs",))) | st.text("Args:Parmet-\n :ab`_*()[]"))
def test_any_docstring_can_be_read(text):
    def find(title: str): ...

    find.__doc__ = text
    assert read(find).name == "find"


class Shop:
    """A shop."""

    def sell(self, item: str, count: int = 1):
        """Sell it."""

    @classmethod
    def open(cls, name: str): ...

    @staticmethod
    def price(item: str): ...

    def __call__(self, item: str):
        """Ask for it."""


def test_methods_objects_and_wrapped_functions_are_read_by_what_a_call_must_give():
    @functools.cache
    def cached(x: int):
        """Cached."""

    @functools.wraps(weather)
    def wrapped(*args, **kwargs): ...

    async def later(x: int): ...

    sources = [Shop().sell, Shop.open, Shop.price, Shop(), cached, wrapped, later, functools.partial(untyped, 1)]
    functions = [read(source) for source in sources]
    assert [(f.name, list(f.parameters["properties"])) for f in functions] == [
        ("sell", ["item", "count"]),
        ("open", ["name"]),
        ("price", ["item"]),
        ("Shop", ["item"]),
        ("cached", ["x"]),
        ("weather", ["city", "days", "unit"]),
        ("later", ["x"]),
        ("untyped", ["other"]),
    ]
    assert [functions[i].description for i in (0, 3, 4)] == ["Sell it.", "Ask for it.", "Cached."]


@pydantic_dataclass
class Checked:
    """Checked."""

    x: Annotated[int, Field(ge=0)]


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    x: int = Field(alias="ex", description="An x.")


class Empty(BaseModel):
    pass


def test_classes_are_functions_of_their_fields():
    functions = read_functions([Place, Point, Book, Checked, Open, Empty])
    assert [(f.name, f.description) for f in functions] == [
        ("Place", "A place."),
        ("Point", ""),
        ("Book", "A book."),
        ("Checked", "Checked."),
        ("Open", ""),
        ("Empty", ""),
    ]
    assert [f.parameters.get("required") for f in functions] == [["city"], ["x"], ["title"], ["x"], ["ex"], None]
    assert [f.parameters["additionalProperties"] for f in functions] == [False, False, False, False, True, False]
    assert functions[0].parameters["properties"]["city"] == {"type": "string", "description": "The city."}
    assert functions[4].parameters["properties"] == {"ex": {"type": "integer", "description": "An x."}}


def test_a_class_of_its_own_instances_has_its_fields_at_the_top():
    parameters = read(Node).parameters
    assert list(parameters["properties"]) == ["value", "next"]
    assert Draft202012Validator(parameters).is_valid({"value": 1, "next": {"value": 2, "next": None}})
    assert not Draft202012Validator(parameters).is_valid({"value": 1, "next": {"value": "x"}})


@pytest.mark.parametrize("default", [object(), math.nan, -math.inf, [10**2000], "\ud800", {"\ud800": 1}, len])
def test_a_default_that_json_cannot_write_is_left_out(default):
    def f(x=default): ...

    assert read(f).parameters["properties"] == {"x": {}}
    assert "required" not in read(f).parameters


@pytest.mark.parametrize(("default", "written"), [({1}, [1]), (Unit.CELSIUS, "celsius"), ((1, 2), [1, 2])])
def test_a_default_is_written_as_json(default, written):
    def f(x=default): ...

    assert read(f).parameters["properties"] == {"x": {"default": written}}


def takes_list(*items: int): ...
def positional(x: int, /): ...
def calls_back(x: int, then: Callable[[int], int]): ...
def unknown_name(x: Nowhere): ...  # noqa: F821
def unknown_class(x: Shop): ...
def aliased(x: Annotated[int, Field(alias="y")]): ...
def unpacked(**more: Unpack[Book]): ...


class Row(NamedTuple):
    a: int


class Numbers(RootModel[list[int]]):
    pass


USE = "Use types that JSON has, or leave the annotation out to allow any value."
NO_FIELDS = "not a Pydantic model, dataclass or TypedDict: it has no fields that arguments could be"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            takes_list,
            (
                "function 'takes_list': *items takes arguments without names, and calls name theirs. "
                "Make it one parameter that takes a list."
            ),
        ),
        (
            positional,
            (
                "function 'positional': 'x' is positional-only, and calls name their arguments. "
                "Remove the '/' after it, or wrap the function."
            ),
        ),
        (
            [weather, Shop.sell],
            (
                "function 'sell', at /1: 'self' is not bound to anything. "
                "Pass the method of an object (obj.method), not of the class."
            ),
        ),
        (unknown_name, f"function 'unknown_name': name 'Nowhere' is not defined. {USE}"),
        (aliased, "function 'aliased': an alias renames a parameter to 'y', which a call by name would not reach"),
        (lambda x: x, "function '<lambda>': a lambda has no name that a call could use. Define it with def."),
        (Unit, f"function 'Unit': {NO_FIELDS}"),
        (Row, f"function 'Row': {NO_FIELDS}"),
        (Numbers, f"function 'Numbers': {NO_FIELDS}"),
        (int, f"function 'int': {NO_FIELDS}"),
        (dict[str, int], f"function 'dict': {NO_FIELDS}"),
    ],
)
def test_what_cannot_be_called_by_name_is_refused(source, expected):
    with pytest.raises(FunctionError) as caught:
        read_functions(source)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("source", "start"),
    [
        (calls_back, "function 'calls_back': parameter 'then': "),
        (unknown_class, "function 'unknown_class': parameter 'x': "),
        (unpacked, "function 'unpacked': "),
        (Shop, "function 'Shop': not a Pydantic model, dataclass or TypedDict with fields that JSON has: "),
        (len, "function 'len': 'obj' is positional-only"),
        (open, "function 'open': "),
        (dict.get, "function 'get': "),
    ],
)
def test_types_that_json_does_not_have_are_refused(source, start):
    with pytest.raises((FunctionError, ManyErrors)) as caught:
        read_functions(source)
    assert str(caught.value).removeprefix("4 errors:\n- ").startswith(start)


class Old(typing.TypedDict):
    a: int


def takes_old(old: Old): ...


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Pydantic reads typing.TypedDict from Python 3.12 on")
def test_a_typed_dict_of_typing_is_refused_with_what_to_use_instead():
    said = "a typing.TypedDict, which cannot be read before Python 3.12. Use typing_extensions.TypedDict."
    for source, expected in (
        (Old, f"function 'Old': {said}"),
        (takes_old, f"function 'takes_old': parameter 'old': {said}"),
    ):
        with pytest.raises(FunctionError) as caught:
            read_functions(source)
        assert str(caught.value) == expected


ANNOTATIONS = [int, "Any", "Nowhere", 5, list["Nowhere"], Callable, Shop, Any, "1 +", "math.nothing", [int]]  # noqa: F821


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(ANNOTATIONS, 2)))
def test_whatever_the_annotations_only_a_function_error_comes_out(first, second):
    def f(x, y=1): ...

    f.__annotations__ = {"x": first, "y": second}
    try:
        assert list(read(f).parameters["properties"]) == ["x", "y"]
    except (FunctionError, ManyErrors) as error:
        assert "function 'f'" in str(error)
