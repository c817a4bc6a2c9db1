"""The weights of the judge, made by ``python -m eval.detection.fit``; what they were fit on stands there."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

VERSION = "judge-1"
LIKELY = -2.0
"""Log-odds of the words below which a place is not looked at: nothing there would change what is found."""
SENTENCE_CLASSIFIER = 0.4359
SENTENCE_BIAS = 0.6155
PLACE = (0.5460, 1.2289, -3.0611, -2.5784, 1.6473, -2.0127)
_SENTENCE = (
    "abgMOJ4tLTj3u5i2HTT0Naonn7msuE01Mq/GOOAhl7lGKG00lTXlsaiw37MXNSQ5GTjeOr21FbnOu4g1dLnktko8U7jXsww9zzUd"
    "LhQ0VDUVuX8xOjpsNkE32K/FODu46rq6poG0Nbp9uwS8VTiUuSmwg7EePGe2YTUQt0C1mTALOiS3aLhjPN69mrU2ImY2Iz5Nr+y6"
    "kLXPuEw4I77+Nmw4La+Iti03oTxeN5s5Q7gnvGc2B7Xftr22Q7RfuLk8b7zRMI8vTLaEtc8z9DgXvLM3/jR9vB02djKJtG+8Zza4"
    "sk6xjyUIOXw6qrcBvUE+TTRQrpC46TwKNWs4HzMAgP2veTCXOp2yCz0Vtbm7R7G/PZ20NrSZuFU1rDx3suIynr8INJU8IbtpvLI8"
    "2TMSue28Gb7JOgK1lrkps5E7YDTmNVKq+rFMsfQ1c7QuOIo+FSwhugO0grqIPFsvbzF+uYy7rLuDO/U59TLJtketMjaZLhcpnbmC"
    "O3Uy4zi1OcuzMDkYODW1BzPyvAg1mTcdt8e48LUeMUg72zK4sa87M7hXOwG/wTkWvAq9Jjw3Oty3JzEruXC9pDRjMNe6tisAANuj"
    "Cz3cuHOtT7jOMDC9vzHJLNY8LLQvpbez/DVoNzu6Kjw+OywzuqyPsPg93r6tvCYz4DOquve5eDW0tiO4oDikOf673x5nPdCxA75/"
    "LuQwNTgau5I9EbU9OtAjs7sLQLM4WT0/LgA7ZTUOuWKwVrdIusG3TCDrspe8FL6oO0u1pjwdrai87rUJnkW2nj75N6q4WDrvMBE6"
    "BjosNSK0PTSFLmU2szi5vdwyTbvZr427ErkoMNO6crq8tZssPjwFAP88n66JNC40fzX2uGM8ozQbtVS57bV7OCm31jxnJ0sz/Den"
    "unOvajrQPPI9lLeFM38qlroVKIouuji3tDAwJS0VtBS1PLq8OEq2v7lao7m9HLb0Pni2wjMzOy24ATwIuEW8eaRQsHE95ThIto43"
    "/7FqsBG5Ab08Mza33zfwrVQ4"
)


@lru_cache(maxsize=1)
def sentence_weights() -> npt.NDArray[np.float32]:
    """One for each coordinate of the packaged embedding model."""
    import numpy as np

    return np.frombuffer(base64.b64decode(_SENTENCE), "<f2").astype(np.float32)
