"""What ``tests.support.warm`` has its server import before it is forked."""

import gc

from tests.support.warm import import_what_others_wrote

gc.disable()
import_what_others_wrote()
gc.freeze()
gc.enable()
