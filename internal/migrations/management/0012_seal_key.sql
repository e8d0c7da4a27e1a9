-- Secrets whose keys seal, or have sealed, values in this database: a server that lacks one which is not retired does not start.
-- ordinal numbers them, so that of two servers that begin to seal with different keys at the same time one is refused. estate is
-- what a retired secret left, sealed: the keys that recognize what it authenticated. The table belongs to package seal and to no
-- tenant; its name tells the logical database, because all four may live in one.
CREATE TABLE management_seal_key (
    ordinal     {{int}}    NOT NULL PRIMARY KEY,
    key_id      {{key}}    NOT NULL,
    fingerprint {{key}}    NOT NULL,
    since       {{time}}   NOT NULL,
    retired_at  {{time}},
    estate      {{sealed}} NOT NULL
);

CREATE UNIQUE INDEX management_seal_key_id ON management_seal_key (key_id);

-- Servers that run: which key each makes new values with, and all that it can open, with blanks between. A server begins to use
-- a key when all others can open what it makes, and a key is not retired as long as anybody makes anything with it, or has done
-- so a moment ago: since is when the server began with the one it has. seen_at is moved on every few seconds; a row that was left
-- behind may go. The table belongs to no tenant.
CREATE TABLE seal_server (
    server  {{key}}  NOT NULL PRIMARY KEY,
    makes   {{key}}  NOT NULL,
    since   {{time}} NOT NULL,
    opens   {{text}} NOT NULL,
    seen_at {{time}} NOT NULL
);
