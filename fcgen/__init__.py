"""Function calls from language models, valid by construction.

What a reader should hold in the head is one line, and the folders follow it:

    Function -> Schema -> Shape -> Expr -> Automaton -> Masks -> Cursor -> Reply

Names are imported when they are first used, so that `import fcgen` loads neither torch nor transformers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fcgen import errors, events
    from fcgen.call import Grammar
    from fcgen.decode.custom import custom_generate
    from fcgen.decode.outlines import OutlinesProcessor
    from fcgen.decode.processor import LogitsProcessor
    from fcgen.engine import Engine
    from fcgen.extraction import Document, Example, Extracted, Job, Windows
    from fcgen.functions import Function, read_functions, read_functions_file
    from fcgen.mask import Cursor, Masks
    from fcgen.models import load
    from fcgen.prompt import render_prompt
    from fcgen.reply import Call, Reply, Usage, parse_reply
    from fcgen.servers import Server
    from fcgen.steered import SteeredEngine, processor_for
    from fcgen.vocab import Vocabulary

__version__ = "0.1.0"

__all__ = [
    "Call",
    "Cursor",
    "Document",
    "Engine",
    "Example",
    "Extracted",
    "Function",
    "Grammar",
    "Job",
    "LogitsProcessor",
    "Masks",
    "OutlinesProcessor",
    "Reply",
    "Server",
    "SteeredEngine",
    "Usage",
    "Vocabulary",
    "Windows",
    "custom_generate",
    "errors",
    "events",
    "load",
    "parse_reply",
    "processor_for",
    "read_functions",
    "read_functions_file",
    "render_prompt",
]

_HOMES = {
    "Call": "fcgen.reply",
    "Cursor": "fcgen.mask",
    "Document": "fcgen.extraction",
    "Engine": "fcgen.engine",
    "Example": "fcgen.extraction",
    "Extracted": "fcgen.extraction",
    "Function": "fcgen.functions",
    "Grammar": "fcgen.call",
    "Job": "fcgen.extraction",
    "LogitsProcessor": "fcgen.decode.processor",
    "Masks": "fcgen.mask",
    "OutlinesProcessor": "fcgen.decode.outlines",
    "Reply": "fcgen.reply",
    "Server": "fcgen.servers",
    "SteeredEngine": "fcgen.steered",
    "Usage": "fcgen.reply",
    "Vocabulary": "fcgen.vocab",
    "Windows": "fcgen.extraction",
    "custom_generate": "fcgen.decode.custom",
    "load": "fcgen.models",
    "parse_reply": "fcgen.reply",
    "processor_for": "fcgen.steered",
    "read_functions": "fcgen.functions",
    "read_functions_file": "fcgen.functions",
    "render_prompt": "fcgen.prompt",
}


def __getattr__(name: str) -> Any:
    if name in ("errors", "events"):
        return import_module(f"fcgen.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'fcgen' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
