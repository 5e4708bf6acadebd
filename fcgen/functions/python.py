"""Python callables and classes -> Function, through Pydantic's JSON Schema and the docstring.

A callable's parameters are the arguments, by name: `f(**arguments)` is the call. A Pydantic model, dataclass or
TypedDict stands for a function whose arguments are its fields. Types, constraints and defaults are what Pydantic makes
of them, but for values that it would then refuse (`exact_schemas.py`); defaults that JSON cannot write are left out
(the argument may still be omitted). Descriptions come from
`Field(description=...)`, else from a docstring in Google, NumPy or Sphinx style.

Arguments without names (`*args`, positional-only) cannot be called and are refused; `**kwargs` allows more arguments.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, get_origin

import docstring_parser
from pydantic import PydanticInvalidForJsonSchema, PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticSerializationError, core_schema

from fcgen.functions.exact_schemas import exact_complex, exact_decimals, exact_names, exact_reals, number_default
from fcgen.functions.function import Function, check_name, object_schema
from fcgen.functions.patterns import pydantic_pattern
from fcgen.functions.problems import Problems
from fcgen.functions.values import copy_value
from fcgen.place import Place

# What evaluating annotations raises: they are the caller's own code, so the message passes on what Python says.
_FAULTY_CODE = (NameError, AttributeError, SyntaxError, TypeError, ValueError)
_UNREADABLE = (PydanticUserError, PydanticUndefinedAnnotation, *_FAULTY_CODE)
_USE_JSON_TYPES = "Use types that JSON has, or leave the annotation out to allow any value."
_OLD_TYPED_DICT = "a typing.TypedDict, which cannot be read before Python 3.12"
_USE_TYPING_EXTENSIONS = "Use typing_extensions.TypedDict."
_ORDER = ("type", "properties", "required", "additionalProperties")


def read_callable(source: Callable[..., Any], pointer: Place, problems: Problems) -> Function | None:
    """The function that a callable or a class is; None where there are problems."""
    is_class = isinstance(source, type) or get_origin(source) is not None
    plain = source if is_class else _plain(source)
    name = _name(source)
    problems = Problems(name, problems.place, problems.errors)
    check_name(name, pointer, problems)
    if name == "<lambda>":
        problems.add("a lambda has no name that a call could use", pointer, hint="Define it with def.")
    parameters = _class_schema(plain, pointer, problems) if is_class else _call_schema(plain, pointer, problems)
    if parameters is None:
        return None
    description, about = _read_docstring(_docstring(source, is_class=is_class))
    for argument, schema in parameters["properties"].items():
        if argument in about and "description" not in schema:
            schema["description"] = about[argument]
    place = (pointer or "", "parameters")
    ordered = {key: parameters[key] for key in _ORDER if key in parameters} | parameters
    copied = object_schema(copy_value(ordered, place, problems), place, problems)
    return None if problems.errors else Function(name, description, copied)


def _plain(source: Any) -> Callable[..., Any]:
    """The callable in a form whose signature Pydantic reads: objects that can be called are their method."""
    if isinstance(source, (FunctionType, MethodType, BuiltinFunctionType, functools.partial)):
        return source
    method: Callable[..., Any] = source.__call__
    return getattr(source, "__wrapped__", method)


def _name(source: Any) -> str:
    while isinstance(source, functools.partial):
        source = source.func
    return str(getattr(source, "__name__", type(source).__name__))


def _docstring(source: Any, *, is_class: bool) -> str:
    """The docstring written for this very callable or class, not one it inherits from its type."""
    while isinstance(source, functools.partial):
        source = source.func
    if not is_class and not hasattr(source, "__name__"):
        source = source.__call__ if source.__call__.__doc__ else type(source)
    text = source.__doc__ if isinstance(source.__doc__, str) else ""
    made_by_dataclass = is_class and text.startswith(f"{_name(source)}(")
    return "" if made_by_dataclass else inspect.cleandoc(text)


def _read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The description of the whole, and that of each parameter."""
    try:
        parsed = docstring_parser.parse(text)
    except docstring_parser.ParseError:
        return text, {}
    about = {
        name.strip().lstrip("*"): parameter.description
        for parameter in parsed.params
        for name in parameter.arg_name.split(",")
        if parameter.description
    }
    return "\n\n".join(filter(None, (parsed.short_description, parsed.long_description))), about


class _Parameters(GenerateJsonSchema):
    """Pydantic's JSON Schema without titles made from names, defaults that JSON cannot write, and values it refuses."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 (Pydantic's attribute)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:  # noqa: ARG002
        return value

    def encode_default(self, dft: Any) -> Any:
        problems = Problems()
        default = copy_value(super().encode_default(dft), "", problems)
        if problems.errors:
            raise PydanticSerializationError(problems.errors[0].found)
        return default

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        made = super().str_schema(schema)
        return {**made, "pattern": pydantic_pattern(schema, self._config)} if "pattern" in made else made

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        return exact_decimals(schema)

    def fraction_schema(self, schema: Any) -> JsonSchemaValue:
        return exact_reals(schema)

    def complex_schema(self, schema: Any) -> JsonSchemaValue:  # noqa: ARG002
        return exact_complex()

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        return self.with_names(super().dict_schema(schema), schema)

    def frozendict_schema(self, schema: Any) -> JsonSchemaValue:
        return self.with_names(super().frozendict_schema(schema), schema)

    def ordered_dict_schema(self, schema: Any) -> JsonSchemaValue:
        return self.with_names(super().ordered_dict_schema(schema), schema)

    def counter_schema(self, schema: Any) -> JsonSchemaValue:
        return self.with_names(super().counter_schema(schema), schema)

    def with_names(self, made: JsonSchemaValue, schema: Any) -> JsonSchemaValue:
        """The schema of a dict, with names only that Pydantic reads as its keys."""
        if "patternProperties" in made:
            return {**made, "additionalProperties": False}
        keys = self.generate_inner(schema["keys_schema"]) if "keys_schema" in schema else {}
        is_any = not keys or "$ref" in keys or keys == {"type": "string"}
        return made if is_any else {**made, "propertyNames": exact_names(keys)}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return number_default(super().default_schema(schema))

    def arguments_schema(self, schema: core_schema.ArgumentsSchema) -> JsonSchemaValue:
        # Pydantic would describe each further argument by the schema of all of them.
        if schema.get("var_kwargs_mode") == "unpacked-typed-dict":
            raise PydanticInvalidForJsonSchema("**kwargs of an unpacked TypedDict: write its fields as parameters")
        return super().arguments_schema(schema)


def _call_schema(call: Callable[..., Any], pointer: Place, problems: Problems) -> JsonSchemaValue | None:
    """The JSON Schema of a callable's named parameters."""
    try:
        signature = inspect.signature(call)
    except _UNREADABLE as error:
        problems.add(f"its signature cannot be read: {_first_line(error)}", pointer)
        return None
    before = len(problems.errors)
    for i, parameter in enumerate(signature.parameters.values()):
        _check_parameter(parameter, pointer, problems, first=i == 0)
    if len(problems.errors) > before:
        return None
    schema = _schema(call)
    if isinstance(schema, str):
        for found in _blame(call) or [schema]:
            hint = _USE_TYPING_EXTENSIONS if found.endswith(_OLD_TYPED_DICT) else _USE_JSON_TYPES
            problems.add(found, pointer, hint=hint)
        return None
    for name in sorted(set(schema["properties"]) - set(signature.parameters)):
        problems.add(f"an alias renames a parameter to {name!r}, which a call by name would not reach", pointer)
    return schema


def _check_parameter(parameter: inspect.Parameter, pointer: Place, problems: Problems, *, first: bool) -> None:
    untyped = parameter.annotation is parameter.default is inspect.Parameter.empty
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        hint = "Make it one parameter that takes a list."
        problems.add(f"*{parameter.name} takes arguments without names, and calls name theirs", pointer, hint=hint)
    elif parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        hint = "Remove the '/' after it, or wrap the function."
        problems.add(f"{parameter.name!r} is positional-only, and calls name their arguments", pointer, hint=hint)
    elif first and untyped and parameter.name in ("self", "cls"):
        hint = "Pass the method of an object (obj.method), not of the class."
        problems.add(f"{parameter.name!r} is not bound to anything", pointer, hint=hint)


def _class_schema(cls: Any, pointer: Place, problems: Problems) -> JsonSchemaValue | None:
    """The JSON Schema of a class's fields."""
    schema = _schema(cls)
    if schema == _OLD_TYPED_DICT:
        problems.add(schema, pointer, hint=_USE_TYPING_EXTENSIONS)
        return None
    if isinstance(schema, str):
        problems.add(f"not a Pydantic model, dataclass or TypedDict with fields that JSON has: {schema}", pointer)
        return None
    if "$ref" in schema:  # a class whose fields hold its own instances
        schema |= schema["$defs"][schema.pop("$ref").removeprefix("#/$defs/")]
    if "properties" not in schema:
        problems.add("not a Pydantic model, dataclass or TypedDict: it has no fields that arguments could be", pointer)
        return None
    rest = {key: value for key, value in schema.items() if key not in ("title", "description")}
    return {"type": "object", "additionalProperties": False, **rest}


def _schema(source: Any) -> JsonSchemaValue | str:
    """The JSON Schema of a callable or a type, or why it has none."""
    try:
        return TypeAdapter(source).json_schema(schema_generator=_Parameters)
    except _UNREADABLE as error:
        is_old = isinstance(error, PydanticUserError) and error.code == "typed-dict-version"
        return _OLD_TYPED_DICT if is_old else _first_line(error)


def _blame(call: Callable[..., Any]) -> list[str]:
    """Which parameters' types have no JSON Schema, where they can be looked at one by one."""
    try:
        parameters = inspect.signature(call, eval_str=True).parameters.values()
    except _UNREADABLE:
        return []
    tried = {each.name: _schema(each.annotation) for each in parameters if each.annotation is not each.empty}
    return [f"parameter {name!r}: {schema}" for name, schema in tried.items() if isinstance(schema, str)]


def _first_line(error: Exception) -> str:
    """What went wrong, without Pydantic's advice to those who define types."""
    return str(error).split("\n", 1)[0].split(". Set `", 1)[0].rstrip(".")
