"""What an adapter learns for a layer."""

from keras_randproj.adapters.forms.form import Form as Form
from keras_randproj.adapters.forms.full_rank import FullRank as FullRank
from keras_randproj.adapters.forms.low_rank import LowRank as LowRank
from keras_randproj.adapters.forms.modulation import Modulation as Modulation
from keras_randproj.adapters.forms.seeded_low_rank import (
    SeededLowRank as SeededLowRank,
)
from keras_randproj.adapters.forms.seeded_update import (
    SeededUpdate as SeededUpdate,
)
