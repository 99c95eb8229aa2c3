"""The front door: edge, paths, routes, plugins, keys, limits."""
