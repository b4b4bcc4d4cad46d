-- SPDX-License-Identifier: ISC
-- What a cathedral has to know, first version.  Flock ids are 64-bit numbers as SQL's signed
-- integers.  Cathedral secrets are XChaCha20-Poly1305 under the key file (sealed); digests are
-- BLAKE2b under it, over all of a row with what belongs to it, secrets included: who lacks the key
-- file learns nothing from them, and cannot change a row without its being noticed.

-- "id" (a random name of this file), "vault" (which key file it goes with), "database" (whose
-- changes these are), "fleet" (the digest of the cathedrals).
CREATE TABLE facts (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
  name  TEXT    NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES
  ('until', 0),       -- the service's number up to which all is known here
  ('version', 0),     -- of the last transaction that changed something
  ('fleet', 0),       -- of the last that changed the cathedrals
  ('forgotten', 0),   -- up to which not all that went is in 'gone' any more
  ('sweep', 0),       -- how often the service began to tell all there is
  ('sweeping', 0),    -- it has not come to its end yet
  ('swept', 0),       -- the last that came to its end
  ('fleet_sweep', 0); -- in which the cathedrals came up

-- version: in which it changed; sweep: in which it came up.  The large column is the last, so that
-- the others are read and written without it.
CREATE TABLE flocks (
  id      INTEGER NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  sweep   INTEGER NOT NULL,
  digest  BLOB    NOT NULL CHECK (length(digest) = 32),
  keks    BLOB    NOT NULL CHECK (length(keks) = 32), -- the set that the slice is between
  slice   BLOB    NOT NULL
) STRICT;
CREATE INDEX flocks_version ON flocks (version);

CREATE TABLE devices (
  flock  INTEGER NOT NULL REFERENCES flocks (id) ON DELETE CASCADE,
  kek    INTEGER NOT NULL CHECK (kek BETWEEN 1 AND 255),
  id     INTEGER NOT NULL CHECK (id BETWEEN 0 AND 4294967295),
  mbit   INTEGER NOT NULL CHECK (mbit BETWEEN 0 AND 4294967295),
  cosk   BLOB    NOT NULL CHECK (length(cosk) = 32),
  sealed BLOB    NOT NULL CHECK (length(sealed) = 72),
  PRIMARY KEY (flock, kek),
  UNIQUE (flock, id)
) STRICT, WITHOUT ROWID;

-- a is the lower as a number without sign.  A flock of it may come up later than it does.
CREATE TABLE xflocks (
  a       INTEGER NOT NULL,
  b       INTEGER NOT NULL,
  version INTEGER NOT NULL,
  sweep   INTEGER NOT NULL,
  digest  BLOB    NOT NULL CHECK (length(digest) = 32),
  keks    BLOB    NOT NULL CHECK (length(keks) = 64), -- a's set, b's set
  slice   BLOB    NOT NULL,
  PRIMARY KEY (a, b)
) STRICT;
CREATE INDEX xflocks_b ON xflocks (b);
CREATE INDEX xflocks_version ON xflocks (version);

-- What went, for who reads on from before: (f, f) a flock, (a, b) an xflock.  The oldest go first.
CREATE TABLE gone (
  a       INTEGER NOT NULL,
  b       INTEGER NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (a, b)
) STRICT, WITHOUT ROWID;
CREATE INDEX gone_version ON gone (version);

CREATE TABLE cathedrals (
  name     TEXT    NOT NULL PRIMARY KEY,
  region   TEXT    NOT NULL,
  ip       BLOB    NOT NULL CHECK (length(ip) = 16),
  port     INTEGER NOT NULL CHECK (port BETWEEN 0 AND 65535),
  nat_port INTEGER NOT NULL CHECK (nat_port BETWEEN 0 AND 65535),
  shroud   INTEGER NOT NULL CHECK (shroud IN (0, 1)),
  draining INTEGER NOT NULL CHECK (draining IN (0, 1))
) STRICT, WITHOUT ROWID;
