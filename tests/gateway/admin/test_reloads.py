"""The last fault of a service is told until it reloads well."""

from neurova.errors import LoadError
from neurova_gateway.admin.reloads import Reloads


def test_a_fault_is_told_with_its_place_and_since_when() -> None:
    now = iter([10.0, 20.0, 30.0])
    reloads = Reloads(lambda: next(now))
    reloads.told("shop", LoadError("functions/shop/buy.py:12: name 'x' is not defined"))
    reloads.told("shop", LoadError("functions/shop/buy.py:14: invalid syntax"))
    reloads.told("book", RuntimeError("no place"))
    book, shop = reloads.faults()
    assert (shop.file, shop.line, shop.since) == ("functions/shop/buy.py", 14, 10.0)
    assert (book.service, book.file, book.line, book.message) == ("book", "", 0, "no place")


def test_a_good_reload_ends_it() -> None:
    reloads = Reloads()
    reloads.told("shop", LoadError("functions/shop/buy.py:12: x"))
    reloads.told("shop", None)
    reloads.told("other", None)
    assert reloads.faults() == []
