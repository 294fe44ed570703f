-- Whether a tenant began to wait and had no turn since.
ALTER TABLE tenants ADD COLUMN newcomer INTEGER NOT NULL DEFAULT 1;

-- The largest part of its weight that a tenant had used when it got a turn, decayed to at_ms. One row.
CREATE TABLE furthest (
    part REAL NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

INSERT INTO furthest (part, at_ms) VALUES (0, 0);
