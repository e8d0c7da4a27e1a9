-- Secrets whose keys seal, or have sealed, values in this database: a server that lacks one which is not retired does not start.
-- ordinal numbers them, so that of two servers that begin to seal with different keys at the same time one is refused. estate is
-- what a retired secret left, sealed: the keys that recognize what it authenticated. The table belongs to package seal and to no
-- tenant; its name tells the logical database, because all four may live in one.
CREATE TABLE activity_seal_key (
    ordinal     {{int}}    NOT NULL PRIMARY KEY,
    key_id      {{key}}    NOT NULL,
    fingerprint {{key}}    NOT NULL,
    since       {{time}}   NOT NULL,
    retired_at  {{time}},
    estate      {{sealed}} NOT NULL
);

CREATE UNIQUE INDEX activity_seal_key_id ON activity_seal_key (key_id);
