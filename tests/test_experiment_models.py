"""The models that the experiments share."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_randproj import PRPTransformerBlock

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments"))

from models.char_gpt import CharGPT
from models.char_gpt import Decoder
from models.shakespeare import Text
from models.vit import vit


@pytest.fixture
def gpt():
    blocks = [
        PRPTransformerBlock(2, 8, causal=True, projection_seed=k)
        for k in range(2)
    ]
    model = CharGPT(5, 6, 8, blocks)
    model.build((None, 6))
    return model


def test_decoding_gives_the_logits_of_the_whole(gpt):
    tokens = np.array([[1, 4, 2, 0, 3, 1]], "int32")
    whole = gpt.predict(tokens, verbose=0)
    decoder = Decoder(gpt)
    caches = decoder.empty
    for place, token in enumerate(tokens[0]):
        logits, caches = decoder._advance(token, caches, place)
        np.testing.assert_allclose(logits[:, 0], whole[:, place], atol=1e-5)


def test_samples_outgrow_the_context_and_repeat_by_seed(gpt):
    found = Decoder(gpt).sample([1, 2], 9, seed=3)
    assert len(found) == 11
    assert found[:2] == [1, 2]
    assert set(found) <= set(range(5))
    assert Decoder(gpt).sample([1, 2], 9, seed=3) == found
    assert Decoder(gpt).sample([1, 2], 9, seed=4) != found


def test_file_holds_the_seeds(gpt, tmp_path):
    path = tmp_path / "gpt.keras"
    gpt.save(path)
    tokens = np.array([[1, 4, 2]], "int32")
    again = keras.models.load_model(path)
    np.testing.assert_array_equal(
        again.predict(tokens, verbose=0), gpt.predict(tokens, verbose=0)
    )
    seeds = [block.projection_seed for block in again.blocks]
    assert seeds == [0, 1]


def test_windows_are_followed_by_the_next_character():
    text = Text("abc", np.arange(50), np.arange(50, 71))
    inputs, targets = text.windows(count=7, length=4, seed=0)
    assert inputs.shape == (7, 4)
    np.testing.assert_array_equal(inputs + 1, targets)
    inputs, targets = text.held_out(length=5)
    np.testing.assert_array_equal(inputs.ravel(), np.arange(50, 70))
    np.testing.assert_array_equal(inputs + 1, targets)


def test_vit_sees_every_patch(rng):
    model = vit((8, 8, 1), 4, 8, [PRPTransformerBlock(2, 8)], 3)
    images = rng.random((1, 8, 8, 1)).astype("float32")
    logits = model.predict(images, verbose=0)
    assert logits.shape == (1, 3)
    for corner in ((0, 0), (0, 7), (7, 0), (7, 7)):
        other = images.copy()
        other[0, *corner] += 1.0
        assert np.abs(model.predict(other, verbose=0) - logits).max() > 1e-5
