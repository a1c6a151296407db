-- Times are microseconds since 1970 UTC, durations milliseconds, ids and words text as over REST.
-- Structured settings that are never searched by (destinations, menu choices) are JSON.

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    role TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT
);
CREATE INDEX tokens_user ON tokens (user_id);

CREATE TABLE extensions (
    id TEXT NOT NULL PRIMARY KEY,
    number TEXT NOT NULL,
    name TEXT NOT NULL,
    user_id TEXT REFERENCES users (id),
    kind TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    -- Fernet under secret.key: digest authentication needs the clear text.
    password TEXT NOT NULL,
    ring_timeout BIGINT NOT NULL,
    incoming_limit BIGINT NOT NULL
);
CREATE UNIQUE INDEX extensions_number ON extensions (number);
CREATE INDEX extensions_user ON extensions (user_id);

CREATE TABLE trunks (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    enabled BOOLEAN NOT NULL,
    host TEXT,
    port BIGINT NOT NULL,
    transport TEXT NOT NULL,
    trusted TEXT NOT NULL,
    username TEXT,
    password TEXT,
    caller_id TEXT,
    outbound_prefix TEXT,
    max_calls BIGINT NOT NULL
);

CREATE TABLE agents (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    extension_id TEXT NOT NULL UNIQUE REFERENCES extensions (id),
    user_id TEXT REFERENCES users (id),
    max_missed BIGINT NOT NULL
);
CREATE INDEX agents_user ON agents (user_id);

CREATE TABLE queues (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    extension TEXT,
    strategy TEXT NOT NULL,
    max_wait BIGINT NOT NULL,
    max_length BIGINT NOT NULL,
    max_wait_no_agent BIGINT NOT NULL,
    overflow TEXT,
    ring_timeout BIGINT NOT NULL,
    retry_delay BIGINT NOT NULL,
    wrap_up BIGINT NOT NULL,
    announce_position BOOLEAN NOT NULL,
    announce_interval BIGINT NOT NULL,
    hold_music TEXT NOT NULL,
    record BOOLEAN NOT NULL
);

CREATE TABLE queue_agents (
    queue_id TEXT NOT NULL REFERENCES queues (id) ON DELETE CASCADE,
    agent_id TEXT NOT NULL REFERENCES agents (id),
    level BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (queue_id, agent_id)
);
CREATE INDEX queue_agents_agent ON queue_agents (agent_id);

CREATE TABLE ivr_menus (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    extension TEXT,
    prompt TEXT NOT NULL,
    choices TEXT NOT NULL,
    dial_extension BOOLEAN NOT NULL,
    first_digit_timeout BIGINT NOT NULL,
    inter_digit_timeout BIGINT NOT NULL,
    retries BIGINT NOT NULL,
    on_failure TEXT NOT NULL
);

CREATE TABLE dids (
    id TEXT NOT NULL PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    trunk_id TEXT REFERENCES trunks (id),
    destination TEXT NOT NULL
);
CREATE INDEX dids_trunk ON dids (trunk_id);

-- One namespace for all that can be dialled inside: whoever comes second is refused.
CREATE TABLE numbers (
    number TEXT NOT NULL PRIMARY KEY,
    extension_id TEXT UNIQUE REFERENCES extensions (id) ON DELETE CASCADE,
    queue_id TEXT UNIQUE REFERENCES queues (id) ON DELETE CASCADE,
    ivr_menu_id TEXT UNIQUE REFERENCES ivr_menus (id) ON DELETE CASCADE
);

-- The record itself is JSON, and what lists are filtered and sorted by stands beside it, written from
-- it. Records outlive the queues, agents and trunks they name, hence no foreign keys.
CREATE TABLE cdrs (
    id TEXT NOT NULL PRIMARY KEY,
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    direction TEXT NOT NULL,
    from_number TEXT NOT NULL,
    to_number TEXT NOT NULL,
    disposition TEXT NOT NULL,
    queue_id TEXT,
    agent_id TEXT,
    did_id TEXT,
    trunk_id TEXT,
    record TEXT NOT NULL
);
CREATE INDEX cdrs_started ON cdrs (started_at, id);
CREATE INDEX cdrs_queue ON cdrs (queue_id, started_at);
CREATE INDEX cdrs_agent ON cdrs (agent_id, started_at);
CREATE INDEX cdrs_from ON cdrs (from_number, started_at);
CREATE INDEX cdrs_to ON cdrs (to_number, started_at);

CREATE TABLE recordings (
    id TEXT NOT NULL PRIMARY KEY,
    call_id TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    queue_id TEXT,
    agent_id TEXT,
    file TEXT,
    milliseconds BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    failure TEXT
);
CREATE INDEX recordings_started ON recordings (started_at, id);
CREATE INDEX recordings_call ON recordings (call_id);

-- The events of one finished call, as JSON.
CREATE TABLE timelines (
    call_id TEXT NOT NULL PRIMARY KEY,
    ended_at BIGINT NOT NULL,
    events TEXT NOT NULL
);
CREATE INDEX timelines_ended ON timelines (ended_at);

-- Events that belong to an agent, a phone or the office rather than to one call.
CREATE TABLE events (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    type TEXT NOT NULL,
    agent_id TEXT,
    event TEXT NOT NULL
);
CREATE INDEX events_at ON events (at);
CREATE INDEX events_agent ON events (agent_id, at);
