"""The weights of the judge, made by ``python -m eval.detection.fit``; see there."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

VERSION = "judge-1"
SENTENCE_CLASSIFIER = 0.3441
SENTENCE_BIAS = 0.0603
PLACE = (0.9494, 1.1647, -6.0717, -3.3250, 1.2373, -1.2094, 0.6572)
_SENTENCE = (
    "NrhcMzkzdzspuwC45TcFNu4lbbqgtDAyUCnROe2kZbc5LFY1bzjSsfe2R7RFLuM4Izm4Ouu3JLUMvUk42LkEMUY8kLp1rnY8hzHk"
    "KkQm4DhXupyU4DgTNRIy1KJbN9G7+rt6o1S4sblktwC7gTRkutKw67UGPbC4cDuNtF63Zja4OfktSbg+PEy99rlZsMo1/D4IsVe8"
    "CDAWuCQyKr2QNP06SLEVtgwyYTzZONw317mivM40grB0swS5SrUEuN87BrxUJkKcrLR7tiozkjleveusxjSzvfc4yDqHtCi8a51m"
    "uJIwQ7aYOx85VbgbvAw/UzgSolinqDvRN3YwwSkAgGSuVqgPPdi4aj2wuKi7ErEHPbaxd7IStPA3szyjNCI1fb47sU89G7wLvFo7"
    "czIptvG8bb04PGu1WbTNqco2D6xMOImsSrF+New0sbXkOcU9wzGxu4eoNLwjPIE3YDkuuta7wrtOO0A5YyqGt+gUgTVqtgc0mrzw"
    "POAv3zTROk245TpuNiu1nzNvvCA6ZjXKuIO5prOROUc0cDYXuBM7FrXGO0q+NTzovTq7pTxUPJC5Caa6uau8LjGvtEO29zIAAFyo"
    "zT0Jt7iy/7n6MTC7XTU1MuY7vq4HNwK1RaFtOUO8NjgMPUkwdjQIrog9ar4NvRuq/zUpuyC44zfFszq6lzlgObS7z6qgPZwt473X"
    "M8ewgjOyuK49zLb1O6sy+bvnQCY3zzy1LSg7ry1Pu7e1V7bht6m3JacesOu87r0aOlK2aD06L/m8LrWdGeO3xj7SNdS5aDnhrNU4"
    "1DoGNme0iTaKNe8zWDwSvas1f7pItBO9FLr0JUq9ublNtLW2lz0FAL0+07VQOEQ0Mzpkuz46vzV1sOS6VLOPNVG3OD1CJpk0tjjF"
    "uE6yxTuxOvw8xrhvOL8vFr1pLjAnMjkauKgtwrXpNNysprRCNE+0AbypsEK9H7nBPMq4JjRHOFq6JDwhuB+9uiRzK7g87TWquls1"
    "qLMftGO5nb6hrOmyPS9Jt1k5"
)


@lru_cache(maxsize=1)
def sentence_weights() -> npt.NDArray[np.float32]:
    """One for each coordinate of the packaged embedding model."""
    import numpy as np

    return np.frombuffer(base64.b64decode(_SENTENCE), "<f2").astype(np.float32)
