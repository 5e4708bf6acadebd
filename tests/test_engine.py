"""The whole line, on a model that says nothing but noise: every reply is valid, every mistake is said."""

import asyncio
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models_made import tiny, tiny_llama
from tokenizers_made import byte_level, sentencepiece_like

from fcgen.decode.processor import LogitsProcessor
from fcgen.engine import Engine
from fcgen.errors import (
    BudgetTooSmall,
    FunctionError,
    ManyErrors,
    ModelError,
    OptionError,
    PromptError,
    VocabularyError,
)
from fcgen.events import CallComplete, CallStarted, ReplyEvents, TextDelta
from fcgen.mask.cache import cache_of
from fcgen.offers import KEPT_MASKS
from fcgen.prompt import encode_prompt, render_prompt
from fcgen.reply import parse_reply


def function(name, **properties):
    parameters = {"type": "object", "properties": properties, "required": list(properties)[:1]}
    return {"name": name, "description": f"What {name} does.", "parameters": parameters}


WEATHER = function("get_weather", city={"type": "string", "maxLength": 9}, unit={"enum": ["C", "F", None]})
TIMER = function("set_timer", minutes={"type": "number", "minimum": 0, "maximum": 90}, loud={"type": "boolean"})
AUTO = function("auto", mode={"enum": [1, 2]})
NOTE = function("note", tags={"type": "array", "items": {"type": "string", "maxLength": 3}, "maxItems": 2})
FUNCTIONS = [WEATHER, TIMER, AUTO, NOTE]
CHOICES = ["auto", "required", "none", "set_timer", ["auto"], ["note", "get_weather"]]


def names_under(choice):
    offered = [f["name"] for f in FUNCTIONS]
    if isinstance(choice, list):
        return set(choice)
    return {"auto": {*offered, None}, "required": {*offered}, "none": {None}}.get(choice, {choice})


@pytest.fixture(scope="module", params=["byte level", "sentencepiece", "bfloat16"])
def engine(request):
    tokenizer = sentencepiece_like() if request.param == "sentencepiece" else byte_level()
    dtype = torch.bfloat16 if request.param == "bfloat16" else torch.float32
    return Engine(tiny_llama(tokenizer, padding=13, dtype=dtype), tokenizer)


@pytest.fixture(scope="module")
def plain():
    tokenizer = byte_level()
    return Engine(tiny_llama(tokenizer, context=500), tokenizer)


def check(reply, choice, budget):
    """The reply is what `choice` allows, read once more from its text and judged by jsonschema; the usage adds up."""
    assert reply == parse_reply(reply.text, FUNCTIONS, usage=reply.usage)
    assert (reply.calls[0].function if reply.calls else None) in names_under(choice)
    usage = reply.usage
    assert 1 <= usage.new_tokens <= budget
    assert usage.forward_passes <= usage.new_tokens - usage.forced_tokens
    assert usage.prompt_tokens > 0
    assert usage.seconds > 0


@settings(max_examples=30)
@given(
    choice=st.sampled_from(CHOICES),
    extra=st.integers(0, 50),
    temperature=st.sampled_from([None, 0.0, 0.5, 2.0]),
    top_p=st.sampled_from([0.3, 1.0]),
    seed=st.integers(0, 99),
    text=st.fixed_dictionaries(
        {},
        optional={
            "whitespace": st.sampled_from(["json.dumps", "compact", "flexible"]),
            "order": st.sampled_from(["schema", "any"]),
            "exponent": st.booleans(),
            "escapes": st.sampled_from(["canonical", "free"]),
        },
    ),
)
def test_every_reply_is_valid_at_every_budget(engine, choice, extra, temperature, top_p, seed, text):
    budget = engine.masks(FUNCTIONS, choice=choice, **text).fewest_tokens + extra
    options = {"temperature": temperature, "top_p": top_p, "seed": seed, **text}
    reply = engine.call("Wake me up!", FUNCTIONS, choice=choice, max_new_tokens=budget, **options)
    check(reply, choice, budget)


@settings(max_examples=30)
@given(
    choice=st.sampled_from(CHOICES),
    extra=st.integers(0, 40),
    more=st.integers(1, 40),
    temperature=st.sampled_from([0.0, 1.0]),
)
def test_a_reply_that_the_budget_did_not_limit_is_that_of_any_larger_one(engine, choice, extra, more, temperature):
    """Also where what follows was proposed, and taken back."""
    budget = engine.masks(FUNCTIONS, choice=choice).fewest_tokens + extra
    options = {"choice": choice, "temperature": temperature, "seed": 3}
    small, large = (engine.call("Hi", FUNCTIONS, max_new_tokens=size, **options) for size in (budget, budget + more))
    assert small.usage.limited or small.text == large.text


def test_a_text_that_goes_on_is_limited_by_its_budget(plain):
    assert plain.call("Hi", [TIMER], choice="none", max_new_tokens=9).usage.limited
    assert plain.call("Hi", max_new_tokens=9).usage.limited
    assert not plain.call("Hi", [AUTO], choice="required", max_new_tokens=60).usage.limited


@pytest.mark.parametrize(("digits", "is_limited"), [(25, True), (24, False)])
def test_a_number_of_as_many_digits_as_are_written_is_limited(plain, digits, is_limited):
    """Whether it would have had more, nobody knows."""
    number = {"type": "integer", "minimum": 10 ** (digits - 1), "maximum": 10**digits - 1}
    reply = plain.call("Hi", [function("count", n=number)], choice="required", max_new_tokens=200)
    assert len(str(reply.calls[0].arguments["n"])) == digits
    assert reply.usage.limited == is_limited


@pytest.mark.parametrize("given", ["Hi", b"Hi", {"prompt": "Hi"}])
def test_what_should_be_several_is_not_taken_apart(plain, given):
    with pytest.raises(OptionError, match="prompts is"):
        plain.batch(given, [TIMER])
    with pytest.raises(OptionError, match="documents is"):
        plain.extract(given, functions=[TIMER])


@pytest.mark.parametrize("name", ["trelis-llama2", "trelis-mistral", "trelis-zephyr", "trelis-deepseek-coder", "chat"])
def test_every_format(plain, name):
    reply = plain.call("Hi", [WEATHER], choice="required", max_new_tokens=60, format=name)
    assert reply.calls[0].function == "get_weather"
    prompt = render_prompt("Hi", [WEATHER], format=name, tokenizer=plain.tokenizer)
    assert reply.usage.prompt_tokens == len(encode_prompt(prompt, plain.tokenizer, format=name))


def test_what_most_grammars_share_is_found_before_a_request():
    tokenizer = byte_level()
    tokenizer.add_tokens(["a token of this test alone"])
    engine = Engine(tiny_llama(tokenizer), tokenizer)
    assert cache_of(engine.vocabulary).automaton.size > 50


def test_the_format_is_the_tokenizers_own_if_it_has_a_template():
    tokenizer = byte_level()
    model = tiny_llama(tokenizer)
    assert Engine(model, tokenizer).format.name == "chat"
    assert Engine(model, tokenizer, format="trelis-zephyr").format.name == "trelis-zephyr"
    tokenizer.chat_template = None
    assert Engine(model, tokenizer).format.name == "trelis-llama2"


def test_messages_and_a_prompt_are_asked_alike(plain):
    messages = [{"role": "user", "content": "Hi"}]
    one, other = (plain.call(prompt, [TIMER], choice="required", max_new_tokens=60) for prompt in ("Hi", messages))
    assert (one.text, one.usage.prompt_tokens) == (other.text, other.usage.prompt_tokens)


@pytest.mark.parametrize("functions", [None, [], ()])
@pytest.mark.parametrize("choice", ["auto", "none"])
def test_without_functions_the_reply_is_text(plain, functions, choice):
    reply = plain.call("Hi", functions, choice=choice, max_new_tokens=12)
    assert (reply.kind, reply.calls) == ("text", ())
    assert reply.usage.new_tokens <= 12


def test_without_functions_none_can_be_required(plain):
    with pytest.raises(FunctionError):
        plain.call("Hi", choice="required")


def test_functions_that_cannot_be_used_are_left_out_of_masks_and_prompt(plain):
    back = function("back", x={"type": "string", "pattern": r"(a)\1"})
    bad = [{"description": "nameless"}, back]
    with pytest.raises(ManyErrors) as caught:
        plain.call("Hi", [*bad, TIMER])
    assert [error.function for error in caught.value.errors] == [None, "back"]
    options = {"choice": "required", "on_error": "leave_out"}
    assert [one.name for one in plain.masks([*bad, TIMER], **options).grammar.left_out] == ["", "back"]
    with_bad = plain.call("Hi", [*bad, TIMER], max_new_tokens=60, **options)
    without = plain.call("Hi", [TIMER], choice="required", max_new_tokens=60)
    assert (with_bad.text, with_bad.usage.prompt_tokens) == (without.text, without.usage.prompt_tokens)


def test_none_offers_nothing(plain):
    with_functions, without = (
        plain.call("Hi", [TIMER], choice="none", max_new_tokens=9),
        plain.call("Hi", max_new_tokens=9),
    )
    assert (with_functions.text, with_functions.usage.prompt_tokens) == (without.text, without.usage.prompt_tokens)


def test_a_seed_repeats_the_reply(plain):
    def texts(*seeds):
        return [plain.call("Hi", [NOTE], temperature=2.0, max_new_tokens=40, seed=seed).text for seed in seeds]

    assert len(set(texts(1, 1))) == 1
    assert len(set(texts(*range(6)))) > 2


def test_masks_serve_the_processor(engine):
    masks = engine.masks(FUNCTIONS, choice="required")
    ids = encode_prompt(render_prompt("Hi", FUNCTIONS, format="chat", tokenizer=engine.tokenizer), engine.tokenizer)
    inputs = torch.tensor([ids])
    rows = engine.model.generate(
        inputs,
        attention_mask=torch.ones_like(inputs),
        logits_processor=[LogitsProcessor(masks, budget=80)],
        max_new_tokens=80,
        do_sample=False,
    )
    text = engine.vocabulary.decode(rows[0, len(ids) :].tolist()).decode()
    assert parse_reply(text, FUNCTIONS).kind == "call"


def test_masks_are_kept_for_what_decides_them(plain):
    masks = plain.masks([TIMER])
    assert plain.masks([json.loads(json.dumps(TIMER))]) is masks
    assert plain.masks([TIMER], format="trelis-mistral") is masks
    others = [
        plain.masks([TIMER], choice="required"),
        plain.masks([TIMER], choice="set_timer"),
        plain.masks([TIMER], whitespace="compact"),
        plain.masks([TIMER], order="any"),
        plain.masks([TIMER], nullable=True),
        plain.masks([TIMER, NOTE]),
        plain.masks([function("set_timer", minutes={"type": "number", "minimum": 0, "maximum": 91})]),
        plain.masks(),
    ]
    assert len({id(one) for one in [masks, *others]}) == len(others) + 1


def test_masks_are_kept_for_the_sets_used_last(plain):
    def masks(number):
        return plain.masks([function("f", a={"const": number})])

    first, second = masks(0), masks(1)
    for number in range(2, KEPT_MASKS):
        masks(number)
    assert masks(0) is first
    masks(KEPT_MASKS)
    assert masks(0) is first
    assert masks(1) is not second


def test_an_order_of_properties_is_part_of_what_is_kept(plain):
    one = function("f", a={"const": 1}, b={"const": 2})
    other = {
        **one,
        "parameters": {**one["parameters"], "properties": dict([*one["parameters"]["properties"].items()][::-1])},
    }
    assert plain.masks([one]) is not plain.masks([other])


class Silent:
    """A model that must not run: all of the mistakes below are known before."""

    def __init__(self, model):
        self.config, self.device, self.generation_config = model.config, model.device, model.generation_config
        self.get_output_embeddings = model.get_output_embeddings

    def __call__(self, **_):
        raise AssertionError("the model was asked")

    forward = __call__


@pytest.fixture(scope="module")
def silent(plain):
    return Engine(Silent(plain.model), plain.tokenizer)


def test_a_budget_that_is_too_small(silent):
    fewest = silent.masks(FUNCTIONS, choice="required").fewest_tokens
    with pytest.raises(BudgetTooSmall, match=f"needs {fewest} tokens") as caught:
        silent.call("Hi", FUNCTIONS, choice="required", max_new_tokens=3)
    assert (caught.value.limit, caught.value.given) == (fewest, 3)


@pytest.mark.parametrize("budget", [0, -5])
def test_no_budget_at_all(silent, budget):
    with pytest.raises(BudgetTooSmall):
        silent.call("Hi", max_new_tokens=budget)


@pytest.mark.parametrize("budget", [1.5, "9", None, True])
def test_a_budget_that_is_no_number_of_tokens(silent, budget):
    with pytest.raises(OptionError, match="max_new_tokens"):
        silent.call("Hi", max_new_tokens=budget)


def test_a_prompt_longer_than_the_context(silent):
    with pytest.raises(PromptError, match=r"the prompt has \d+ tokens") as caught:
        silent.call("Hi " * 1000, [TIMER])
    assert caught.value.limit == 500
    assert caught.value.given > 500


def prompt_of(engine, tokens, functions):
    """A message with which the whole prompt has that many tokens."""

    def length(message):
        text = render_prompt(message, functions, format=engine.format, tokenizer=engine.tokenizer)
        return len(encode_prompt(text, engine.tokenizer, format=engine.format))

    message = "z"
    while length(message) < tokens:
        message += "z"
    assert length(message) == tokens
    return message


def test_what_the_context_leaves_is_the_budget(plain):
    fewest = plain.masks([TIMER], choice="required").fewest_tokens
    options = {"choice": "required", "max_new_tokens": 400, "temperature": 5.0, "seed": 1}
    for left in (fewest, fewest + 1, fewest + 9):
        reply = plain.call(prompt_of(plain, 500 - left, [TIMER]), [TIMER], **options)
        assert parse_reply(reply.text, [TIMER]).kind == "call"
        assert reply.usage.prompt_tokens + reply.usage.new_tokens <= 500
    with pytest.raises(PromptError, match="context"):
        plain.call(prompt_of(plain, 501 - fewest, [TIMER]), [TIMER], **options)


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ("get_wether", "get_weather"),
        (["note", "nothing"], "nothing"),
        ([], "a call is demanded|no function"),
        (None, "choice is None"),
        (3, "choice is 3"),
        ([3], "choice is"),
    ],
)
def test_a_choice_that_names_nothing(silent, choice, says):
    with pytest.raises(FunctionError, match=says):
        silent.call("Hi", FUNCTIONS, choice=choice)


@pytest.mark.parametrize("option", [{"temperature": -1}, {"top_p": 0}, {"top_k": -2}, {"seed": "x"}])
def test_bad_sampling_options(silent, option):
    with pytest.raises(OptionError, match=next(iter(option))):
        silent.call("Hi", [TIMER], **option)


def test_a_tokenizer_with_more_tokens_than_the_model():
    tokenizer = byte_level()
    model = tiny_llama(tokenizer)
    tokenizer.add_tokens(["and one more"])
    with pytest.raises(VocabularyError, match=f"{len(tokenizer)} tokens.* {len(tokenizer) - 1} wide"):
        Engine(model, tokenizer)


def test_a_tokenizer_with_far_fewer_tokens_than_the_model():
    tokenizer = byte_level()
    count = len(tokenizer)
    Engine(tiny_llama(tokenizer, padding=count // 8), tokenizer)
    with pytest.raises(VocabularyError, match=f"{count} tokens.* {count + count // 6} wide"):
        Engine(tiny_llama(tokenizer, padding=count // 6), tokenizer)


def test_a_stop_token_that_the_tokenizer_does_not_have():
    tokenizer = byte_level()
    model = tiny_llama(tokenizer, padding=20)
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, len(tokenizer) + 3]
    with pytest.raises(
        VocabularyError, match=f"token {len(tokenizer) + 3}.* {len(tokenizer)} tokens .* {len(tokenizer) + 20} wide"
    ):
        Engine(model, tokenizer)


def test_no_stop_token():
    tokenizer = byte_level()
    model = tiny_llama(tokenizer)
    model.generation_config.eos_token_id = tokenizer.eos_token = None
    with pytest.raises(VocabularyError, match="ends a reply"):
        Engine(model, tokenizer)


@pytest.mark.parametrize("configured", [None, 0, [0, 3], []])
def test_stop_tokens_are_the_models_and_the_tokenizers(configured):
    tokenizer = byte_level()
    model = tiny_llama(tokenizer)
    model.generation_config.eos_token_id = configured
    listed = configured if isinstance(configured, list) else [configured]
    assert Engine(model, tokenizer).vocabulary.stop_ids == {tokenizer.eos_token_id, *listed} - {None}


@pytest.mark.parametrize("kind", ["gpt2", "mistral", "t5", "bart"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_every_kind_of_model(kind, temperature):
    tokenizer = byte_level()
    engine = Engine(tiny(kind, tokenizer), tokenizer)
    for choice in ("auto", "required"):
        check(engine.call("Wake me", FUNCTIONS, choice=choice, temperature=temperature, seed=1), choice, 256)


def fresh_engine(**options):
    tokenizer = byte_level()
    return Engine(tiny_llama(tokenizer), tokenizer, **options)


PROMPTS = ["Wake me in an hour", "Note that tea is green", "Wake me", "What is a note?"]


def without_costs(replies):
    return [(reply.kind, reply.text, reply.calls) for reply in replies]


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_batch_replies_as_single_calls_do(size, temperature):
    engine = fresh_engine(batch_size=size)
    items = [
        PROMPTS[0],
        {"prompt": PROMPTS[1], "functions": [NOTE], "choice": "required", "max_new_tokens": 60},
        {"prompt": [{"role": "user", "content": PROMPTS[2]}], "choice": "none"},
        {"prompt": PROMPTS[3], "seed": 5, "temperature": 0.5},
    ]
    replies = engine.batch(items, [TIMER], temperature=temperature, seed=3)
    options = {"temperature": temperature, "seed": 3}
    single = [
        engine.call(PROMPTS[0], [TIMER], **options),
        engine.call(PROMPTS[1], [NOTE], choice="required", max_new_tokens=60, **options),
        engine.call(PROMPTS[2], [TIMER], choice="none", **options),
        engine.call(PROMPTS[3], [TIMER], temperature=0.5, seed=5),
    ]
    assert without_costs(replies) == without_costs(single)
    assert replies[1].kind == "call"
    assert replies[2].kind == "text"


def test_what_is_wrong_with_one_of_a_batch():
    engine = fresh_engine()
    items = [PROMPTS[0], {"prompt": PROMPTS[1], "max_new_tokens": 1}, {"prompt": PROMPTS[2], "chioce": "none"}]
    with pytest.raises(BudgetTooSmall):
        engine.batch(items, [TIMER], choice="required")
    first, second, third = engine.batch(items, [TIMER], choice="required", errors="return")
    assert first.kind == "call"
    assert isinstance(second, BudgetTooSmall)
    assert isinstance(third, OptionError)
    assert "chioce" in str(third)
    with pytest.raises(OptionError, match="errors"):
        engine.batch(items, errors="ignore")


def test_an_empty_batch():
    assert fresh_engine().batch([]) == []


def test_several_replies_to_one_prompt():
    engine = fresh_engine()
    replies = engine.several(PROMPTS[0], [TIMER, NOTE], 5, choice="required", temperature=1.5, seed=1)
    assert len({reply.text for reply in replies}) > 2
    assert without_costs(replies[:1]) == without_costs(
        [engine.call(PROMPTS[0], [TIMER, NOTE], choice="required", temperature=1.5, seed=1)]
    )


def test_a_text_ends_before_what_stops_it():
    engine = fresh_engine()
    options = {"choice": "none", "temperature": 1.0, "seed": 4, "max_new_tokens": 120}
    whole = engine.call(PROMPTS[3], **options).text
    stop = whole[len(whole) // 2 :][:2]
    stopped = engine.call(PROMPTS[3], stop=[stop, "never to be seen"], **options)
    assert stopped.text == whole[: whole.index(stop)]
    assert "".join(e.text for e in engine.stream(PROMPTS[3], stop=stop, **options) if isinstance(e, TextDelta)) == (
        stopped.text
    )


def test_what_stops_a_text_does_not_stop_a_call():
    engine = fresh_engine()
    reply = engine.call(PROMPTS[0], [TIMER], choice="required", stop=['"', "}"])
    assert reply.kind == "call"


@pytest.mark.parametrize("stop", [3, [""], "", [None]])
def test_what_cannot_stop_a_text(silent, stop):
    with pytest.raises(OptionError, match="stop"):
        silent.call(PROMPTS[0], stop=stop)


def test_a_call_has_its_probability_where_there_was_a_choice():
    engine = fresh_engine()
    either = engine.call(PROMPTS[0], [TIMER], choice="auto")
    assert 0 <= either.usage.call_probability <= 1
    assert engine.call(PROMPTS[0], [TIMER], choice="required").usage.call_probability is None
    assert engine.call(PROMPTS[0], [TIMER], choice="none").usage.call_probability is None
    drawn = engine.several(PROMPTS[0], [TIMER], 60, choice="auto", temperature=1.0, seed=2, max_new_tokens=40)
    share = sum(reply.kind == "call" for reply in drawn) / 60
    assert abs(share - either.usage.call_probability) < 0.25


def test_events_tell_the_reply():
    engine = fresh_engine()
    for choice in ("required", "none"):
        events = list(engine.stream(PROMPTS[0], [TIMER, NOTE], choice=choice))
        reply = engine.call(PROMPTS[0], [TIMER, NOTE], choice=choice)
        assert without_costs([events[-1].reply]) == without_costs([reply])
        if choice == "required":
            assert events[0] == CallStarted(reply.calls[0].function)
            assert events[-2] == CallComplete(reply.calls[0])


def test_a_stream_says_what_is_wrong_before_it_begins(silent):
    with pytest.raises(BudgetTooSmall):
        silent.stream(PROMPTS[0], [TIMER], choice="required", max_new_tokens=1)


def test_a_stream_that_is_closed_asks_the_model_no_more():
    engine = fresh_engine()
    passes = []
    engine.model.register_forward_hook(lambda *_: passes.append(1))
    stream = engine.stream(PROMPTS[3], choice="none", temperature=1.0, seed=1)
    next(stream)
    stream.close()
    before = len(passes)
    assert before < 5
    engine.call(PROMPTS[0], [TIMER], choice="required")
    assert len(passes) > before


def test_replies_that_are_awaited_are_written_side_by_side():
    engine = fresh_engine()
    sizes = []
    engine.model.register_forward_pre_hook(
        lambda _module, _args, given: sizes.append(given["input_ids"].shape[0]), with_kwargs=True
    )

    async def ask():
        return await asyncio.gather(
            *(engine.acall(prompt, [TIMER, NOTE], choice="required", max_new_tokens=80) for prompt in PROMPTS)
        )

    replies = asyncio.run(ask())
    together = max(sizes)
    single = [engine.call(prompt, [TIMER, NOTE], choice="required", max_new_tokens=80) for prompt in PROMPTS]
    assert without_costs(replies) == without_costs(single)
    assert together > 1


def test_a_reply_that_is_not_awaited_any_more_frees_its_place():
    engine = fresh_engine()

    async def ask():
        stream = engine.astream(PROMPTS[3], choice="none", temperature=1.0, seed=1, max_new_tokens=4000)
        async for _ in stream:
            break
        await stream.aclose()
        return await engine.acall(PROMPTS[0], [TIMER], choice="required")

    assert asyncio.run(ask()).kind == "call"


def test_a_reply_whose_asker_is_gone_does_not_hold_up_the_next():
    engine = fresh_engine()
    asked = engine._ask(PROMPTS[3], None, {"choice": "none", "temperature": 1.0, "seed": 1, "max_new_tokens": 50})

    def gone(_row):
        raise RuntimeError("Event loop is closed")

    engine._worker.submit(asked.request(0), gone)
    assert asyncio.run(engine.acall(PROMPTS[0], [TIMER], choice="required")).kind == "call"
    assert asyncio.run(engine.acall(PROMPTS[0], [TIMER], choice="required")).kind == "call"


def test_an_option_that_is_none_is_said(silent):
    with pytest.raises(OptionError, match="chioce"):
        silent.call(PROMPTS[0], [TIMER], chioce="required")
    with pytest.raises(OptionError, match="Options: choice"):
        silent.stream(PROMPTS[0], [TIMER], max_tokens=5)


def test_errors_reach_those_who_wait():
    engine = fresh_engine()

    async def too_small():
        await engine.acall(PROMPTS[0], [TIMER], choice="required", max_new_tokens=1)

    async def failing():
        engine.model.forward = lambda **_: 1 / 0
        await engine.acall(PROMPTS[0], [TIMER], choice="required")

    with pytest.raises(BudgetTooSmall):
        asyncio.run(too_small())
    with pytest.raises(ModelError, match="ZeroDivisionError"):
        asyncio.run(failing())


def test_a_text_where_no_call_is_possible_may_begin_like_one(plain):
    """Grammar, reply and events agree: it is a text."""
    brace = plain.tokenizer.encode("{", add_special_tokens=False)[0]
    for options in ({"functions": [TIMER], "choice": "none"}, {"functions": None}):
        mask = plain.masks(**options).cursor().mask()
        assert mask[brace >> 5] >> (brace & 31) & 1
    assert list(ReplyEvents(may_call=False).feed(b"{}")) == [TextDelta("{}")]
