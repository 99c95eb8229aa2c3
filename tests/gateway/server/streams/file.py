"""Send this file."""

from pathlib import Path

from starlette.responses import FileResponse

from neurova import get


@get("/file", public=True)
async def file():
    return FileResponse(Path(__file__))
