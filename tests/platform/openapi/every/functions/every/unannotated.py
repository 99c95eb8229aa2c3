from neurova import get


@get("/unannotated", public=True)
async def unannotated():
    return {"anything": True}
