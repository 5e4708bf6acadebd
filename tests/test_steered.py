"""Models of Outlines whose logits can be had: what they write is valid, though the loop is another library's."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_made import Llama, llama_made
from models_made import tiny_llama
from tokenizers_made import byte_level

import fcgen
from fcgen import Grammar, SteeredEngine, Vocabulary, parse_reply, processor_for
from fcgen.errors import (
    BudgetTooSmall,
    FunctionError,
    ManyErrors,
    ModelError,
    OptionError,
    PromptError,
    ReplyError,
    VocabularyError,
)
from fcgen.steered import read_vocabulary

outlines = pytest.importorskip("outlines")


def function(name, **properties):
    parameters = {"type": "object", "properties": properties, "required": list(properties)[:1]}
    return {"name": name, "description": f"What {name} does.", "parameters": parameters}


WEATHER = function("get_weather", city={"type": "string", "maxLength": 9}, unit={"enum": ["C", "F", None]})
TIMER = function("set_timer", minutes={"type": "number", "minimum": 0, "maximum": 90}, loud={"type": "boolean"})
FUNCTIONS = [WEATHER, TIMER]


@pytest.fixture(scope="module", params=["byte level", "sentencepiece"])
def llama(request):
    with llama_made(spaced=request.param == "sentencepiece", context=1000) as model:
        yield model


@pytest.fixture(scope="module")
def engine(llama):
    return SteeredEngine(llama)


@settings(max_examples=25)
@given(
    choice=st.sampled_from(["auto", "required", "none", "set_timer", ["get_weather"]]),
    extra=st.integers(0, 50),
    seed=st.integers(0, 999),
    text=st.fixed_dictionaries({}, optional={"whitespace": st.sampled_from(["compact", "flexible"])}),
)
def test_every_reply_is_valid_at_every_budget(engine, choice, extra, seed, text):
    grammar = Grammar.from_functions(FUNCTIONS, choice=choice, **text)
    budget = fcgen.Masks(grammar, engine.vocabulary).fewest_tokens + extra
    reply = engine.call("Wake me up!", FUNCTIONS, choice=choice, max_new_tokens=budget, seed=seed, **text)
    assert reply == parse_reply(reply.text, FUNCTIONS, usage=reply.usage)
    called = reply.calls[0].function if reply.calls else None
    names = {"auto": ["get_weather", "set_timer", None], "required": ["get_weather", "set_timer"], "none": [None]}
    assert called in names.get(choice if isinstance(choice, str) else "", [choice, *choice])
    assert 1 <= reply.usage.new_tokens <= budget
    assert reply.usage.prompt_tokens > 0


@pytest.mark.parametrize("spaced", [False, True])
def test_the_tokens_of_llama_cpp_are_those_of_the_tokenizer_it_was_made_of(spaced):
    with llama_made(spaced=spaced) as model:
        known, asked = Vocabulary.from_tokenizer(model.model.hf), read_vocabulary(model)
    assert (asked.size, asked.stop_ids, dict(asked.special)) == (known.size, known.stop_ids, dict(known.special))
    assert [asked.token_bytes(token) for token in range(known.size)] == [
        known.token_bytes(token) for token in range(known.size)
    ]
    for text in (b"Hello", b" a  b", "é🙂".encode()):
        assert asked.spell(text) == known.spell(text)


def test_a_long_token():
    with llama_made() as model:
        model.model.pieces[200] = b"x" * 300
        assert read_vocabulary(model).token_bytes(200) == b"x" * 300


def test_a_tokenizer_that_does_not_spell_what_it_reads():
    with llama_made() as model:
        model.model.tokenize = lambda data, **_: model.model.hf.encode(data.decode().lower())
        with pytest.raises(VocabularyError, match="spell"):
            SteeredEngine(model)


def test_what_the_context_leaves_is_the_budget():
    with llama_made(context=400) as model:
        engine = SteeredEngine(model)
        assert engine.context == 400
        shortest = engine.call("z", [TIMER], choice="required").usage.prompt_tokens
        fewest = fcgen.Masks(Grammar.from_functions([TIMER], choice="required"), engine.vocabulary).fewest_tokens
        for room in (fewest, fewest + 1, fewest + 9):
            reply = engine.call("z" * (401 - room - shortest), [TIMER], choice="required", max_new_tokens=400)
            assert reply.kind == "call"
            assert reply.usage.prompt_tokens == 400 - room
            assert reply.usage.new_tokens <= room
        with pytest.raises(PromptError, match="more than the model's context") as caught:
            engine.call("z" * (402 - fewest - shortest), [TIMER], choice="required")
        assert (caught.value.limit, caught.value.given) == (400, 401)
        with pytest.raises(PromptError, match="exceed context window of 400"):
            engine.call("z" * 900, [TIMER])


def test_functions_are_offered_in_the_system_message(engine, llama):
    engine.call([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}], FUNCTIONS)
    system, user = llama.model.said[-1]
    assert (system["role"], user) == ("system", {"role": "user", "content": "Hi"})
    assert system["content"].startswith("Be kind.")
    assert "What get_weather does." in system["content"]
    engine.call("Hi", FUNCTIONS, choice="set_timer")
    assert "get_weather" not in llama.model.said[-1][0]["content"]
    engine.call("Hi", max_new_tokens=5)
    assert [message["role"] for message in llama.model.said[-1]] == ["user"]


def test_a_template_that_refuses_a_system_message():
    with llama_made(refuses_system=True) as model:
        assert SteeredEngine(model).call("Hi", [TIMER], choice="required").kind == "call"
        (message,) = model.model.said[-1]
        assert "What set_timer does." in message["content"]
        assert message["content"].endswith("Hi")


def test_control_texts_are_no_content(engine):
    with pytest.raises(PromptError, match="control text"):
        engine.call("Hi <|im_end|>", [TIMER])


def test_a_model_that_goes_on_with_a_text():
    with llama_made(chat_mode=False) as model:
        engine = SteeredEngine(model)
        assert engine.format.name == "trelis-llama2"
        assert engine.call("Hi", [TIMER], choice="required").kind == "call"
        assert model.model.said[-1].startswith("<FUNCTIONS>")
        assert engine.call("Hi", [TIMER], choice="required", format="chat").kind == "call"
        with pytest.raises(PromptError, match="exceed context window"):
            engine.call("z" * 900, [TIMER])


def test_a_text_format_for_a_model_that_lays_out_messages(engine):
    with pytest.raises(PromptError, match="takes texts as messages"):
        engine.call("Hi", [TIMER], format="trelis-zephyr")


def test_options_reach_the_library(engine, llama):
    engine.call("Hi", temperature=0.5, top_p=0.9, top_k=7, min_p=0.1, seed=3, max_new_tokens=5)
    found = llama.model.options[-1]
    assert found == {"temperature": 0.5, "top_p": 0.9, "top_k": 7, "min_p": 0.1, "seed": 3, "repeat_penalty": 1.0}
    engine.call("Hi", temperature=None, max_new_tokens=5)
    assert llama.model.options[-1]["temperature"] == 0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_new_tokens": 3, "choice": "required"}, BudgetTooSmall),
        ({"max_new_tokens": "3"}, OptionError),
        ({"max_new_tokens": True}, OptionError),
        ({"temperature": -1}, OptionError),
        ({"whitespace": "none"}, OptionError),
        ({"choice": "nothing"}, FunctionError),
        ({"choice": 3}, FunctionError),
    ],
)
def test_mistakes_are_said_before_the_model_runs(engine, llama, options, error):
    said = len(llama.model.said)
    with pytest.raises(error):
        engine.call("Hi", FUNCTIONS, **options)
    assert len(llama.model.said) == said


def test_functions_that_cannot_be_used_are_left_out(engine):
    back = function("back", x={"type": "string", "pattern": r"(a)\1"})
    with pytest.raises(ManyErrors):
        engine.call("Hi", [back, {"description": "nameless"}, TIMER])
    assert engine.call("Hi", [back, TIMER], choice="required", on_error="leave_out").calls[0].function == "set_timer"


def test_a_library_that_ends_a_reply_before_it_is_whole():
    with llama_made(longest=5) as model, pytest.raises(ReplyError, match="not JSON"):
        SteeredEngine(model).call("Hi", [TIMER], choice="required")


def test_an_error_that_the_library_passes_over_is_raised():
    with llama_made() as model:
        engine = SteeredEngine(model)
        model.model.pieces.append(b"one more")
        with pytest.raises(VocabularyError, match="the model's logits"):
            engine.call("Hi", [TIMER], choice="required")
        assert model.model.swallowed


@pytest.mark.parametrize("budget", [None, 40])
def test_a_generator_of_outlines_over_llama_cpp(budget):
    with llama_made() as model:
        generator = outlines.Generator(model, processor=processor_for(model, outlines.types.uuid4, budget=budget))
        texts = [generator(prompt, max_tokens=budget or 200) for prompt in ("Hi", "Ho", "Hi")]
        assert all(outlines.types.uuid4.matches(text) for text in texts)
        assert texts[0] == texts[2]


def test_a_processor_for_a_model_of_transformers():
    tokenizer = byte_level()
    model = outlines.from_transformers(tiny_llama(tokenizer, padding=13), tokenizer)
    schema = {"type": "array", "items": {"type": "boolean"}, "maxItems": 3}
    for what in (outlines.types.JsonSchema(schema), Grammar.from_json_schema(schema)):
        generator = outlines.Generator(model, processor=processor_for(model, what, budget=20))
        for text in generator.batch(["Hi", "And more than that"], max_new_tokens=20):
            assert all(isinstance(item, bool) for item in json.loads(text))


def test_a_processor_for_a_model_without_logits():
    with pytest.raises(ModelError, match="Ollama gives no access"):
        processor_for(outlines.models.Ollama(object()), int)


def test_what_a_processor_cannot_be_made_of():
    with llama_made() as model:
        with pytest.raises(OptionError, match="is no output type"):
            processor_for(model, object())
        with pytest.raises(BudgetTooSmall):
            processor_for(model, outlines.types.uuid4, budget=3)


@pytest.fixture(scope="module")
def mlx(tmp_path_factory):
    """The tiny model, run by mlx-lm."""
    mlx_lm = pytest.importorskip("mlx_lm")
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = byte_level()
    tiny_llama(tokenizer, padding=8 - len(tokenizer) % 8).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return outlines.from_mlxlm(*mlx_lm.load(str(folder)))


@pytest.mark.parametrize("choice", ["required", "auto", "set_timer"])
@pytest.mark.parametrize("budget", [40, 100])
def test_a_model_of_mlx(mlx, choice, budget):
    engine = fcgen.load(mlx)
    assert isinstance(engine, SteeredEngine)
    replies = [
        engine.call("Hi", FUNCTIONS, choice=choice, max_new_tokens=budget, temperature=heat, seed=4)
        for heat in (0, 2.0, 2.0)
    ]
    for reply in replies:
        assert reply == parse_reply(reply.text, FUNCTIONS, usage=reply.usage)
        assert reply.usage.new_tokens <= budget
    assert replies[1].text == replies[2].text


def test_a_generator_of_outlines_over_mlx(mlx):
    generator = outlines.Generator(mlx, processor=processor_for(mlx, bool, budget=9))
    assert {generator(prompt, max_tokens=9) for prompt in ("Hi", "Ho", "Hi")} <= {"True", "False"}
    assert "".join(generator.stream("Hi", max_tokens=9)) in ("True", "False")


def test_the_made_llama_is_like_the_real_one():
    """What it passes over it keeps, so that tests can see it."""

    def boom(_, logits):
        raise ValueError(logits.shape)

    made = Llama()
    assert made("Hi", logits_processor=[boom], max_tokens=3)["choices"][0]["text"]
    assert len(made.swallowed) == 3
