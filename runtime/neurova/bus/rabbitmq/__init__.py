"""The bus on RabbitMQ: a quorum queue and dead-letter queue per subscription, and retry queues."""
