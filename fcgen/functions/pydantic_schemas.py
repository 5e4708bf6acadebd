"""A Python type or callable -> JSON Schema, by Pydantic: of nothing but what Pydantic then accepts.

Pydantic's core schema is walked, and asked for each type what it accepts (`narrowing.py`, `exact_schemas.py`). Titles
made from names, and defaults that JSON cannot write, are left out.
"""

from __future__ import annotations

from typing import Any

from pydantic import PydanticInvalidForJsonSchema, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticSerializationError, core_schema

from fcgen.functions.exact_schemas import (
    decimal_default,
    exact_complex,
    exact_decimal_names,
    exact_decimals,
    exact_names,
    exact_reals,
)
from fcgen.functions.narrowing import (
    narrow_bytes,
    narrow_date,
    narrow_date_time,
    narrow_duration,
    narrow_literal,
    narrow_set,
    narrow_text,
    narrow_time,
    narrow_url,
    narrow_uuid,
    note_function,
    noted,
    read_format,
)
from fcgen.functions.problems import Problems
from fcgen.functions.values import copy_value


def exact_schema(source: Any) -> JsonSchemaValue:
    """The JSON Schema of a type or callable, with the notes that `narrowing.take_notes` takes out.

    Raises what Pydantic raises for those that have none.
    """
    return TypeAdapter(source).json_schema(schema_generator=_Exact)


class _Exact(GenerateJsonSchema):
    """Pydantic's JSON Schema, narrowed; what no JSON Schema can say is a note in it (`narrowing.take_notes`)."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 (Pydantic's attribute)

    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        made = read_format(super().generate_inner(schema))
        # Some of Pydantic's types have a JSON Schema of their own, made without asking for that of their function.
        return note_function(schema, made) if schema["type"] == "function-plain" else made

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

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return decimal_default(schema.get("default"), super().default_schema(schema))

    def arguments_schema(self, schema: core_schema.ArgumentsSchema) -> JsonSchemaValue:
        # Pydantic would describe each further argument by the schema of all of them.
        if schema.get("var_kwargs_mode") == "unpacked-typed-dict":
            raise PydanticInvalidForJsonSchema("**kwargs of an unpacked TypedDict: write its fields as parameters")
        return super().arguments_schema(schema)

    # Numbers

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        return exact_decimals(schema)

    def fraction_schema(self, schema: Any) -> JsonSchemaValue:
        return exact_reals(schema)

    def complex_schema(self, schema: Any) -> JsonSchemaValue:  # noqa: ARG002
        return exact_complex()

    # Strings, and what is written as one

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        return narrow_text(schema, super().str_schema(schema), self._config)

    def bytes_schema(self, schema: core_schema.BytesSchema) -> JsonSchemaValue:
        return narrow_bytes(schema, super().bytes_schema(schema), self._config)

    def uuid_schema(self, schema: core_schema.UuidSchema) -> JsonSchemaValue:
        return narrow_uuid(schema, super().uuid_schema(schema))

    def date_schema(self, schema: core_schema.DateSchema) -> JsonSchemaValue:
        return narrow_date(schema, super().date_schema(schema))

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        return narrow_date_time(schema, super().datetime_schema(schema))

    def time_schema(self, schema: core_schema.TimeSchema) -> JsonSchemaValue:
        return narrow_time(schema, super().time_schema(schema))

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchemaValue:
        return narrow_duration(schema, super().timedelta_schema(schema))

    def url_schema(self, schema: core_schema.UrlSchema) -> JsonSchemaValue:
        return narrow_url(schema, super().url_schema(schema))

    def multi_host_url_schema(self, schema: core_schema.MultiHostUrlSchema) -> JsonSchemaValue:
        return narrow_url(schema, super().multi_host_url_schema(schema))

    def json_schema(self, schema: core_schema.JsonSchema) -> JsonSchemaValue:
        return noted(super().json_schema(schema), "that it holds JSON of `contentSchema`")

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        return narrow_literal(schema, super().literal_schema(schema))

    # Containers

    def set_schema(self, schema: core_schema.SetSchema) -> JsonSchemaValue:
        return narrow_set(schema, super().set_schema(schema))

    def frozenset_schema(self, schema: core_schema.FrozenSetSchema) -> JsonSchemaValue:
        return narrow_set(schema, super().frozenset_schema(schema))

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
        if schema.get("keys_schema", {}).get("type") == "decimal":
            return {**made, "propertyNames": exact_decimal_names(schema["keys_schema"])}
        keys = self.generate_inner(schema["keys_schema"]) if "keys_schema" in schema else {}
        is_any = not keys or "$ref" in keys or keys == {"type": "string"}
        return made if is_any else {**made, "propertyNames": exact_names(keys)}

    # Code of the user's own

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        return note_function(schema, super().function_before_schema(schema))

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        return note_function(schema, super().function_after_schema(schema))

    def function_wrap_schema(self, schema: core_schema.WrapValidatorFunctionSchema) -> JsonSchemaValue:
        return note_function(schema, super().function_wrap_schema(schema))

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> JsonSchemaValue:
        return note_function(schema, super().function_plain_schema(schema))

    def chain_schema(self, schema: core_schema.ChainSchema) -> JsonSchemaValue:
        made = super().chain_schema(schema)
        return made if len(schema["steps"]) == 1 else noted(made, "what its further steps make of it")

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        made = super().tagged_union_schema(schema)
        return noted(made, "which of its types is meant") if callable(schema["discriminator"]) else made

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        made = super().dataclass_schema(schema)
        return noted(made, "what __post_init__ makes of it") if schema.get("post_init") else made

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        code = schema["cls"].model_post_init
        if schema.get("post_init") and not str(code.__module__).startswith("pydantic."):
            made = noted(made, "what model_post_init makes of it")
        return noted(made, "what __init__ makes of it") if schema.get("custom_init") else made
