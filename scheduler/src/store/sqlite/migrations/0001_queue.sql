-- Moments are milliseconds since 1970 UTC (`…_ms`), ids are text as the API prints them, states their names there.

CREATE TABLE tenants (
    name TEXT NOT NULL PRIMARY KEY,
    weight INTEGER NOT NULL,
    max_running INTEGER NOT NULL,
    max_queued INTEGER NOT NULL,
    -- Processor time that ended attempts used (thousandths of a processor times milliseconds), decayed to usage_ms.
    usage REAL NOT NULL DEFAULT 0,
    usage_ms INTEGER NOT NULL DEFAULT 0,
    webhook_key BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE queues (
    name TEXT NOT NULL PRIMARY KEY,
    max_running INTEGER NOT NULL,
    max_queued INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO queues (name, max_running, max_queued) VALUES ('default', 10000, 1000000);

-- Jobs of one tenant and queue that ask the same of a worker. The counts are what dispatch looks at instead of jobs.
CREATE TABLE lanes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    queue TEXT NOT NULL REFERENCES queues (name),
    needs TEXT NOT NULL,
    queued INTEGER NOT NULL DEFAULT 0 CHECK (queued >= 0),
    running INTEGER NOT NULL DEFAULT 0 CHECK (running >= 0),
    -- Sum of leased_ms of what runs, so that what it used until any moment is one multiplication.
    leased_sum_ms INTEGER NOT NULL DEFAULT 0,
    -- The worker that keeps room free for the head of this lane, and until when.
    held_by TEXT,
    held_ms INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, queue, needs)
) STRICT;

CREATE INDEX lanes_active ON lanes (tenant) WHERE queued > 0 OR running > 0;
CREATE INDEX lanes_empty ON lanes (id) WHERE queued = 0 AND running = 0;

CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    queue TEXT NOT NULL,
    name TEXT NOT NULL,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    strikes INTEGER NOT NULL DEFAULT 0,
    cancel INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL,
    worker TEXT,
    reason TEXT,
    exit_code INTEGER,
    submitted_ms INTEGER NOT NULL,
    leased_ms INTEGER,
    started_ms INTEGER,
    ended_ms INTEGER,
    retry_of TEXT,
    -- Its lane while it has not ended; lanes that are empty are removed.
    lane INTEGER NOT NULL,
    -- submitted_ms - priority * 60000: smaller goes first.
    rank INTEGER NOT NULL,
    -- When something is due: the end of its patience while it waits, the end of its lease while it is leased.
    due_ms INTEGER,
    -- Since when it waits, and how long it may from then on.
    waits_ms INTEGER NOT NULL,
    patience_ms INTEGER,
    -- How many reports and steps it has, how many events it had, how many of them its worker told of in this attempt.
    reports INTEGER NOT NULL,
    steps INTEGER NOT NULL,
    events INTEGER NOT NULL,
    noted INTEGER NOT NULL DEFAULT 0,
    -- The log of the latest attempt, and of all of them.
    log_bytes INTEGER NOT NULL DEFAULT 0,
    kept_bytes INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX jobs_waiting ON jobs (lane, rank) WHERE state = 'queued';
CREATE INDEX jobs_oldest ON jobs (lane, submitted_ms) WHERE state = 'queued';
CREATE INDEX jobs_held ON jobs (worker) WHERE state IN ('leased', 'running');
CREATE INDEX jobs_due ON jobs (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (ended_ms) WHERE ended_ms IS NOT NULL;
CREATE INDEX jobs_of_tenant ON jobs (tenant, id);
CREATE INDEX jobs_in_state ON jobs (state, id);

-- What is long and rarely changes, apart from the rows that change often.
CREATE TABLE specs (
    job TEXT NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    spec TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE results (
    job TEXT NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    result TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    what TEXT NOT NULL,
    PRIMARY KEY (job, seq)
) STRICT, WITHOUT ROWID;

-- Pieces of logs. One without bytes is in the file of its attempt, at the same place as in the log.
CREATE TABLE logs (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    start INTEGER NOT NULL,
    length INTEGER NOT NULL,
    bytes BLOB
) STRICT;

CREATE UNIQUE INDEX logs_place ON logs (job, attempt, start);

CREATE TABLE keys (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    used_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX keys_of_job ON keys (job);
CREATE INDEX keys_by_age ON keys (used_ms);

CREATE TABLE workers (
    name TEXT NOT NULL PRIMARY KEY,
    registration TEXT NOT NULL,
    token BLOB NOT NULL,
    seen_ms INTEGER NOT NULL,
    draining INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX workers_by_token ON workers (token);

CREATE TABLE tokens (
    name TEXT NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    permits TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    ciphertext BLOB NOT NULL,
    set_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE blobs (
    digest TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    -- How many jobs name it.
    uses INTEGER NOT NULL DEFAULT 0 CHECK (uses >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX blobs_unused ON blobs (used_ms) WHERE uses = 0;

CREATE TABLE blob_owners (
    digest TEXT NOT NULL REFERENCES blobs (digest) ON DELETE CASCADE,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    PRIMARY KEY (digest, tenant)
) STRICT, WITHOUT ROWID;

CREATE TABLE blob_uses (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    digest TEXT NOT NULL REFERENCES blobs (digest),
    PRIMARY KEY (job, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX blob_uses_of ON blob_uses (digest);

CREATE TABLE deliveries (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    report INTEGER NOT NULL,
    url TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    error TEXT,
    PRIMARY KEY (job, report)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_due ON deliveries (next_ms) WHERE state = 'pending';
CREATE INDEX deliveries_settled ON deliveries (next_ms) WHERE state <> 'pending';

-- Bytes that are kept: `logs`, `blobs`.
CREATE TABLE totals (
    name TEXT NOT NULL PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO totals (name, bytes) VALUES ('logs', 0), ('blobs', 0);

-- Files that nothing refers to any more and that may still be there: `log` by path, `blob` by digest.
CREATE TABLE removals (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
