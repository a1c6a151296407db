-- Classes of hold music beside the built-in one.
CREATE TABLE music_classes (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    play_order TEXT NOT NULL,
    stream TEXT
);

-- Uploaded sounds: prompts, and the pieces of the classes in the order they were added. Their files
-- lie in sounds/.
CREATE TABLE sounds (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    class_id TEXT REFERENCES music_classes (id),
    format TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    milliseconds BIGINT NOT NULL,
    loudness BIGINT,
    gain BIGINT NOT NULL,
    added_at BIGINT NOT NULL
);

CREATE UNIQUE INDEX prompts_by_name ON sounds (name) WHERE class_id IS NULL;

ALTER TABLE extensions ADD COLUMN hold_music TEXT;
ALTER TABLE ivr_menus ADD COLUMN language TEXT;
