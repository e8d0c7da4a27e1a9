-- What servers do on a schedule with backups, one row for each kind of it: the time that it was last due, who has taken that on and
-- until when nobody else may, and how it went. It speaks of this database and is never copied. The table belongs to package
-- backup and to no tenant.
CREATE TABLE backup_job (
    name         {{key}}  NOT NULL PRIMARY KEY,
    due_at       {{time}} NOT NULL,
    holder       {{key}}  NOT NULL,
    held_until   {{time}} NOT NULL,
    succeeded_at {{time}},
    failed_at    {{time}},
    failures     {{int}}  NOT NULL,
    millis       {{int}}  NOT NULL,
    bytes        {{int}}  NOT NULL,
    fault        {{text}} NOT NULL
);
