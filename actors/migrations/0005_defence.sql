-- Whose SIP is not listened to. A network as people write it, with its length.
CREATE TABLE bans (
    network TEXT NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL,
    note TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT NOT NULL,
    count BIGINT NOT NULL
);

-- ISO 3166 codes with blanks between them; empty is anywhere.
ALTER TABLE extensions ADD COLUMN countries TEXT NOT NULL DEFAULT '';
