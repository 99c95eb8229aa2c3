"""Tests of the RabbitMQ fixtures that other tests use."""

from __future__ import annotations

import pytest
from tests.servers.rabbitmq import RabbitServer

pytestmark = pytest.mark.server


def test_killed_server_keeps_its_virtual_hosts(own_rabbitmq: RabbitServer) -> None:
    own_rabbitmq.create()
    before = own_rabbitmq.control("list_vhosts")
    own_rabbitmq.kill()
    assert not own_rabbitmq.is_ready()
    own_rabbitmq.start()
    assert own_rabbitmq.control("list_vhosts") == before
