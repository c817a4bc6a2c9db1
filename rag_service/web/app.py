"""The REST service."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from rag_service import __version__
from rag_service.web import documents, health, jobs, query
from rag_service.web.intake import Intake
from rag_service.web.limits import BodyLimit
from rag_service.web.problems import add_problem_handlers
from rag_service.wiring import Service


def create_app(service: Service) -> FastAPI:
    """An application over a service that stays open as long as the application runs.

    Its documentation pages bring their own scripts, so that a reader's browser fetches nothing from elsewhere.
    """
    app = FastAPIOffline(
        title="rag-service",
        version=__version__,
        summary="Answers with citations over each tenant's own documents.",
        description="Authenticate with `Authorization: Bearer <API key>`. Errors are problem details (RFC 9457).",
    )
    app.state.service = service
    app.state.intake = Intake(service.settings.max_upload_mb * 2**20)
    app.include_router(query.router)
    app.include_router(documents.router)
    app.include_router(jobs.router)
    app.include_router(health.router)
    add_problem_handlers(app)
    app.add_middleware(BodyLimit)
    return app
