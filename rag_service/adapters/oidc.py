"""Access tokens of an OpenID Connect provider: believed once signature, issuer, audience and time are right."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from jwt import PyJWK, PyJWS
from jwt.exceptions import PyJWTError

from rag_service.adapters.oidc_claims import ClaimNames, Expected, check_claims, identity_in
from rag_service.adapters.oidc_fetch import ProviderAddress
from rag_service.adapters.oidc_keys import KEY_OF, ProviderKeys
from rag_service.adapters.oidc_token import SignedToken, TokenRefused, read_token
from rag_service.domain.errors import InvalidSetting, Unauthenticated
from rag_service.ports import ClaimedIdentity
from rag_service.settings import Settings

_log = structlog.get_logger()


class OidcProvider:
    """Verifies the tokens of one provider. The algorithms are ours to allow, never the token's to choose."""

    def __init__(
        self,
        keys: ProviderKeys,
        expected: Expected,
        names: ClaimNames,
        *,
        algorithms: tuple[str, ...] = tuple(KEY_OF),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._expected = expected
        self._names = names
        self._algorithms = algorithms
        self._signatures = PyJWS(algorithms=algorithms)
        self._clock = clock

    async def identify(self, token: str) -> ClaimedIdentity:
        """Whom the token names.

        Raises:
            Unauthenticated: alike, whatever is wrong with it; the operator's log has a word of why.
            IdentityProviderUnavailable: the provider's keys are not known, and it is silent.
        """
        try:
            read = read_token(token, self._algorithms)
            return self._named(read, await self._keys.key(read.key_id, read.algorithm))
        except (TokenRefused, PyJWTError) as refusal:
            why = str(refusal) if isinstance(refusal, TokenRefused) else type(refusal).__name__
            _log.info("oidc_token_refused", why=why)
            raise Unauthenticated from None

    def recognise(self, token: str) -> ClaimedIdentity | None:
        """Whom the token names, by a key that is at hand; ``None`` where none is, or where the token is refused."""
        try:
            read = read_token(token, self._algorithms)
            key = self._keys.at_hand(read.key_id, read.algorithm)
            return self._named(read, key) if key else None
        except (TokenRefused, PyJWTError):
            return None

    def _named(self, read: SignedToken, key: PyJWK) -> ClaimedIdentity:
        self._signatures.decode_complete(read.text, key, algorithms=[read.algorithm])
        check_claims(read.claims, self._expected, self._clock())
        return identity_in(read.claims, self._names)


def load_oidc(settings: Settings) -> OidcProvider | None:
    """The provider that the settings name, if they name one. Raises ``InvalidSetting`` where they are incomplete."""
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_audience is None:
        raise InvalidSetting("RAG_OIDC_AUDIENCE", "must be set with RAG_OIDC_ISSUER: else any token of it would do")
    if settings.oidc_tenant_claim is None:
        raise InvalidSetting("RAG_OIDC_TENANT_CLAIM", "must be set with RAG_OIDC_ISSUER: it names the caller's tenant")
    algorithms = tuple(dict.fromkeys(settings.oidc_algorithms.split()))
    if not algorithms or not set(algorithms) <= KEY_OF.keys():
        raise InvalidSetting("RAG_OIDC_ALGORITHMS", f"may hold {' '.join(KEY_OF)}")
    address = ProviderAddress(
        settings.oidc_issuer,
        jwks_url=settings.oidc_jwks_url,
        ca_file=settings.oidc_ca_file,
        allows_plain_http=settings.oidc_plain_http,
        timeout_s=settings.oidc_timeout_s,
    )
    keys = ProviderKeys(
        address.keys, algorithms=algorithms, good_for_s=settings.oidc_keys_s, stale_for_s=settings.oidc_stale_s
    )
    expected = Expected(
        settings.oidc_issuer, settings.oidc_audience, settings.oidc_leeway_s, float(settings.oidc_max_age_s)
    )
    names = ClaimNames(
        settings.oidc_tenant_claim, settings.oidc_user_claim, settings.oidc_groups_claim, settings.oidc_roles_claim
    )
    return OidcProvider(keys, expected, names, algorithms=algorithms)
