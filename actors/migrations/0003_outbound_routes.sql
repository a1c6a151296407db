-- Patterns, permissions, hours and the order of trunks are never searched by: JSON.
CREATE TABLE outbound_routes (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    enabled BOOLEAN NOT NULL,
    priority BIGINT NOT NULL,
    patterns TEXT NOT NULL,
    strip BIGINT NOT NULL,
    prepend TEXT NOT NULL,
    permissions TEXT NOT NULL,
    schedule TEXT,
    trunks TEXT NOT NULL,
    kind TEXT NOT NULL
);

-- What an extension may dial outside: everything but premium numbers, as a new one has it.
ALTER TABLE extensions ADD COLUMN permissions TEXT NOT NULL
    DEFAULT '["local","national","mobile","international","toll_free"]';
