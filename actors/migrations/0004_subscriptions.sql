-- Voice messages waiting for an extension, as whoever keeps the mailboxes says.
CREATE TABLE waiting_messages (
    extension_id TEXT NOT NULL PRIMARY KEY REFERENCES extensions (id) ON DELETE CASCADE,
    new_count BIGINT NOT NULL,
    old_count BIGINT NOT NULL,
    urgent_new_count BIGINT NOT NULL,
    urgent_old_count BIGINT NOT NULL,
    unsolicited BOOLEAN NOT NULL
);

-- Extensions that a phone watches by one subscription. The ids are a JSON array, in order; one that
-- is no more is passed over.
CREATE TABLE blf_lists (
    name TEXT NOT NULL PRIMARY KEY,
    extensions TEXT NOT NULL
);
