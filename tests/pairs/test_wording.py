"""The instructions and captions of rendered pairs, which the embedded model was trained on, stay as they are."""

import hashlib

import pytest
from fixtures_pairs import PAIR, pair


@pytest.mark.parametrize(("aligned", "digest"), [(1.0, "cab751b9beff663f"), (0.0, "e65d4eb02a6d889b")])
def test_the_wording_and_the_draws_of_rendered_pairs_stay(items, aligned, digest, tmp_path):
    """The digests are those of the code before the lexicon had more than ten colours and five patterns."""
    made = pair(items, PAIR.model_copy(update={"aligned": aligned}), tmp_path).triplets
    text = "\n".join(f"{one.source_id}: {one.instruction}: {one.target_caption}" for one in made)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == digest
