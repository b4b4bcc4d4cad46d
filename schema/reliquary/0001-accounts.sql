-- SPDX-License-Identifier: ISC
-- The Reliquary's database, first version.  Times are Unix seconds.  Secrets are keyed BLAKE2b
-- hashes (…hash) or XChaCha20-Poly1305 under the key file (…sealed): a copy of this file without
-- the key file opens nothing.  Flock ids are 64-bit numbers as SQL's signed integers.

-- Facts about this database: "id" (a random name of it), "vault" (which key file it goes with).
CREATE TABLE facts (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE accounts (
  id           INTEGER PRIMARY KEY AUTOINCREMENT, -- never shown to anybody
  share_id     TEXT    NOT NULL UNIQUE,
  key_hash     BLOB    NOT NULL UNIQUE CHECK (length(key_hash) = 32),
  created      INTEGER NOT NULL,
  expires      INTEGER NOT NULL,
  suspended    INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1)),
  served       INTEGER NOT NULL DEFAULT 1 CHECK (served IN (0, 1)), -- do cathedrals serve it?
  flocks       INTEGER NOT NULL DEFAULT 0 CHECK (flocks >= 0), -- what it has: by triggers
  max_flocks   INTEGER NOT NULL,
  bw_limit     INTEGER NOT NULL,                  -- Mbit/s a device of it may have at most
  registration TEXT    NOT NULL                   -- the policy that let it in
) STRICT;
CREATE INDEX accounts_expires ON accounts (expires);
CREATE INDEX accounts_served ON accounts (expires) WHERE served = 1;

CREATE TABLE tokens (
  account   INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  id        INTEGER NOT NULL,
  hash      BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
  label     TEXT    NOT NULL,
  scope     INTEGER NOT NULL CHECK (scope BETWEEN 1 AND 3), -- 1 read, 2 approve, 3 full
  created   INTEGER NOT NULL,
  expires   INTEGER,                                        -- NULL: while it is used
  used_day  INTEGER NOT NULL,                               -- days since 1970, not finer
  PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_used ON tokens (used_day);
CREATE INDEX tokens_expires ON tokens (expires) WHERE expires IS NOT NULL;

-- (account, id) first: somebody else's flock is as far away as one that does not exist.
CREATE TABLE flocks (
  account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  id      INTEGER NOT NULL UNIQUE,
  label   TEXT    NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER flock_comes AFTER INSERT ON flocks BEGIN
  UPDATE accounts SET flocks = flocks + 1 WHERE id = NEW.account;
END;
CREATE TRIGGER flock_goes AFTER DELETE ON flocks BEGIN
  UPDATE accounts SET flocks = flocks - 1 WHERE id = OLD.account;
END;

-- What owners approved.
CREATE TABLE devices (
  flock    INTEGER NOT NULL REFERENCES flocks (id) ON DELETE CASCADE,
  id       INTEGER NOT NULL CHECK (id BETWEEN 0 AND 4294967295),
  kek      INTEGER NOT NULL CHECK (kek BETWEEN 1 AND 255),
  cosk     BLOB    NOT NULL CHECK (length(cosk) = 32),
  sealed   BLOB    NOT NULL,                      -- the cathedral secret
  label    TEXT    NOT NULL,
  bw_limit INTEGER NOT NULL,                      -- Mbit/s
  created  INTEGER NOT NULL,
  approved INTEGER NOT NULL,
  PRIMARY KEY (flock, id),
  UNIQUE (flock, kek)
) STRICT, WITHOUT ROWID;

-- What strangers sent.  The flock need not exist: nobody can tell from the answer, nor from how
-- long it took, whether it does.
CREATE TABLE joins (
  flock   INTEGER NOT NULL,
  id      INTEGER NOT NULL CHECK (id BETWEEN 0 AND 4294967295),
  cosk    BLOB    NOT NULL CHECK (length(cosk) = 32),
  sealed  BLOB    NOT NULL,
  label   TEXT    NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (flock, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX joins_created ON joins (created);

CREATE TABLE enrolments (
  flock     INTEGER NOT NULL REFERENCES flocks (id) ON DELETE CASCADE,
  id        INTEGER NOT NULL,
  hash      BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
  label     TEXT    NOT NULL,
  uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
  created   INTEGER NOT NULL,
  expires   INTEGER NOT NULL,
  PRIMARY KEY (flock, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX enrolments_expires ON enrolments (expires);

-- The consent of a flock's owner to tunnels with other; established when both ways are there.
CREATE TABLE xflocks (
  flock   INTEGER NOT NULL REFERENCES flocks (id) ON DELETE CASCADE,
  other   INTEGER NOT NULL CHECK (other <> flock),
  created INTEGER NOT NULL,
  PRIMARY KEY (flock, other)
) STRICT, WITHOUT ROWID;
CREATE INDEX xflocks_other ON xflocks (other);

-- flock_a = flock_b: a flock's own bundle; else flock_a < flock_b.  file: its name in bundles/.
CREATE TABLE bundles (
  flock_a    INTEGER NOT NULL REFERENCES flocks (id) ON DELETE CASCADE,
  flock_b    INTEGER NOT NULL REFERENCES flocks (id) ON DELETE CASCADE,
  generation INTEGER NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
  expires    INTEGER NOT NULL,
  uploaded   INTEGER NOT NULL,
  size       INTEGER NOT NULL,
  hash       BLOB    NOT NULL CHECK (length(hash) = 32),
  file       TEXT    NOT NULL UNIQUE,
  PRIMARY KEY (flock_a, flock_b),
  CHECK (flock_a <= flock_b)
) STRICT, WITHOUT ROWID;
CREATE INDEX bundles_b ON bundles (flock_b);

-- Files that nobody owns any more, however their owner went; removed in the background.
CREATE TABLE leftovers (
  file TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TRIGGER bundle_gone AFTER DELETE ON bundles BEGIN
  INSERT OR IGNORE INTO leftovers (file) VALUES (OLD.file);
END;
CREATE TRIGGER bundle_replaced AFTER UPDATE OF file ON bundles WHEN OLD.file <> NEW.file BEGIN
  INSERT OR IGNORE INTO leftovers (file) VALUES (OLD.file);
END;

CREATE TABLE cathedrals (
  name       TEXT    NOT NULL PRIMARY KEY,
  region     TEXT    NOT NULL,
  address    TEXT    NOT NULL,
  port       INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
  nat_port   INTEGER NOT NULL CHECK (nat_port BETWEEN 0 AND 65535),
  shroud     INTEGER NOT NULL CHECK (shroud IN (0, 1)),
  token_hash BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  draining   INTEGER NOT NULL DEFAULT 0 CHECK (draining IN (0, 1)),
  created    INTEGER NOT NULL,
  seen       INTEGER,                             -- last heartbeat; NULL: never
  version    TEXT    NOT NULL DEFAULT '',
  load       INTEGER NOT NULL DEFAULT 0,          -- thousandths, as it says itself
  UNIQUE (address, port)
) STRICT;

-- What was done with an account; the oldest go first.
CREATE TABLE events (
  account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  number  INTEGER NOT NULL,                       -- 1, 2, … within the account
  at      INTEGER NOT NULL,
  token   TEXT    NOT NULL,                       -- the token's id, or "key", "admin", "service"
  action  TEXT    NOT NULL,
  subject TEXT    NOT NULL,
  PRIMARY KEY (account, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_at ON events (at);

CREATE TABLE invites (
  id        INTEGER NOT NULL PRIMARY KEY,
  hash      BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
  label     TEXT    NOT NULL,
  uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
  created   INTEGER NOT NULL,
  expires   INTEGER NOT NULL
) STRICT;
CREATE INDEX invites_expires ON invites (expires);

-- Challenges that were used, until a day after they would have ended anyway.
CREATE TABLE spent (
  hash    BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_expires ON spent (expires);

-- First answers to requests with an Idempotency-Key; they hold secrets, so they are sealed.
-- account: whose last ones are kept; NULL: a stranger's.
CREATE TABLE repeats (
  hash         BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
  request_hash BLOB    NOT NULL CHECK (length(request_hash) = 32),
  status       INTEGER NOT NULL,
  sealed       BLOB    NOT NULL,
  account      INTEGER REFERENCES accounts (id) ON DELETE CASCADE,
  expires      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX repeats_account ON repeats (account, expires);
CREATE INDEX repeats_expires ON repeats (expires);

-- What cathedrals must hear of, and since when: one row a subject, so that it does not grow with
-- time.  (f, f): flock f, its devices and bundle; (a, b): the xflock; (0, 0): the cathedrals.
-- What is gone for ever is forgotten after a while: who is behind 'forgotten' begins anew.
CREATE TABLE changes (
  flock_a INTEGER NOT NULL,
  flock_b INTEGER NOT NULL,
  number  INTEGER NOT NULL UNIQUE,
  at      INTEGER NOT NULL,
  gone    INTEGER NOT NULL CHECK (gone IN (0, 1)),
  PRIMARY KEY (flock_a, flock_b)
) STRICT, WITHOUT ROWID;
CREATE INDEX changes_gone ON changes (at) WHERE gone = 1;

CREATE TABLE counters (
  name  TEXT    NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('changes', 0), ('forgotten', 0);
