"""A placeholder is read as the tokens that were learnt, here and by diffusers, or it is refused in one line."""

import unicodedata
from dataclasses import replace

import pytest
from diffusers.loaders import TextualInversionLoaderMixin
from fixtures_concepts import INVERSION, make_concept, make_rows, make_task
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from atelier.common.errors import UserError
from atelier.models.text_to_image import StableDiffusion
from atelier.training.concept import methods

LETTERS = "abLZ<>_-019.:'éÉßİﬁµıςΣ日\u0301\u00a0 \t|"
PROMPTS = ("a plate with {}", "{}", "({}), {}!", "a red{} plate")


def learnt(model: StableDiffusion, prompt: str) -> list[int]:
    """Return which learnt vectors a prompt is read as, by this project."""
    first = model.network.text_encoder.get_input_embeddings().first
    return [token - first for token in model.tokens([prompt]).tokens[0].tolist() if token >= first]


def learnt_by_diffusers(tokenizer, first: int, prompt: str) -> list[int]:
    """Return which learnt vectors diffusers' pipeline reads a prompt as."""
    written = TextualInversionLoaderMixin().maybe_convert_prompt(prompt, tokenizer)
    ids = tokenizer(written, truncation=True, max_length=tokenizer.model_max_length).input_ids
    return [token - first for token in ids if token >= first]


def prepare(sd, placeholder: str, vectors: int, initialiser: str = "shirt") -> StableDiffusion:
    changes = {"placeholder": placeholder, "vectors": vectors, "initialiser": initialiser}
    return methods.prepare(sd, make_concept(**INVERSION | changes)).model


@settings(max_examples=60)
@given(word=st.text(LETTERS, min_size=1, max_size=6), vectors=st.integers(1, 3), angles=st.booleans())
def test_any_placeholder_is_refused_or_read_as_all_its_vectors_by_both(sd, word, vectors, angles):
    placeholder = f"<{word}>" if angles else word
    try:
        model = prepare(sd, placeholder, vectors)
    except ValidationError:
        return  # a control character
    except UserError as error:
        refused = str(error)
    else:
        refused = None
    if refused is not None:
        assert refused.startswith("train.placeholder: ")
        assert "\n" not in refused
        return
    first = len(sd.parts["tokenizer"])
    for prompt in PROMPTS:
        expected = list(range(vectors)) * prompt.count("{}")
        text = prompt.replace("{}", placeholder)
        assert learnt(model, text) == expected
        assert learnt_by_diffusers(model.parts["tokenizer"], first, text) == expected


@pytest.mark.parametrize(("placeholder", "message"), [
    ("<MyLogo>", "'<MyLogo>' is read as '<mylogo>'; write that"),
    ("LOGO", "'LOGO' is read as 'logo'; write that"),
    ("<É>", "is read as '<é>'"),
    (unicodedata.normalize("NFD", "<é>"), "is read as '<é>'"),
    ("my logo", "has spaces"), ("<a> ", "has spaces"), ("a\u2003b", "has spaces"), ("<a\u200b>", "do not print"),
    ("shirt</w>", "is a token already"), ("a", "'a' is a token already"), ("<|endoftext|>", "is a token already"),
])  # fmt: skip
def test_a_placeholder_that_the_tokenizer_does_not_give_back_is_refused(sd, placeholder, message):
    for vectors in (1, 3):
        with pytest.raises(UserError, match=r"^train\.placeholder: ") as refused:
            prepare(sd, placeholder, vectors)
        assert message in str(refused.value)


@pytest.mark.parametrize(("known", "placeholder", "vectors", "taken"), [
    ("<p>_1", "<p>", 2, "<p>_1"),  # of the tokens to be added
    ("<p>_2", "<p>", 2, "<p>_2"),  # diffusers would append it
    ("<p>", "<p>_1", 1, "<p>"),  # diffusers would append the new one to it
    ("<p>", "<p>", 1, "<p>"),
])  # fmt: skip
def test_a_placeholder_with_a_numbered_relative_among_the_tokens_is_refused(sd, known, placeholder, vectors, taken):
    older = prepare(sd, known, 1)
    tokenizer = older.parts["tokenizer"]
    with pytest.raises(UserError, match=r"is a token already") as refused:
        methods._extend(tokenizer, [placeholder, *(f"{placeholder}_{n}" for n in range(1, vectors))])
    assert f"train.placeholder: {taken!r} is a token" in str(refused.value)


@pytest.mark.parametrize("prompt", ["a <LOGO>", "a <Logo> and a <logo>", "a <logo>_1", "<ＬＯＧＯ> <lOgO>"])
def test_a_prompt_with_the_placeholder_in_other_letters_is_refused(sd, prompt):
    """One of its vectors only would be read."""
    model = prepare(sd, "<logo>", 3)
    assert learnt(model, "a <logo>, <logo>") == [0, 1, 2] * 2
    for read in (lambda text: model.tokens([text]), lambda text: model.encode([text])):
        with pytest.raises(UserError, match=r"^prompt .*: write the placeholder as '<logo>'"):
            read(prompt)


@pytest.mark.parametrize("initialiser", ["", " ", "<|endoftext|>", "unheardof"])
def test_an_initialiser_that_is_not_one_word_s_token_is_refused(sd, initialiser):
    with pytest.raises((UserError, ValueError), match=r"initialiser"):
        prepare(sd, "<p>", 1, initialiser)


def test_an_initialiser_in_capitals_is_the_same_word(sd):
    rows = [prepare(sd, "<p>", 2, word).network.text_encoder.get_input_embeddings().rows for word in ("shirt", "SHIRT")]
    assert rows[0].equal(rows[1])


@pytest.mark.parametrize(
    ("placeholder", "vectors"), [("<mylogo>", 3), ("red_veto_logo", 4), ("<é>", 2), ("<thing>", 1)]
)
def test_diffusers_reads_a_saved_placeholder_as_the_vectors_that_were_learnt(
    sd, sd_folder, tmp_path, placeholder, vectors
):
    from atelier.models.loading import load_model

    choice = make_concept(**INVERSION | {"placeholder": placeholder, "vectors": vectors})
    model = methods.prepare(sd, choice).model
    methods.save(model, choice, tmp_path / "learned")
    pipeline = load_model(sd_folder, device="cpu").pipeline()
    first = len(pipeline.tokenizer)
    pipeline.load_textual_inversion(tmp_path / "learned")
    for prompt in PROMPTS:
        text = prompt.replace("{}", placeholder)
        assert learnt_by_diffusers(pipeline.tokenizer, first, text) == learnt(model, text)
        assert len(learnt(model, text)) == vectors * prompt.count("{}")


@pytest.mark.parametrize("vectors", [1, 2])
def test_a_placeholder_behind_the_words_that_are_read_is_refused_and_a_cut_prompt_named(sd, vectors, capsys):
    changes = {**INVERSION, "vectors": vectors}
    room = 14 - vectors  # tokens before the placeholder
    prompts = ["red " * (room + 1) + "<logo>", "red " * room + "<logo> shirt"]
    behind, last = ([replace(row, prompt=prompt) for row in make_rows(2)] for prompt in prompts)
    with pytest.raises(UserError, match=r"train\.placeholder: every prompt is cut before '<logo>'"):
        make_task(sd, behind, **changes)
    make_task(sd, [*behind, *last], **changes)
    said = "2 of 2 training prompts are longer than the text encoder reads"
    assert [line for line in capsys.readouterr().err.splitlines() if said in line]
