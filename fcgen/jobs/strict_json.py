"""JSON text that a stranger wrote -> its value, which can be written again as JSON; and back.

Refused is what is no JSON (NaN, Infinity), what loses something when it is read (a key twice in one object, a number
too large for a float), and what cannot be written again (half of a surrogate pair, nesting without end).
"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from typing import Any, NoReturn

from fcgen.errors import DocumentError, excerpt

MAX_DEPTH = 200
HAS_NUL = "It has NUL bytes, as UTF-16 has: name the input's encoding"
NO_TEXT = b"\xed\xb2\x80"  # stands for bytes that are not of the input's encoding; no UTF-8 (half of a surrogate pair)


def read_json(data: bytes) -> Any:
    """The value that the bytes are the JSON text of. Raises DocumentError."""
    try:
        value = json.loads(decode(data), object_pairs_hook=_pairs, parse_float=_number, parse_constant=_constant)
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        at = error.doc[error.pos : error.pos + 60]
        where = f"before {excerpt(at, 40)}" if at.strip() else "at its end"
        found = f"the row is no JSON: {error.msg.partition(':')[0]}, {where}"
        raise DocumentError(found, hint=HAS_NUL if b"\0" in data else None) from None
    except DocumentError:
        raise
    except ValueError:  # what int() says of thousands of digits
        raise DocumentError("the row has an integer with too many digits to be read") from None
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    if b"\\u" in data and not is_text(json.dumps(value, ensure_ascii=False)):
        raise DocumentError("the row has half of a surrogate pair, which is no character")
    return value


def write_json(value: Any) -> str:
    """The value as one line of JSON that UTF-8 can hold."""
    text = json.dumps(value, ensure_ascii=False)
    return text if is_text(text) else json.dumps(value)


def decode(data: bytes) -> str:
    """The text that the bytes are the UTF-8 of. Raises DocumentError."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise not_utf8(error) from None


def not_utf8(error: UnicodeDecodeError) -> DocumentError:
    """What is said of bytes that are no UTF-8."""
    if error.object.startswith(NO_TEXT, error.start):
        return DocumentError(
            f"at place {error.start} it has bytes that are not of its encoding",
            hint="Name another encoding, or convert it",
        )
    found = f"the byte 0x{error.object[error.start]:02x} at place {error.start} is no UTF-8"
    return DocumentError(found, hint="Convert the input to UTF-8, or name its encoding (--encoding)")


def is_text(text: str) -> bool:
    """Whether UTF-8 can hold it: it has no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(read := dict(items)) < len(items):
        twice = Counter(name for name, _ in items).most_common(1)[0][0]
        raise DocumentError(f"the row has the key {excerpt(twice)} twice in one object")
    return read


def _number(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        _constant(digits)
    return value


def _constant(name: str) -> NoReturn:
    raise DocumentError(f"the row has the number {excerpt(name)}, which is not a finite one")


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        nested = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [*itertools.chain.from_iterable(nested)]
    if level:
        raise _too_deep()


def _too_deep() -> DocumentError:
    return DocumentError("the row is nested too deeply", limit=MAX_DEPTH)
