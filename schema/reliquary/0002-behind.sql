-- SPDX-License-Identifier: ISC
-- How far cathedrals have followed the changes, as their heartbeats say.

ALTER TABLE cathedrals ADD COLUMN change INTEGER;    -- up to this one it has all; NULL: it does not say
ALTER TABLE cathedrals ADD COLUMN due INTEGER;       -- the last one there was, at due_since
ALTER TABLE cathedrals ADD COLUMN due_since INTEGER; -- when it had reached the one due before; 0: never
