-- What a trunk has beyond its address: never searched by, hence JSON.
ALTER TABLE trunks ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';

-- A port of 0 is none: DNS says which. Until now every trunk had the usual one.
UPDATE trunks SET port = 0 WHERE port = 5060;
