"""The names that programs may rely on."""

import fcgen
from fcgen import errors


def test_all_is_what_there_is():
    assert fcgen.__all__ == sorted(fcgen.__all__)
    for name in fcgen.__all__:
        assert getattr(fcgen, name) is not None
    assert set(fcgen.__all__) <= set(dir(fcgen))


def test_public_methods():
    expected = {
        fcgen.Grammar: ["from_json_schema", "from_regex", "from_lark", "from_functions", "from_output_type"],
        fcgen.Vocabulary: ["from_tokenizer", "token_bytes"],
        fcgen.Masks: ["cursor", "fewest_tokens"],
        fcgen.Cursor: ["mask", "advance", "can_stop", "forced", "fewest_tokens", "rollback", "copy"],
        fcgen.Engine: ["call", "several", "batch", "stream", "acall", "astream", "masks"],
        fcgen.Server: ["call", "acall"],
        fcgen.SteeredEngine: ["call"],
        fcgen.OutlinesProcessor: ["reset", "check"],
    }
    for kind, names in expected.items():
        assert [name for name in names if not hasattr(kind, name)] == []


def test_every_error_is_one_family():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 10
    assert all(issubclass(kind, errors.FcgenError) for kind in kinds)
    for kind in kinds:
        assert kind.__name__ in errors.__doc__
