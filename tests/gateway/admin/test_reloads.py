"""A failed reload is kept until the service reloads successfully."""

from neurova.errors import LoadError
from neurova_gateway.admin.reloads import Reloads


def test_failed_reload_has_file_line_and_first_time() -> None:
    now = iter([10.0, 20.0, 30.0])
    reloads = Reloads(lambda: next(now))
    reloads.record("shop", LoadError("name 'x' is not defined", where="functions/shop/buy.py:12"))
    reloads.record("shop", LoadError("invalid syntax", where="functions/shop/buy.py:14"))
    reloads.record("book", RuntimeError("unexpected"))
    book, shop = reloads.failed()
    assert (shop.file, shop.line, shop.since) == ("functions/shop/buy.py", 14, 10.0)
    assert (book.service, book.file, book.line, book.message) == ("book", "", 0, "unexpected")
