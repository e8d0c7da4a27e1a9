-- Events for the activity log that wait to be moved to the activity database, each written in the transaction of what it tells.
-- document is the event as JSON, without secrets. A row goes once the event is in the log. The table belongs to package
-- activity; its name tells the logical database, because several may live in one.
CREATE TABLE management_activity_outbox (
    tenant_id  {{key}}  NOT NULL,
    id         {{id}}   NOT NULL,
    written_at {{time}} NOT NULL,
    document   {{text}} NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX management_activity_outbox_written ON management_activity_outbox (written_at);

-- The same for what self-service flows tell: a flow's events ride in its own row, so that a login costs no further statement.
-- Both are NULL once the events are in the log; a row with events is not swept.
ALTER TABLE selfservice_flow ADD COLUMN activity {{text}};

ALTER TABLE selfservice_flow ADD COLUMN activity_at {{time}};

CREATE INDEX selfservice_flow_activity ON selfservice_flow (activity_at);
