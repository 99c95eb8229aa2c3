"""Build the files of a public page, and keep them on a CDN."""
