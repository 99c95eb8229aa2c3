"""The bus on RabbitMQ: quorum queues, each with a dead-letter queue, and shared retry queues."""
