-- off, optional, best_effort or required; none: as the configuration says. Trunks have it among their
-- settings.
ALTER TABLE extensions ADD COLUMN srtp TEXT;
