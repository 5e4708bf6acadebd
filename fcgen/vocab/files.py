"""A `tokenizer.json` of the tokenizers library -> its tokens, and the token that ends a text.

With the tokens in the cache, the file is hashed and not parsed: no import of the tokenizers library, which takes half a
second for a large file. Which token ends a text stands in `tokenizer_config.json` beside it, as transformers reads it.
"""

from __future__ import annotations

import hashlib
import json
from os import PathLike
from pathlib import Path
from typing import Any

from fcgen.errors import VocabularyError
from fcgen.vocab.cache import store
from fcgen.vocab.tokens import CACHED_FROM, Tokens, cache_key, cached_tokens, read_tokens

_PIECE = 1 << 18


def read_tokenizer_file(path: str | PathLike[str], *, use_cache: bool = True) -> tuple[Tokens, list[int]]:
    """Read the tokens of a `tokenizer.json`, or of a folder with one, and the ids of the EOS token, if it has one.

    Raises VocabularyError where there is no such file, where it is not of the tokenizers library, and as `read_tokens`.
    """
    file = Path(path)
    file = file / "tokenizer.json" if file.is_dir() else file
    try:
        key = cache_key(b"file", _digest(file)) if use_cache else ""
        tokens = cached_tokens(key) if use_cache else None
        data = b"" if tokens else file.read_bytes()
    except OSError as error:
        raise VocabularyError(
            f"no tokenizer can be read from {file}: {error}",
            hint="Name a folder with a tokenizer.json, or give the tokenizer itself.",
        ) from error
    if tokens is None:
        tokens = read_tokens(_parsed(data, file), use_cache=False)
        # The file may have been written since.
        if use_cache and len(tokens.texts) >= CACHED_FROM and key == cache_key(b"file", hashlib.sha256(data).digest()):
            store(key, tokens.to_bytes())
    name = _eos_token(file.with_name("tokenizer_config.json"))
    if name is None:
        return tokens, []
    found = tokens.special.get(name)
    if found is None:
        found = _parsed(data or file.read_bytes(), file).token_to_id(name)
    return tokens, [] if found is None else [found]


def _digest(file: Path) -> bytes:
    """The SHA-256 of a file, a piece at a time: new memory for all of it takes longer than to hash it."""
    digest, piece = hashlib.sha256(), bytearray(_PIECE)
    with file.open("rb", buffering=0) as opened:
        while size := opened.readinto(piece):
            digest.update(memoryview(piece)[:size])
    return digest.digest()


def _parsed(data: bytes, file: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_buffer(data)
    except Exception as error:  # the library raises no narrower one
        raise VocabularyError(f"{file} is no file of the tokenizers library: {error}") from error


def _eos_token(file: Path) -> str | None:
    try:
        token = json.loads(file.read_text(encoding="utf-8")).get("eos_token")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError) as error:
        raise VocabularyError(f"{file} cannot be read: {error}") from error
    name = token.get("content") if isinstance(token, dict) else token
    return name if isinstance(name, str) else None
