"""What `verify` says of files of strangers, those that take it no time.

`tests/hardening` has all of them under watch: time, memory, opened files.
"""

import contextlib

import pytest
from hardening.hostile import CORPUS
from hardening.hostile import STATUS

from keras_randproj.files import verify
from keras_randproj.files.summary import status
from keras_randproj.files.summary import text

pytestmark = pytest.mark.one_backend

SLOW = (
    "layers_in_layers",
    "long_class_name",
    "many",
    "names_without_end",
    "orthogonal",
    "sharers_by_the_thousand",
    "tall",
    "values_by_the_million",
    "wide",
)
QUICK = sorted(name for name in STATUS if not name.startswith(SLOW))


@pytest.mark.parametrize("name", QUICK)
def test_status(name):
    found = 2
    with contextlib.suppress(ValueError):
        verdicts = verify(CORPUS / name)
        found = status(verdicts)
        assert text(verdicts).replace("\n", "").isprintable()
    assert found == STATUS[name]
