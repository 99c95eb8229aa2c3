from neurova import delete


@delete("/things/{id}", scopes=["thing:write"])
async def remove(id: str) -> None:
    """Delete a thing."""
