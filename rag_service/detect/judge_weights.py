"""The weights of the judge, made by ``python -m eval.detection.fit``; see there."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

VERSION = "judge-1"
SENTENCE_CLASSIFIER = 0.2357
SENTENCE_BIAS = -0.4316
PLACE = (0.7036, 1.2054, -5.8803, -2.9291, 1.2105, -1.4842, 0.8780)
_SENTENCE = (
    "LLbeH3Q2ZTzpu5a4FTyLNq4uO7pWLGGwpavdORowv7jpsJc2+Tg7tXa1ALWJuJc6eDYOPFG1MrWsvKM5lbNQqPk6YbhfokY8MCtO"
    "MHuxTTfkuaMvEDh+pwo3ubLmN8K7TrtbpRu1gbvVuxS8tTF/uwq2VrUKPRC8xjsstBW1FjgfOb83x7fjPgW/3rpAqhWvFT2Ssd28"
    "Qy2HtKY0qb2zNig6S7hjtpYxVT0eO844hLjuuUc3wbSItsK23ycbuDg8ULzSMAY0C7h3tPuwCDxyvU6xKzQwviI5kjiqtXC8e7Ra"
    "tkMw4rSrOoI0N7juvf4/Fzc5KO60XjyUNxwruzAAgFuy66vDPQy5Xz3euDq8OC+VPNMwsbIWuO42dzz/MvSpWL4buLU84bomvD88"
    "mDUUtLm9er1gPBy2z7nXLM01eLJhNkeisrTJNbw0X7JlOI4+dy6svNC0HbxUPNc4ijYOusC6XrwcOgI4uKnAtcsq5zEOtR84ub19"
    "PNswbDWsOc24VjkQpQ4bZTdSvFg6QDjeuYW5XjCGOqUxKzkutTk51aqdOlq+NjtiveK8jjy2O8W4zTERugi+PjSJsea1DzMAANYy"
    "YD5FtJ+08br5NJe8/Tk5L1A477brNVQhnTXrOSy86TWMPfkxqDF+uEI9mL6Lvp2wkDaAucayNzqisG62jzv1N/a6wbP/PWSyCL9O"
    "NuSy9TTQuao9CrcpOeEyy7wyQR81gD2uGnY8PzgPu9a1nLjZsEC4prDttOa6n77mO8iuoT1FMXW90bTVtC+0Zz7TOWSz1jpFtkQ0"
    "STd0Mh8xVjHkMEo4Uzvgu2kxwrp/s6a8RLdlrI+8MriIt+0xDT0FAJQ+B7gINjczkzpwukE626g8Kre5I7hGse63cTx3M1M0HTld"
    "uGksjjqLOkc9k7oPOGKQ7LycNWGzdTfSuUktDbGrM3q1tLhpOHupf7sqNOe95LhmPUa4mC86Nsa3TTyRumG89ajCMoM94zUmuZAx"
    "bbYOs+K4Or5CssKuCzeztQU4"
)


@lru_cache(maxsize=1)
def sentence_weights() -> npt.NDArray[np.float32]:
    """One for each coordinate of the packaged embedding model."""
    import numpy as np

    return np.frombuffer(base64.b64decode(_SENTENCE), "<f2").astype(np.float32)
