"""The table of all targets: the provider for each value of `[deploy.<name>] target`."""

from __future__ import annotations

from importlib import import_module

from neurova.settings.deploy import Deploy

from .base import Provider

_PROVIDERS = {
    "compose": "compose.provider:ComposeProvider",
    "kubernetes": "kubernetes.provider:KubernetesProvider",
    "lambda": "aws_lambda.provider:LambdaProvider",
}


def provider_of(deploy: Deploy) -> Provider:
    """Return the provider of an environment's target; its module is imported here."""
    module, _, name = _PROVIDERS[deploy.target].partition(":")
    provider: Provider = getattr(import_module(f".{module}", __package__), name)()
    return provider
