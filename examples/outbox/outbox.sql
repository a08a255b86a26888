CREATE TABLE outbox (
    position   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event      jsonb NOT NULL,            -- one event as POST /v1/events takes it, with an id
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at    timestamptz,
    refusal    jsonb                      -- set where Clarion refused the event: for a person
);
CREATE INDEX outbox_waiting ON outbox (position) WHERE sent_at IS NULL AND refusal IS NULL;
