"""An existing ASGI app that tests copy into the probe's service."""

import asyncio

from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.middleware.cors import CORSMiddleware

from neurova import mount

from .domain import counted

app = FastAPI()
app.add_middleware(CORSMiddleware, allow_origins=["https://app.example"])


class Thing(BaseModel):
    name: str


@app.post("/things/{id}", status_code=201)
async def thing(id: int, thing: Thing, request: Request, later: BackgroundTasks):
    later.add_task(counted.append, "later")
    return {"id": id, "name": thing.name, "consumer": request.state.caller.consumer,
            "identity": request.headers.get("x-neurova-identity")}  # fmt: skip


@app.get("/numbers")
async def numbers(hang: bool = False):
    async def made():
        try:
            for number in range(3):
                yield f"{number}\n"
            if hang:
                await asyncio.Event().wait()
        finally:
            counted.append("numbers")

    return StreamingResponse(made(), media_type="text/plain")


@app.get("/fields")
async def fields():
    from starlette.responses import Response

    return Response(b"", 200, {"Connection": "x-hop", "X-Hop": "1", "Keep-Alive": "5", "X-End": "2",
                               "Date": "never", "Transfer-Encoding": "gzip"})  # fmt: skip


old = mount("/old", app, scopes=["old:use"], limit="50/minute")
