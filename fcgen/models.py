"""What names or holds a model -> an engine.

    "smollm2"            the embedded model, fetched once on first use
    a folder             a model and its tokenizer as transformers saves them; or with Mistral's `tekken.json`
    a hub id             the same, from the Hugging Face hub or its cache
    (model, tokenizer)   objects of transformers, as they are
    an Outlines model    of transformers: the two inside; of llama.cpp or mlx-lm: `SteeredEngine`; of a server: `Server`

Code that comes with a model is never run. Loading writes nothing to stdout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, overload

from fcgen.embedded import embedded_path
from fcgen.engine import Engine
from fcgen.errors import ModelError, OptionError, excerpt
from fcgen.formats import Format
from fcgen.servers import Server
from fcgen.steered import SteeredEngine

EMBEDDED = "smollm2"
TEKKEN = "tekken.json"
TOKENIZERS = ("config.json", "tokenizer.json", TEKKEN)
HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
SOURCES = (
    f'Use "{EMBEDDED}", a folder with a model, a hub id such as "Qwen/Qwen2.5-0.5B-Instruct", '
    "a (model, tokenizer) pair, or a model of Outlines"
)


@overload
def load(
    source: str | Path | tuple[Any, Any] = ...,
    *,
    device: object = ...,
    dtype: object = ...,
    format: str | Format | None = ...,
) -> Engine: ...


@overload
def load(
    source: object, *, device: object = ..., dtype: object = ..., format: str | Format | None = ...
) -> Engine | SteeredEngine | Server: ...


def load(
    source: object = EMBEDDED,
    *,
    device: object = None,
    dtype: object = None,
    format: str | Format | None = None,  # noqa: A002
) -> Engine | SteeredEngine | Server:
    """The engine of a model: an `Engine`, but for models of Outlines that transformers does not run.

    Args:
        source: the model, in one of the ways the module lists.
        device: where it runs, as torch names devices. None: CUDA if there is any, else the CPU; objects of
            transformers stay where they are.
        dtype: of its weights, such as "bfloat16". None: as they were saved.
        format: as for the engine.

    Raises:
        ModelError: the model cannot be found, loaded or used.
        VocabularyError: its tokenizer cannot be used.
        OptionError: `device` or `dtype` are given for a model that transformers does not run.
    """
    precision = _read_dtype(dtype)
    if isinstance(source, str | Path):
        model, tokenizer = _load_folder(_find_folder(source), str(source), device, precision)
    elif isinstance(source, tuple):
        model, tokenizer = _check_pair(source)
        model = _move(model, device, precision)
    elif any(kind.__module__.startswith("outlines.") for kind in type(source).__mro__):
        from outlines.models import Transformers, TransformersMultiModal

        if not isinstance(source, Transformers) or isinstance(source, TransformersMultiModal):
            return _load_outlines(source, device, dtype, format)
        model, tokenizer = _move(source.model, device, precision), source.hf_tokenizer
    else:
        raise ModelError(f"{excerpt(source)} names no model and holds none", hint=SOURCES)
    return Engine(model, tokenizer, format=format)


def load_tokenizer(source: str | Path = EMBEDDED) -> Any:
    """The tokenizer of the model of that name, without the model; a folder may have the tokenizer alone.

    Raises ModelError: it cannot be found or loaded.
    """
    from transformers import AutoTokenizer

    place = _find_folder(source, needs=TOKENIZERS)
    with _LoadingErrors(place, str(source)), _no_progress_bars(quiet=Path(place).is_dir()):
        if (Path(place) / TEKKEN).is_file() and not (Path(place) / "tokenizer.json").is_file():
            return _load_tekken(place)
        return AutoTokenizer.from_pretrained(place, trust_remote_code=False)


def _load_tekken(place: str) -> Any:
    """The tokenizer of a folder that has no other than Mistral's own."""
    if find_spec("mistral_common") is None:
        raise ModelError(
            f"the folder {excerpt(place)} has Mistral's own tokenizer, {TEKKEN}, which mistral-common reads",
            hint="Install it: pip install 'fcgen[mistral]'",
        )
    from transformers.tokenization_mistral_common import MistralCommonBackend

    return MistralCommonBackend.from_pretrained(place)


def _find_folder(source: str | Path, needs: tuple[str, ...] = ("config.json",)) -> str:
    """The folder with one of the files that are needed, or what may be a hub id as it stands."""
    if source == EMBEDDED:
        return str(embedded_path())
    path = Path(source).expanduser()
    if path.is_dir():
        if not any((path / name).is_file() for name in needs):
            what = "model" if needs == ("config.json",) else "tokenizer"
            raise ModelError(
                f"the folder {excerpt(str(path))} holds no {what}: it has no {needs[0]}",
                hint="Expected is what model.save_pretrained and tokenizer.save_pretrained write",
            )
        return str(path)
    if path.exists() or isinstance(source, Path) or not HUB_ID.fullmatch(source):
        raise ModelError(f"{excerpt(str(source))} is no folder and no hub id", hint=SOURCES)
    return source


def _load_folder(place: str, name: str, device: object, dtype: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM

    known = {} if dtype is None else {"dtype": dtype}
    tokenizer = load_tokenizer(name)
    with _LoadingErrors(place, name), _no_progress_bars(quiet=Path(place).is_dir()):
        model = AutoModelForCausalLM.from_pretrained(place, trust_remote_code=False, **known)
    return _move(model, _default_device() if device is None else device, None), tokenizer


class _LoadingErrors:
    """Makes a ModelError of what the loaders raise; they do not check what they read, so a broken file can be any."""

    def __init__(self, place: str, name: str) -> None:
        self.place = place
        self.name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        from huggingface_hub.errors import StrictDataclassError
        from safetensors import SafetensorError

        known = (OSError, ValueError, TypeError, LookupError, AttributeError, ImportError, RuntimeError)
        # The tokenizers library raises Exception itself, which no except clause can tell from all the others.
        if kind is Exception or isinstance(error, (*known, StrictDataclassError, SafetensorError)):
            raise ModelError(
                f"the model {excerpt(self.name)} could not be loaded: {_first_line(error)}", hint=_advice(self.place)
            ) from error


def _advice(place: str) -> str:
    if Path(place).is_dir():
        return "Check that the folder is complete, and that its model is a causal language model of transformers"
    return (
        "Tried: a folder of this name, the cache of the Hugging Face hub, the hub itself. "
        f"Check the name and the connection, or fetch it where there is one: hf download {place}"
    )


def _first_line(error: BaseException | None) -> str:
    line = str(error).strip().partition("\n")[0].rstrip(".")
    return f"{type(error).__name__}: {line[:200]}" if line else type(error).__name__


def _check_pair(source: tuple[Any, ...]) -> tuple[Any, Any]:
    """The pair, if it is a model and a tokenizer."""
    if len(source) != 2:
        raise ModelError(f"{excerpt(source)} names no model and holds none", hint=SOURCES)
    for value, method, what in zip(source, ("forward", "get_vocab"), ("a model", "a tokenizer"), strict=True):
        if not hasattr(value, method):
            raise ModelError(f"{type(value).__name__} is not {what} of transformers", hint=SOURCES)
    return source


def _load_outlines(
    source: Any,
    device: object,
    dtype: object,
    format: str | Format | None,  # noqa: A002
) -> SteeredEngine | Server:
    """The engine of a model of Outlines that transformers does not run."""
    from outlines.models import MLXLM, LlamaCpp, TransformersMultiModal
    from outlines.models.base import AsyncModel, Model

    name = type(source).__name__
    if isinstance(source, TransformersMultiModal) or not isinstance(source, Model | AsyncModel):
        raise ModelError(f"{name} of Outlines is no model of texts", hint=SOURCES)
    for option, given in (("device", device), ("dtype", dtype)):
        if given is not None:
            hint = "Choose it where the model is made"
            raise OptionError(f"{option} is {excerpt(given)}, but {name} stays as it is", hint=hint)
    if isinstance(source, LlamaCpp | MLXLM):
        return SteeredEngine(source, format=format)
    return Server(source, format=format)


def _move(model: Any, device: object, dtype: Any) -> Any:
    target = {name: value for name, value in (("device", device), ("dtype", dtype)) if value is not None}
    try:
        return model.to(**target) if target else model
    except (RuntimeError, ValueError, AssertionError, TypeError) as error:
        raise ModelError(
            f"the model cannot be moved to {excerpt(device)}: {_first_line(error)}",
            hint='Name a device that this machine has, such as "cpu"',
        ) from error


def _default_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _read_dtype(dtype: object) -> Any:
    import torch

    if dtype is None:
        return None
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ModelError(f"{excerpt(dtype)} is no dtype of weights", hint='Use "float32", "bfloat16" or "float16"')
    return found


@contextmanager
def _no_progress_bars(quiet: bool) -> Iterator[None]:  # noqa: FBT001
    """Where `quiet`, turn off the bars of transformers, and on again afterwards; downloads keep theirs."""
    from transformers.utils import logging

    quiet = quiet and logging.is_progress_bar_enabled()
    if quiet:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        if quiet:
            logging.enable_progress_bar()
