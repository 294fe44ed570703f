-- Whom a delivery goes to, so that no receiver takes the places of the others. What is older stands for itself.
ALTER TABLE deliveries ADD COLUMN host TEXT NOT NULL DEFAULT '';
UPDATE deliveries SET host = url;
