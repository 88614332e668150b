"""The OpenAPI page, served from our own assets: no script comes from elsewhere."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response

from api.middleware import DOCS_CSP
from api.problems import not_found

ASSETS: Final = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
}
_PAGE = """<!doctype html>
<html lang="zh-CN">
<head><meta charset="utf-8"><title>药安 API</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css"></head>
<body><div id="docs"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script></body></html>
"""
_START = """SwaggerUIBundle({url: "/openapi.json", dom_id: "#docs", deepLinking: true,
  validatorUrl: null, persistAuthorization: false, docExpansion: "none"});
"""
_MISSING = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>药安 API</title></head>
<body><h1>药安 API</h1>
<p>接口页面的资源尚未安装，请运行 <code>make setup</code>。
The page's assets are missing: run <code>make setup</code>.</p>
<p><a href="/openapi.json">openapi.json</a></p></body></html>
"""


def router(folder: Path) -> APIRouter:
    """``/docs`` with Swagger UI from ``folder``; without it, a page that says what to run."""
    made = APIRouter(include_in_schema=False)
    headers = {"Content-Security-Policy": DOCS_CSP}

    @made.get("/docs")
    def page() -> HTMLResponse:
        complete = all((folder / name).is_file() for name in ASSETS)
        return HTMLResponse(_PAGE if complete else _MISSING, headers=headers)

    @made.get("/docs/assets/start.js")
    def start() -> Response:
        return Response(_START, media_type="text/javascript")

    @made.get("/docs/assets/{name}")
    def asset(name: str) -> FileResponse:
        if name not in ASSETS or not (folder / name).is_file():
            raise not_found("该文件", "such file")
        return FileResponse(
            folder / name, media_type=ASSETS[name], headers={"Cache-Control": "max-age=86400"}
        )

    return made
