-- Whether a lane began to wait and had no turn since. It was told of tenants, where a job that no worker can run kept
-- all the others of its tenant from ever being newcomers again.
ALTER TABLE lanes ADD COLUMN newcomer INTEGER NOT NULL DEFAULT 1;
ALTER TABLE tenants DROP COLUMN newcomer;

-- The largest part of its weight that a tenant stood at when it got a turn in this queue, decayed to furthest_ms.
ALTER TABLE queues ADD COLUMN furthest REAL NOT NULL DEFAULT 0;
ALTER TABLE queues ADD COLUMN furthest_ms INTEGER NOT NULL DEFAULT 0;
DROP TABLE furthest;

-- The part of its weight that a tenant counts as having used in a queue beyond what it did, decayed to at_ms.
CREATE TABLE handicaps (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    queue TEXT NOT NULL REFERENCES queues (name),
    part REAL NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, queue)
) STRICT, WITHOUT ROWID;
