from neurova import patch

from .domain import Box, Circle


@patch("/things/{thing}", public=True)
def change(thing: str, shape: Circle | Box | None) -> Circle | Box | None:
    """Change the shape of a thing.

    Without a shape nothing changes, <img src=x onerror=alert(1)> neither.
    """
    return shape
