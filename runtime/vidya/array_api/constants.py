"""The standard's constants."""

import math

e, pi, inf, nan = math.e, math.pi, math.inf, math.nan
newaxis = None
