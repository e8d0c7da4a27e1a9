-- What concerns these databases themselves and not what is in them: an id, that they are held still, that they are being
-- filled. It belongs to no tenant and is never copied.
CREATE TABLE data_state (
    name       {{key}}  NOT NULL PRIMARY KEY,
    value      {{text}} NOT NULL,
    changed_at {{time}} NOT NULL
);
