-- The first version of an Annals database.
--
-- Ids are the 16 bytes of their ULID, so they order by creation. Times are microseconds of UTC. Every table is STRICT: a value of
-- another type is refused when it is written, not found when it is read.

-- Isolation boundary: staging, production.
CREATE TABLE environments (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Exactly one row, written when the database was empty.
CREATE TABLE installation (
    one            INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    environment    BLOB    NOT NULL REFERENCES environments (id),
    shard          INTEGER NOT NULL,
    -- Signs download links. Whoever reads this file can sign them, and can read everything else too.
    signing_secret BLOB    NOT NULL CHECK (length(signing_secret) = 32),
    created_at     INTEGER NOT NULL
) STRICT;

-- ---- commit log ----

-- A shard is a sequence of commits with one writer. Claiming it raises `epoch`; a commit that names an older one is refused.
CREATE TABLE shards (
    id       INTEGER NOT NULL PRIMARY KEY,
    epoch    INTEGER NOT NULL CHECK (epoch > 0),
    -- Commits up to this number are in the lake, and their rows are gone.
    released INTEGER NOT NULL CHECK (released >= 0)
) STRICT;

-- One row for one group commit, whatever number of records it carries. The number of a shard's last commit is not stored: it is
-- the highest one here, or `released` when there is none. So a commit writes to this table only.
--
-- `position` is shard * 2^40 + number. It is the row id, because appending at the end of a table by row id is the cheapest write
-- that SQLite has: a two-column key costs a second b-tree.
CREATE TABLE commits (
    position INTEGER NOT NULL PRIMARY KEY,
    blob     BLOB    NOT NULL
) STRICT;

-- For each organization the seq that its next event takes, as far as commits are released. Rows in `commits` go on from there.
CREATE TABLE heads (
    shard        INTEGER NOT NULL,
    organization BLOB    NOT NULL CHECK (length(organization) = 16),
    next_seq     INTEGER NOT NULL CHECK (next_seq >= 0),
    PRIMARY KEY (shard, organization)
) STRICT, WITHOUT ROWID;

-- ---- organizations ----

CREATE TABLE organizations (
    id                 BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    environment        BLOB    NOT NULL REFERENCES environments (id),
    name               TEXT    NOT NULL,
    -- Lower case, made by the program: SQLite only knows the case of ASCII letters.
    search_name        TEXT    NOT NULL,
    -- A JSON object of strings.
    metadata           TEXT    NOT NULL,
    external_id        TEXT,
    stripe_customer_id TEXT,
    allow_profiles_outside_organization INTEGER NOT NULL,
    -- NULL: never set.
    retention_days     INTEGER,
    created_at         INTEGER NOT NULL,
    -- Rises with every change; an update names the value that it read.
    updated_at         INTEGER NOT NULL
) STRICT;

CREATE INDEX organizations_by_environment ON organizations (environment, id);
CREATE UNIQUE INDEX organizations_by_external_id ON organizations (environment, external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX organizations_by_stripe_customer_id ON organizations (environment, stripe_customer_id) WHERE stripe_customer_id IS NOT NULL;

-- A domain belongs to one organization of an environment. `place` keeps the order in which the caller gave them.
CREATE TABLE organization_domains (
    environment  BLOB    NOT NULL,
    domain       TEXT    NOT NULL,
    id           BLOB    NOT NULL CHECK (length(id) = 16),
    organization BLOB    NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    place        INTEGER NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('failed', 'legacy_verified', 'pending', 'unverified', 'verified')),
    strategy     TEXT    CHECK (strategy IN ('dns', 'manual')),
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (environment, domain)
) STRICT, WITHOUT ROWID;

CREATE INDEX organization_domains_by_organization ON organization_domains (organization, place);

-- With the domains as a JSON array, so that one statement reads all of an organization.
CREATE VIEW organizations_whole AS
SELECT o.*, (
    SELECT json_group_array(json_object('id', hex(d.id), 'domain', d.domain, 'state', d.state, 'strategy', d.strategy,
                                        'created_at', d.created_at, 'updated_at', d.updated_at) ORDER BY d.place)
    FROM organization_domains AS d WHERE d.organization = o.id
) AS domains
FROM organizations AS o;

-- ---- API keys ----

CREATE TABLE api_keys (
    id               BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    environment      BLOB    NOT NULL REFERENCES environments (id),
    -- NULL: the environment's own key.
    organization     BLOB    REFERENCES organizations (id) ON DELETE CASCADE,
    -- SHA-256 of the key. The key itself is stored nowhere.
    digest           BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    name             TEXT    NOT NULL,
    obfuscated_value TEXT    NOT NULL,
    -- A JSON array of strings.
    permissions      TEXT    NOT NULL,
    last_used_at     INTEGER,
    expires_at       INTEGER,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;

CREATE INDEX api_keys_by_organization ON api_keys (organization, id);

-- ---- actions ----

CREATE TABLE actions (
    id             BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    environment    BLOB    NOT NULL REFERENCES environments (id),
    name           TEXT    NOT NULL,
    latest_version INTEGER NOT NULL CHECK (latest_version > 0),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    UNIQUE (environment, name)
) STRICT;

CREATE INDEX actions_by_environment ON actions (environment, id);

-- Immutable: a change is a new version.
CREATE TABLE schemas (
    action     BLOB    NOT NULL REFERENCES actions (id),
    version    INTEGER NOT NULL CHECK (version > 0),
    -- Rises with the version.
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    -- JSON: targets, and the JSON Schemas of metadata.
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (action, version),
    UNIQUE (action, id)
) STRICT, WITHOUT ROWID;

CREATE VIEW actions_with_latest AS
SELECT a.*, s.id AS schema_id, s.body AS schema_body, s.created_at AS schema_created_at
FROM actions AS a JOIN schemas AS s ON s.action = a.id AND s.version = a.latest_version;

-- ---- exports ----

-- The job and its state; the file is on the lake's storage. Rows outlive their organization.
CREATE TABLE exports (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    environment  BLOB    NOT NULL REFERENCES environments (id),
    organization BLOB    NOT NULL CHECK (length(organization) = 16),
    state        TEXT    NOT NULL CHECK (state IN ('pending', 'ready', 'error', 'expired')),
    -- JSON.
    filter       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX exports_by_state ON exports (state, updated_at);

-- ---- idempotent answers ----

-- What was answered to a request that carried an idempotency key.
CREATE TABLE answers (
    environment    BLOB    NOT NULL,
    -- SHA-256 over method, path, key owner and key.
    digest         BLOB    NOT NULL CHECK (length(digest) = 32),
    request_digest BLOB    NOT NULL CHECK (length(request_digest) = 32),
    status         INTEGER NOT NULL,
    body           BLOB    NOT NULL,
    at             INTEGER NOT NULL,
    PRIMARY KEY (environment, digest)
) STRICT;

CREATE INDEX answers_by_time ON answers (at);
