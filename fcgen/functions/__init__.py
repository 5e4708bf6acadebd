"""Metadata of functions, in the forms people have it in -> `Function`; and back, for prompts and servers."""

from fcgen.functions.files import read_functions_file, try_functions_file
from fcgen.functions.function import Function
from fcgen.functions.read import read_functions
from fcgen.functions.write import card_metadata, openai_tool

__all__ = ["Function", "card_metadata", "openai_tool", "read_functions", "read_functions_file", "try_functions_file"]
