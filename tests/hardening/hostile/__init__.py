"""Hostile files, none larger than some kilobytes.

Each is one way to mislead or to exhaust whoever looks at a stranger's file;
`STATUS` says what `keras-randproj verify` answers.
"""

from . import adapters as adapters
from . import containers as containers
from . import elsewhere as elsewhere
from . import members as members
from . import recipes as recipes
from . import structure as structure
from . import texts as texts
from . import together as together
from . import trees as trees
from .make import CORPUS as CORPUS
from .make import GROUP as GROUP
from .make import STATUS as STATUS
from .make import WRITERS as WRITERS
from .make import archive as archive
from .make import hdf5 as hdf5
from .make import record as record
