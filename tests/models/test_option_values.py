"""Values of options that are of another kind than the option: an error in words, and no other network in silence."""

import re

import pytest

from avsal_bench.models import create_model


@pytest.mark.parametrize(
    ("model", "option", "value", "words"),
    [
        ("hypersal", "frozen_sound", "no", "hypersal: frozen_sound is True or False; got 'no'"),
        ("unisal", "static", 1, "unisal: static is True or False; got 1"),
        ("vinet_s", "width", 0, "vinet_s: width is a multiplier of channels, above 0; got 0"),
        ("diffsal", "audio_width", -1, "diffsal: audio_width is a multiplier of channels, above 0; got -1"),
        ("stsanet", "width", float("nan"), "stsanet: width is a number; got nan"),
        ("hd2s", "bn_momentum", "1e-3", "hd2s: bn_momentum is a number; got '1e-3'"),
        ("vinet_e", "bn_momentum", 2, "vinet_e: bn_momentum is from 0 to 1; got 2"),
        ("tmfinet", "drop_path", -0.1, "tmfinet: drop_path is from 0 to 1; got -0.1"),
        ("deepvs", "steps", 1.5, "deepvs: steps is a whole number; got 1.5"),
        ("stsanet", "size", (224, 384, 3), "stsanet: size is (height, width), two whole numbers of pixels; got"),
        ("diffsal", "size", 224, "diffsal: size is (height, width), two whole numbers of pixels; got 224"),
        ("gradcampp", "size", "64", "gradcampp: size is (height, width), two whole numbers of pixels; got '64'"),
    ],
)
def test_a_value_of_another_kind_is_refused_in_words(model, option, value, words):
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        create_model(model, **{option: value})
