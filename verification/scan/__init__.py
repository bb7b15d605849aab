"""Scanner text as it really arrives: what was spoilt on the way is recovered, and said.

>>> [found.reading.serial for found in recover("+d2010950600013435221A1|1727053110L1")]
['A1']
"""

from verification.scan.keyboard import KNOWN_LAYOUTS, Layout, calibrate, calibration_text
from verification.scan.recovery import Lookup, Recovered, Repair, recover

__all__ = [
    "KNOWN_LAYOUTS",
    "Layout",
    "Lookup",
    "Recovered",
    "Repair",
    "calibrate",
    "calibration_text",
    "recover",
]
