"""Scanner text as it really arrives: what was spoilt on the way is recovered, and findings say so.

>>> [found.reading.serial for found in recover("+d2010950600013435221A1|1727053110L1")]
['A1']
"""

from verification.scan.calibration import Layout, calibrate, calibration_text
from verification.scan.candidate import Lookup, Recovered, Repair, decided, is_ambiguous
from verification.scan.keyboard import KNOWN_LAYOUTS
from verification.scan.recovery import recover

__all__ = [
    "KNOWN_LAYOUTS",
    "Layout",
    "Lookup",
    "Recovered",
    "Repair",
    "calibrate",
    "calibration_text",
    "decided",
    "is_ambiguous",
    "recover",
]
