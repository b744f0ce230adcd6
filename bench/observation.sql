-- Ten clinical columns, as a laboratory interface writes them.

CREATE TABLE :"name" (
    id           bigint PRIMARY KEY,
    patient_id   integer NOT NULL,
    encounter_id uuid NOT NULL,
    code         text NOT NULL,
    display      text NOT NULL,
    value        numeric(10,2),
    unit         text,
    status       text NOT NULL,
    observed_at  timestamptz NOT NULL,
    note         text
);
