-- How a kept recording came to its end: complete, interrupted or cut_short.
ALTER TABLE recordings ADD COLUMN ended TEXT NOT NULL DEFAULT 'complete';

-- Audio that the disk was too slow for.
ALTER TABLE recordings ADD COLUMN missing_milliseconds BIGINT NOT NULL DEFAULT 0;

-- When it was paused: a JSON array of pairs of milliseconds since its start; the last may be open.
ALTER TABLE recordings ADD COLUMN pauses TEXT NOT NULL DEFAULT '[]';

-- The key of an encrypted recording, itself sealed under secret.key. Without it there is no recording.
ALTER TABLE recordings ADD COLUMN sealed_key TEXT;
