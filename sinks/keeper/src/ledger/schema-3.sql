-- From version 2 to 3: rules whose expressions cost too much.

-- How many events a rule was not held against to the end, and when that was the last time.
ALTER TABLE rule ADD COLUMN overruns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rule ADD COLUMN overran INTEGER;
