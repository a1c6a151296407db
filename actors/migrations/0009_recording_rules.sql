-- Whether the key of an encrypted recording still lies beside it, to be taken in.
ALTER TABLE recordings ADD COLUMN key_waits BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE recordings SET key_waits = TRUE
    WHERE state = 'saved' AND sealed_key IS NULL AND file LIKE '%.sealed';
CREATE INDEX recordings_keys ON recordings (id) WHERE key_waits = 1;

-- What has files is looked for by when it began, queue by queue: each may keep its own for another time.
CREATE INDEX recordings_kept ON recordings (queue_id, started_at, id)
    WHERE state IN ('saved', 'failed');

-- Whether conversations of an extension are recorded unasked.
ALTER TABLE extensions ADD COLUMN record_enabled BOOLEAN NOT NULL DEFAULT FALSE;
-- wav, mp3 or opus; none: as the configuration says.
ALTER TABLE extensions ADD COLUMN record_format TEXT;
-- A channel for each party; none: as the configuration says.
ALTER TABLE extensions ADD COLUMN record_stereo BOOLEAN;

ALTER TABLE queues ADD COLUMN record_format TEXT;
ALTER TABLE queues ADD COLUMN record_stereo BOOLEAN;
-- How long its recordings are kept, in milliseconds, 0 for ever; none: as the configuration says.
ALTER TABLE queues ADD COLUMN record_keep BIGINT;
