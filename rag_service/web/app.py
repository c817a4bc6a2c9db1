"""The REST service."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from rag_service import __version__
from rag_service.throttle import Throttle
from rag_service.web import access, documents, health, jobs, quarantine, query, token
from rag_service.web.authenticate import authenticated
from rag_service.web.intake import Intake
from rag_service.web.limits import BodyLimit
from rag_service.web.openapi import describe_refusals
from rag_service.web.outermost import Outermost
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
        description="Send `Authorization: Bearer <API key or token>`, or sign each request (RFC 9421). "
        "Errors are problem details (RFC 9457).",
    )
    app.state.service = service
    app.state.throttle = Throttle(service.settings.auth_failures)
    app.state.intake = Intake(service.settings.max_upload_mb * 2**20)
    app.include_router(query.router)
    app.include_router(documents.router)
    app.include_router(access.router)
    app.include_router(jobs.router)
    app.include_router(quarantine.router)
    app.include_router(health.router)
    app.include_router(token.router)
    add_problem_handlers(app, authenticated)
    describe_refusals(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(Outermost)  # the last one added is around all others
    return app
