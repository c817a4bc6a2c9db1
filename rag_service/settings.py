"""Typed settings: ``RAG_*`` variables, files of secrets, and an optional TOML file (``RAG_CONFIG``), read once."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rag_service.domain.errors import InvalidSetting
from rag_service.networks import Network
from rag_service.secret_files import secret_files
from rag_service.setting_lists import proxies, words


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "rag-service"


def _cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rag-service"


_OIDC_CLAIMS = ("tenant", "user", "groups", "roles")


class Settings(BaseSettings):
    """Every setting, with its default. ``docs/configuration.md`` describes each; a test holds the two together."""

    model_config = SettingsConfigDict(env_prefix="RAG_", extra="forbid", frozen=True)

    data_dir: Annotated[Path, Field(description="The one folder that holds all data.")] = Path("rag-data")
    master_key_file: Annotated[
        Path, Field(description="File of the master key, created outside the data folder with mode 0600.")
    ] = Field(default_factory=lambda: _config_home() / "master.key")
    master_key: Annotated[
        SecretStr | None, Field(description="The master key itself, 64 hex digits; takes the place of the file.")
    ] = None
    database_url: Annotated[
        SecretStr | None,
        Field(
            description="A PostgreSQL database that holds the tables instead, `postgresql://USER:PASSWORD@HOST/NAME`."
        ),
    ] = None
    database_owner_url: Annotated[
        SecretStr | None,
        Field(description="The same with the role that owns the tables: for `rag database upgrade`, and nothing else."),
    ] = None
    database_plain: Annotated[
        bool, Field(description="Allow no TLS to a database on another machine, where something else protects the way.")
    ] = False
    database_pool: Annotated[int, Field(description="Most connections of a process to PostgreSQL.", ge=2, le=200)] = 10
    cache_dir: Annotated[Path, Field(description="Where prepared model files are kept.")] = Field(
        default_factory=_cache_home
    )
    index: Annotated[
        str, Field(description="`edge` (a Qdrant Edge shard a tenant) or `memory`.", pattern="^(edge|memory)$")
    ] = "edge"
    index_max_open: Annotated[
        int, Field(description="Tenants' shards that are open at a time; each takes about 16 MiB and more.", ge=1)
    ] = 16
    index_idle_s: Annotated[float, Field(description="Seconds after which an unused shard is closed.", gt=0)] = 300.0
    index_optimize_after: Annotated[
        int, Field(description="Points outside the graph after which a shard gets one, built beside in int8.", ge=1000)
    ] = 20_000
    qdrant_url: Annotated[
        str | None, Field(description="A Qdrant server that holds the index instead, such as `https://qdrant:6333`.")
    ] = None
    qdrant_api_key: Annotated[SecretStr | None, Field(description="Its API key.")] = None
    qdrant_ca_file: Annotated[
        Path | None, Field(description="Certificates that its own must go back to; else those of the system.")
    ] = None
    qdrant_plain_http: Annotated[
        bool, Field(description="Allow `http://` to another machine, where something else protects the way.")
    ] = False
    qdrant_timeout_s: Annotated[float, Field(description="Seconds that one attempt at a search may take.", gt=0)] = 10.0
    qdrant_prefix: Annotated[
        str | None, Field(description="Beginning of the collections' names; else made of the data folder's id.")
    ] = None
    qdrant_shards: Annotated[int, Field(description="Shards of a new collection; more weigh words apart.", ge=1)] = 1
    qdrant_replicas: Annotated[int, Field(description="Copies of each shard of a new collection.", ge=1)] = 1
    qdrant_write_consistency: Annotated[
        int | None, Field(description="Copies that must acknowledge a write; else more than half of them.")
    ] = None
    qdrant_read_consistency: Annotated[
        str, Field(description="Copies that must agree on a search: `majority`, `quorum`, `all` or a number.")
    ] = "majority"
    qdrant_on_disk: Annotated[bool, Field(description="Keep a new collection's vectors on disk.")] = False
    qdrant_quantized: Annotated[
        bool, Field(description="Search a new collection in int8, and score the candidates again in full.")
    ] = False
    embedding_model: Annotated[
        str,
        Field(description="`packaged` (all-MiniLM-L6-v2 as int8 ONNX), or a folder of a sentence-transformers model."),
    ] = "packaged"
    embedding_models: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(words),
        Field(description="Further models: folders, `packaged`, `packaged:onnx`, `packaged:torch`; commas between."),
    ] = ()
    embedding_backend: Annotated[
        str, Field(description="How the packaged model runs: `onnx` or `torch`.", pattern="^(onnx|torch)$")
    ] = "onnx"
    token_s: Annotated[
        int, Field(description="Seconds for which a token of `POST /v1/token` is good.", ge=30, le=600)
    ] = 600
    oidc_issuer: Annotated[
        str | None, Field(description="Issuer of an OpenID Connect provider whose access tokens are taken.")
    ] = None
    oidc_audience: Annotated[
        str | None, Field(description="What those tokens name as their audience: this service.")
    ] = None
    oidc_tenant_claim: Annotated[
        str | None, Field(description="Claim that names the caller's tenant: a claim's name, or a path with dots.")
    ] = None
    oidc_user_claim: Annotated[str, Field(description="Claim that names the user.", min_length=1)] = "sub"
    oidc_groups_claim: Annotated[
        str | None, Field(description="Claim that lists the user's groups; without it tokens bring none.")
    ] = None
    oidc_roles_claim: Annotated[
        str | None, Field(description="Claim that lists the scopes, such as `query`; without it `query` alone.")
    ] = None
    oidc_algorithms: Annotated[
        str, Field(description="Signatures that are taken; nothing else than these four can be allowed.")
    ] = "RS256 PS256 ES256 EdDSA"
    oidc_jwks_url: Annotated[
        str | None, Field(description="Address of the provider's keys; else its discovery document names it.")
    ] = None
    oidc_ca_file: Annotated[
        Path | None, Field(description="Certificates that the provider's must go back to; else those of the system.")
    ] = None
    oidc_plain_http: Annotated[
        bool, Field(description="Allow a provider at `http://` on another machine, where something else protects it.")
    ] = False
    oidc_timeout_s: Annotated[
        float, Field(description="Seconds that fetching the provider's keys may take.", gt=0, le=60)
    ] = 5.0
    oidc_keys_s: Annotated[
        float, Field(description="Seconds after which the provider's keys are fetched again.", ge=10, le=86400)
    ] = 300.0
    oidc_stale_s: Annotated[
        float, Field(description="Seconds for which they are used while the provider is silent.", ge=10, le=86400)
    ] = 3600.0
    oidc_leeway_s: Annotated[
        float, Field(description="Seconds by which the provider's clock may differ.", ge=0, le=300)
    ] = 30.0
    oidc_max_age_s: Annotated[
        int, Field(description="Seconds after its issue for which a token, and the groups in it, hold.", ge=30, le=3600)
    ] = 600
    threads: Annotated[int, Field(description="Threads for embedding.", ge=1, le=64)] = 2
    max_upload_mb: Annotated[int, Field(description="Largest file that is ingested, in MiB.", ge=1, le=4096)] = 64
    archive_depth: Annotated[
        int, Field(description="How many archives and mails may lie in each other in one upload.", ge=1, le=16)
    ] = 4
    archive_members: Annotated[
        int,
        Field(description="Most files in an archive or mail, those of archives in it counted too.", ge=1, le=50_000),
    ] = 2000
    archive_mb: Annotated[
        int, Field(description="Most MiB that an upload expands to, all that is in it taken together.", ge=1, le=4096)
    ] = 256
    archive_ratio: Annotated[
        int, Field(description="How often its own size an upload may expand to; below 4 MiB it may more.", ge=1)
    ] = 200
    document_passages: Annotated[
        int, Field(description="Most passages of a document; embedding takes about a second for sixty of them.", ge=1)
    ] = 50_000
    queue_jobs: Annotated[
        int, Field(description="Most uploads that a tenant may have waiting to be ingested.", ge=1)
    ] = 10_000
    queue_mb: Annotated[int, Field(description="Most MiB that a tenant may have waiting to be ingested.", ge=1)] = 1024
    review_own: Annotated[bool, Field(description="Let reviewers release what they uploaded themselves.")] = False
    job_days: Annotated[
        int, Field(description="Days for which ended jobs are kept, with their reports; dead letters too.", ge=1)
    ] = 30
    workers: Annotated[
        int,
        Field(description="Processes that embed; up to twice as many, and one, parse and scrub.", ge=1, le=64),
    ] = 2
    hold_suspects: Annotated[bool, Field(description="Hold suspicious documents until they are reviewed.")] = True
    parser_memory_mb: Annotated[
        int, Field(description="Address space of a parsing process, in MiB; a file that needs more is refused.", ge=512)
    ] = 2048
    parser_seconds: Annotated[
        int, Field(description="Seconds of processor time to parse a file in, and 8 more for each MiB of it.", ge=1)
    ] = 40
    active_content: Annotated[
        str,
        Field(
            description="`refuse` files with macros or embedded programs, or `strip`: take their text without them.",
            pattern="^(refuse|strip)$",
        ),
    ] = "refuse"
    recognizers: Annotated[
        Path | None,
        Field(description="A TOML file of recognizers of personal data that this installation adds."),
    ] = None
    auth_failures: Annotated[
        int,
        Field(description="Wrong credentials that are free before a client waits; its network has ten times.", ge=1),
    ] = 10
    signature_age_s: Annotated[
        int, Field(description="Seconds for which the signature of a request is good.", ge=10, le=3600)
    ] = 300
    trusted_proxies: Annotated[
        tuple[Network, ...],
        NoDecode,
        BeforeValidator(proxies),
        Field(description="Networks of proxies whose `X-Forwarded-For` is believed, with commas between them."),
    ] = ()
    max_question_chars: Annotated[int, Field(description="Longest question, in characters.", ge=16)] = 4000
    block_injected_questions: Annotated[
        bool, Field(description="Refuse questions that look like an injection, where the default only flags them.")
    ] = False
    passages: Annotated[int, Field(description="Most passages that an answer is written from.", ge=1, le=50)] = 8
    llm_base_url: Annotated[
        str | None, Field(description="An OpenAI-compatible server, such as `http://127.0.0.1:8080/v1`.")
    ] = None
    llm_api_key: Annotated[SecretStr | None, Field(description="Its API key.")] = None
    llm_plain_http: Annotated[
        bool,
        Field(description="Allow `http://` to another machine, where something else protects the way."),
    ] = False
    llm_model: Annotated[
        str | None, Field(description="The model of every tier that names none; else the first that the server lists.")
    ] = None
    llm_model_fast: Annotated[str | None, Field(description="Model of the tier `fast`.")] = None
    llm_model_standard: Annotated[str | None, Field(description="Model of the tier `standard`.")] = None
    llm_model_premium: Annotated[str | None, Field(description="Model of the tier `premium`.")] = None
    llm_timeout_s: Annotated[float, Field(description="Seconds that a model may take for an answer.", gt=0)] = 60.0
    llm_connect_s: Annotated[float, Field(description="Seconds to wait for a connection to its server.", gt=0)] = 5.0
    llm_first_token_s: Annotated[
        float, Field(description="Seconds to wait for its first word: the prompt is read in them.", gt=0)
    ] = 30.0
    llm_stall_s: Annotated[float, Field(description="Seconds to wait between one word and the next.", gt=0)] = 15.0
    llm_context_tokens: Annotated[
        int,
        Field(description="Tokens that a model takes in and writes together; fewer passages fit into less.", ge=512),
    ] = 8192
    llm_answer_tokens: Annotated[int, Field(description="Most tokens of an answer.", ge=16, le=8192)] = 400

    @model_validator(mode="after")
    def _names_the_provider_that_it_describes(self) -> Self:
        """What is said of a provider is never passed over in silence because nothing says which one."""
        described = [f"oidc_{one}" for one in ("audience", "jwks_url", *(f"{claim}_claim" for claim in _OIDC_CLAIMS))]
        if self.oidc_issuer is None and (given := [one for one in described if one in self.model_fields_set]):
            raise InvalidSetting("RAG_OIDC_ISSUER", f"must be set with RAG_{given[0].upper()}: else no token is taken")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the names are pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # passes over what it cannot read or use
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        sources = (
            init_settings,
            env_settings,
            InitSettingsSource(settings_cls, secret_files(settings_cls.model_fields)),
        )
        if config := os.environ.get("RAG_CONFIG"):
            return (*sources, TomlConfigSettingsSource(settings_cls, toml_file=Path(config)))
        return sources


def load_settings(**overrides: object) -> Settings:
    """The settings of this process; ``overrides`` stand for command-line options and win.

    Raises:
        InvalidSetting: a value cannot be used, a file of a secret cannot be read, or the file named by ``RAG_CONFIG``
            is absent or malformed.
    """
    config = os.environ.get("RAG_CONFIG")
    if config and not Path(config).is_file():
        raise InvalidSetting("RAG_CONFIG", f"there is no file {config}")
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]  # values are validated by pydantic
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = "RAG_" + "_".join(str(part) for part in first["loc"]).upper()
        is_unknown = first["type"] == "extra_forbidden"
        detail = "there is no such setting" if is_unknown else first["msg"].removeprefix("Value error, ")
        raise InvalidSetting(name, detail) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise InvalidSetting("RAG_CONFIG", f"{config} is no TOML file") from None
