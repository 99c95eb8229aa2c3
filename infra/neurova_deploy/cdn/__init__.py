"""Build the files of a public page, and publish them on a CDN."""
