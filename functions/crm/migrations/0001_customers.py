"""Create the tables customers, notes, interactions and texts, and the search index."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# The index stores no text (`content`) and no positions (`detail=none`). The service splits and
# folds words itself, so the `ascii` tokenizer only has to split at spaces.
FTS5 = (
    """
    CREATE VIRTUAL TABLE texts_index USING fts5(
        words, content='texts', content_rowid='seq', detail=none, columnsize=0, prefix='2 3',
        tokenize='ascii'
    )
    """,
    """
    CREATE TRIGGER texts_added AFTER INSERT ON texts BEGIN
        INSERT INTO texts_index (rowid, words) VALUES (new.seq, new.words);
    END
    """,
    """
    CREATE TRIGGER texts_dropped AFTER DELETE ON texts BEGIN
        INSERT INTO texts_index (texts_index, rowid, words) VALUES ('delete', old.seq, old.words);
    END
    """,
    """
    CREATE TRIGGER texts_changed AFTER UPDATE OF words ON texts BEGIN
        INSERT INTO texts_index (texts_index, rowid, words) VALUES ('delete', old.seq, old.words);
        INSERT INTO texts_index (rowid, words) VALUES (new.seq, new.words);
    END
    """,
)
# No text search configuration: the service splits and folds words itself.
TSVECTOR = (
    """
    ALTER TABLE texts ADD COLUMN vector tsvector
        GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED
    """,
    "CREATE INDEX texts_index ON texts USING gin (vector)",
)


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "customers",
        sa.Column("seq", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(), nullable=False, unique=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String()),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("email", sa.String()),
        sa.Column("phone", sa.String()),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("created", moment, nullable=False),
        sa.Column("changed", moment, nullable=False),
        sa.Column("merged_into", sa.String(), sa.ForeignKey("customers.id")),
    )
    for column in ("name_key", "company", "email", "phone"):
        op.create_index(f"ix_customers_{column}", "customers", [column])
    merged = sa.text("merged_into IS NOT NULL")
    op.create_index(
        "merged_customers",
        "customers",
        ["merged_into"],
        sqlite_where=merged,
        postgresql_where=merged,
    )
    op.create_table(
        "notes",
        sa.Column("seq", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(), nullable=False, unique=True),
        sa.Column("customer", sa.String(), sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created", moment, nullable=False),
    )
    op.create_index("notes_of_customer", "notes", ["customer", "seq"])
    op.create_table(
        "interactions",
        sa.Column("seq", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(), nullable=False, unique=True),
        sa.Column("customer", sa.String(), sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created", moment, nullable=False),
    )
    op.create_index("interactions_of_customer", "interactions", ["customer", "at", "seq"])
    op.create_table(
        "texts",
        sa.Column("seq", sa.Integer(), primary_key=True),
        sa.Column("customer", sa.String(), sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
    )
    op.create_index("texts_of_customer", "texts", ["customer", "part"])
    for statement in {"sqlite": FTS5, "postgresql": TSVECTOR}[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE texts_index")
    op.drop_table("texts")
    op.drop_table("interactions")
    op.drop_table("notes")
    op.drop_table("customers")
