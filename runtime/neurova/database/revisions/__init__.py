"""Read, run and write the revisions of a database; the migrations of all backends."""
