-- Rows to load: the same in every run, about 150 bytes each.
SELECT i AS id,
       i % 50000 AS patient_id,
       md5((i / 20)::text)::uuid AS encounter_id,
       (ARRAY['718-7', '2345-7', '2160-0', '2951-2', '2823-3', '6690-2'])[1 + i % 6] AS code,
       (ARRAY['Hemoglobin', 'Glucose', 'Creatinine', 'Sodium', 'Potassium', 'Leukocytes'])[1 + i % 6] AS display,
       CASE WHEN i % 23 <> 0 THEN round((i::bigint * 7919 % 20011) / 100.0, 2) END AS value,
       (ARRAY['g/dL', 'mg/dL', 'mg/dL', 'mmol/L', 'mmol/L', '10*3/uL'])[1 + i % 6] AS unit,
       CASE WHEN i % 17 = 0 THEN 'amended' ELSE 'final' END AS status,
       timestamptz '2026-01-01 00:00:00+00' + i * interval '1.37 s' AS observed_at,
       CASE WHEN i % 5 = 0 THEN 'Sample slightly haemolysed, please repeat if clinically indicated' END AS note
  FROM generate_series(:first, :last) AS i
